"""What `throughcare access-log recover` does."""

import os
import secrets

import typer
from sqlalchemy import Connection

from app.access_log import checkpoints
from app.access_log.checkpoint import verifiers_of
from app.access_log.checkpoints import LogForked
from app.access_log.note import NoteRefused, Verifier
from app.administration import log_recovery
from app.administration.log_recovery import Diagnosis
from app.cli.installation import migrate
from app.cli.output import errors, show
from app.crypto.key_ring import KeyRing
from app.database import Database
from app.main import LOG_ADVICE, NotReady, make_clock, make_house, opened, reading
from app.settings import Settings


def recover(origin: str, *, lost_key: Verifier | None, sure: bool, as_json: bool) -> None:
    """Go on with the log under a new name; asks unless `sure`.

    `lost_key` is the old log's, where that key was lost or stolen: a new one is made.

    Raises:
        Conflict: nothing is wrong, the name is not new, or the service runs.
        NotReady: the log was rewritten, or it cannot be told what was signed.
    """
    settings = Settings.from_environment({**os.environ, "THROUGHCARE_LOG_ORIGIN": origin})
    note = checkpoints.read_checkpoint_file(settings.checkpoint_file)
    with opened(settings) as database:
        with reading(settings, checkpoints.CHECKPOINT) as connection:
            fresh = log_recovery.is_done(connection, origin, note)
            if fresh is None:
                diagnosis = _diagnose(connection, settings, note, lost_key)
        if fresh is None:
            if not sure:
                _ask(origin, diagnosis)
            fresh = _go_on(database, settings, diagnosis, lost_key)
        checkpoints.write_checkpoint_file(settings.checkpoint_file, fresh)
    ring = KeyRing.load(settings.key_directory)
    found = {"origin": origin, "log_key": Verifier.of(origin, ring.log_signing).to_vkey()}
    show(found, as_json=as_json)
    if not as_json:
        errors.print(
            "Set THROUGHCARE_LOG_ORIGIN to this name and put the log key into the agreement. Start "
            "the service only once the agencies have taken the key up (docs/runbook.md).",
            soft_wrap=True,
        )


def _diagnose(
    connection: Connection, settings: Settings, note: str | None, lost_key: Verifier | None
) -> Diagnosis:
    # Before a key is replaced as well.
    log_recovery.check_alone(connection)
    log_recovery.check_new(connection, settings.log_origin, note)
    last = checkpoints.latest(connection)
    # Only a signature under this name counts.
    name = (note or ("" if last is None else last.note)).partition("\n")[0]
    verifiers = [lost_key] if lost_key else _known(settings, name)
    try:
        return log_recovery.diagnose(connection, note, verifiers, key_replaced=bool(lost_key))
    except LogForked as error:
        raise NotReady(f"{error}. {LOG_ADVICE[LogForked]} (docs/runbook.md)") from error
    except NoteRefused as error:
        raise NotReady(
            f"the last checkpoint is not signed by the key of the old log ({error}): put the right "
            "file in its place, or name the key with --replace-key if it was lost or stolen"
        ) from error


def _known(settings: Settings, name: str) -> tuple[Verifier, ...]:
    """What checks the old log by the keys that are here."""
    ring = KeyRing.load(settings.key_directory)
    try:
        return verifiers_of(name, ring.log_signing)
    except ValueError:
        return ()


def _ask(origin: str, diagnosis: Diagnosis) -> None:
    last = diagnosis.last.checkpoint
    errors.print(
        f"The log {last.origin} ends here ({', '.join(diagnosis.reasons)}); it was signed up to "
        f"{last.size} entries. What is not in this database is given up for good.",
        markup=False,
        soft_wrap=True,
    )
    if typer.prompt("To go on, type the new name", err=True) != origin:
        raise typer.Abort


def _go_on(
    database: Database, settings: Settings, diagnosis: Diagnosis, lost_key: Verifier | None
) -> str:
    if lost_key is not None:
        KeyRing.replace_log_key(
            settings.key_directory, lost_key.public_key, random=secrets.token_bytes
        )
    ring = KeyRing.load(settings.key_directory)
    database.run_blocking(lambda c: migrate(c, ring))
    at = make_clock(settings)()
    house = make_house(settings, at=at)
    return database.run_blocking(lambda c: log_recovery.recover(c, house, diagnosis, at=at))
