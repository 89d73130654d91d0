"""`throughcare restore`: put back what is missing here of database and keys, from a backup."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app import revisions
from app.access_log import checkpoints, ledger
from app.access_log.note import NoteRefused, Verifier
from app.administration import data_keys
from app.backup import archive, copies
from app.backup.archive import Found, Frame, Head
from app.backup.manifest import Manifest
from app.cli.backup import CHECKPOINT, DATABASE, KEYS, new_file
from app.cli.installation import grant
from app.cli.log_evidence import read_keys
from app.cli.output import Json, errors, show
from app.crypto.errors import CryptoError
from app.crypto.key_ring import KeyRing, staged
from app.engines import make_engine, others_at_work
from app.main import (
    NotReady,
    alone,
    file_of,
    make_clock,
    make_house,
    ready,
)
from app.problems import Conflict, InvalidInput, ThroughcareError
from app.receiver.private_files import read_private_file
from app.revisions import alembic_config
from app.settings import Settings
from throughcare_receiver.errors import UnsafeKey
from throughcare_receiver.keys import DecryptionKey

# On a server `init` grants its roles anew, which are in no backup.
STARTS = "`throughcare init`, then start the service"
DROP_IT = "It was put into the server and must not be used: drop that database (docs/runbook.md)"


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("restore")(restore)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    key: Annotated[
        Path, typer.Option(help="The private key of `backup-key` that it is sealed to.")
    ],
    log_key: Annotated[list[str], typer.Option(help="The log's key (vkey) from the agreement.")],
    newest: Annotated[
        bool,
        typer.Option("--newest", help="Nobody has a newer checkpoint than this backup's: use it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put back what is missing here, of database and keys; what is here is left as it is.

    The service must be stopped. Nothing is ever overwritten: what is to be replaced is moved away
    before. docs/runbook.md says what to do afterwards.
    """
    settings = Settings.from_environment()
    sealed = _Sealed.open(file, _private_key(key))
    found = archive.survey(sealed.frames(), large=DATABASE)
    manifest = _manifest(found, read_keys("--log-key", log_key, Verifier.from_vkey))
    check_fits(manifest, settings)
    with alone(settings):
        restored = _put_back(settings, sealed, found, manifest, newest=newest)
    starts, advice = _verdict(settings)
    result: dict[str, Any] = {
        "restored": restored,
        "made_at": manifest.made_at.isoformat(),
        "entries": manifest.checkpoint.size,
        "origin": manifest.checkpoint.origin,
        "starts": starts,
        "next": advice,
    }
    if as_json:
        show(result, as_json=True)
        return
    show(result, as_json=False)
    if DATABASE in restored:
        errors.print(
            "Who was erased since this backup is back. Before the service starts: `throughcare "
            "retention repeat LOG`, with the newest export that an auditor has (docs/runbook.md).",
            soft_wrap=True,
        )


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A backup and the key that opens it. It is read more than once: first as a whole."""

    file: Path
    head: Head

    @classmethod
    def open(cls, file: Path, key: DecryptionKey) -> Self:
        with file.open("rb") as opened:
            return cls(file, archive.open_head(opened, key.kid, key.private))

    def frames(self) -> Iterator[Frame]:
        with self.file.open("rb") as opened:
            yield from archive.frames(opened, self.head)

    def database(self) -> Iterator[bytes]:
        return archive.content_of(DATABASE, self.frames())


def _private_key(file: Path) -> DecryptionKey:
    try:
        return DecryptionKey.from_pem(read_private_file(file))
    except UnsafeKey as error:
        raise InvalidInput(f"{file}: {error}") from error


def _manifest(found: Found, verifiers: list[Verifier]) -> Manifest:
    """What the log has signed of these parts. NotReady."""
    try:
        manifest = Manifest.from_note(found.manifest, verifiers)
        manifest.check(found.parts)
    except NoteRefused as error:
        raise NotReady(f"this is no backup of the log of --log-key: {error}") from error
    return manifest


def check_fits(manifest: Manifest, settings: Settings) -> None:
    """NotReady where this version, or this kind of database, cannot take the backup."""
    kind = make_url(settings.database_url).get_backend_name()
    if kind != manifest.database:
        raise NotReady(f"the backup is of {manifest.database}, THROUGHCARE_DATABASE_URL is {kind}")
    try:
        ScriptDirectory.from_config(alembic_config()).get_revision(manifest.tables)
    except CommandError as error:
        raise NotReady(
            f"the backup was made by version {manifest.product}, whose tables this version does "
            "not know: restore it with that one"
        ) from error


def _put_back(
    settings: Settings, sealed: _Sealed, found: Found, manifest: Manifest, *, newest: bool
) -> list[str]:
    """Put back what is missing; the names of that."""
    without_database = _without_database(settings)
    without_keys = not _has_keys(settings.key_directory)
    without_checkpoint = checkpoints.read_checkpoint_file(settings.checkpoint_file) is None
    missing = {
        DATABASE: without_database,
        KEYS.rstrip("/"): without_keys,
        CHECKPOINT: without_checkpoint and newest,
    }
    if not any(missing.values()):
        raise Conflict(
            "nothing is missing here that a backup could put back: move away what it shall replace"
            + ("; for the checkpoint, --newest" if without_checkpoint else "")
        )
    with _keys(settings, found, missing=without_keys) as ring:
        if without_database:
            _check_keys(ring, manifest.key_ids)
            put_database(settings, sealed.database(), manifest)
        else:
            with _connected(settings.database_url) as connection:
                _check_keys(ring, data_keys.named(connection))
    # INVARIANT: never unasked. Another checkpoint may have been given out since, and a service
    # that went on from this one would sign another history beside that.
    if missing[CHECKPOINT]:
        note = found.small[CHECKPOINT].decode()
        checkpoints.write_checkpoint_file(settings.checkpoint_file, note)
    return [name for name, absent in missing.items() if absent]


def _without_database(settings: Settings) -> bool:
    file = file_of(settings)
    if file is not None and not file.exists():
        if stray := [one for one in copies.beside(file) if one.exists()]:
            raise NotReady(f"{stray[0]}: belongs to a database that is not here: move it away")
        return True
    with _connected(settings.database_url) as connection:
        if others_at_work(connection):
            raise Conflict("a process of the service is at work on this database: stop it first")
        return not inspect(connection).get_table_names()


def _has_keys(directory: Path) -> bool:
    return directory.exists() and any(directory.iterdir())


@contextmanager
def _keys(settings: Settings, found: Found, *, missing: bool) -> Iterator[KeyRing]:
    """The keys that are here; or those of the backup, put in place when the block ends well."""
    if not missing:
        yield KeyRing.load(settings.key_directory)
        return
    files = {
        name.removeprefix(KEYS): content
        for name, content in found.small.items()
        if name.startswith(KEYS)
    }
    with staged(settings.key_directory, files) as ring:
        yield ring


def _check_keys(ring: KeyRing, named: tuple[str, ...]) -> None:
    """Refuse keys that do not open the database: nothing is put back then."""
    if absent := sorted(set(named) - ring.key_encryption.keys.keys()):
        raise NotReady(
            f"the key-encryption key {absent[0]} is missing, and data hang on it: the database and "
            "the keys are not of the same time. Look for another backup (docs/runbook.md)"
        )


def put_database(settings: Settings, content: Iterator[bytes], manifest: Manifest) -> None:
    """Put this content where no database is. NotReady where it is not that of the manifest."""
    file = file_of(settings)
    if file is None:
        copies.put_into_server(settings.database_url, content)
        # The server's own program has committed: what it put there cannot be read before.
        try:
            _check_database(settings.database_url, manifest)
        except ThroughcareError as error:
            raise NotReady(f"{error}. {DROP_IT}") from error
        _grant_again(settings.database_url)
        return
    copies.remove_file(file)  # empty, if there is one
    with new_file(file) as fresh:
        for piece in content:
            fresh.write(piece)
        fresh.flush()
        _check_database(f"sqlite:///{fresh.name}", manifest)


def _check_database(url: str, manifest: Manifest) -> None:
    """Hold what was put back to what the log signed."""
    with _connected(url) as connection:
        size = ledger.read_head(connection).size
        checkpoints.check_extends(connection, manifest.checkpoint)
    if size != manifest.checkpoint.size:
        raise NotReady("the database in the backup is not the one of its manifest")


def _grant_again(url: str) -> None:
    """Give the roles of a server what they need: a backup holds none of that.

    Tables of an older version get it from `init`, which brings them to this one.
    """
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            if revisions.fit(connection):
                grant(connection)
    finally:
        engine.dispose()


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            yield connection
    except DBAPIError as error:
        raise NotReady(f"the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()


def _verdict(settings: Settings) -> tuple[bool, str]:
    """Whether the installation starts as it is now, and what else has to be done."""
    clock = make_clock(settings)
    try:
        with ready(settings, make_house(settings, at=clock()), clock):
            return True, STARTS
    except (ThroughcareError, CryptoError) as problem:
        return False, str(problem)
