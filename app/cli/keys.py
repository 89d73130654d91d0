"""Commands of the service's own keys: of access tokens, of data at rest, of the access log."""

import json
import secrets
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import Progress

from app.access_log import checkpoints
from app.access_log.note import Verifier
from app.administration import data_keys, log_keys
from app.administration.data_keys import KeyStatus
from app.cli.offline import at_work
from app.cli.output import Json, errors, screen, show
from app.crypto.key_ring import KeyRing
from app.engines import empty_journal
from app.main import reading
from app.settings import Settings

keys = typer.Typer(help="Keys of this service.", no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(keys, name="keys")


class Kind(StrEnum):
    """Which keys: those that sign access tokens, that wrap data keys, sign notices or the log."""

    TOKENS = "tokens"
    DATA = "data"
    NOTICES = "notices"
    LOG = "log"


Which = Annotated[
    Kind,
    typer.Argument(help="Those of access tokens, data at rest, notices, or the access log."),
]


@keys.command("rotate")
def rotate(which: Which = Kind.TOKENS, *, as_json: Json = False) -> None:
    """Use the next key; it takes effect when the service is started again.

    The token key of before is retired: what it signed is good to its end, five minutes at most.
    Wait as long before the next rotation, and as long as others keep the published keys.

    The data key of before still opens what it wrapped: then run `throughcare keys rewrap` and
    `throughcare keys remove`.

    The log's key is changed in two steps. The first makes the next key: from the next start on
    both sign, and the agencies add the new one to the agreement and to their configuration. The
    second, some weeks later, retires the old one.

    The key of notices is replaced at once, also where it is lost: receivers fetch the new one.
    """
    settings = Settings.from_environment()
    if which is Kind.TOKENS:
        _show_tokens(KeyRing.rotate_token_keys(settings.key_directory), as_json=as_json)
        return
    if which is Kind.NOTICES:
        ring = KeyRing.replace_notification_key(settings.key_directory)
        show({"active": ring.notification_signing.kid}, as_json=as_json)
        return
    if which is Kind.LOG:
        _show_log(settings, _rotate_log_key(settings), as_json=as_json)
        return
    with at_work(settings) as (database, house, at):
        # The intent first: a rotation that is on record and did not happen is seen and repeated.
        database.run_blocking(lambda c: data_keys.record_key(c, house, "rotation", at=at))
        ring = KeyRing.rotate_data_keys(settings.key_directory, random=secrets.token_bytes)
        changed = replace(house, ring=ring)
        database.run_blocking(lambda c: data_keys.register(c, ring))
        database.run_blocking(lambda c: data_keys.record_key(c, changed, "active", at=at))
        _show_data(database.read_blocking(lambda c: data_keys.status(c, ring)), as_json=as_json)


@keys.command("rewrap")
def rewrap(*, as_json: Json = False) -> None:
    """Wrap every data key anew under the active key. Broken off, it can be run again.

    On PostgreSQL the service may run meanwhile; a SQLite file belongs to one process at a time.
    Exit status 1 where rows do not open or are left over: run it again.
    """
    settings = Settings.from_environment()
    with at_work(settings) as (database, house, at):
        total = database.read_blocking(lambda c: data_keys.left(c, house.ring))
        done = data_keys.Progress()
        with Progress(console=errors, transient=True) as bar:
            task = bar.add_task("Wrapping anew", total=total)
            for done in data_keys.rewrap(database, house, at=at):
                bar.update(task, completed=done.seen)
        # What was overwritten in the database still stands in its journal.
        empty_journal(database.engine)
        rest = database.read_blocking(lambda c: data_keys.left(c, house.ring))
    wrapped = done.seen - done.damaged
    show({"wrapped": wrapped, "damaged": done.damaged, "left": rest}, as_json=as_json)
    if rest:
        raise typer.Exit(1)


@keys.command("remove")
def remove(*, as_json: Json = False) -> None:
    """Take the retired data key away, once nothing hangs on it. Copies of it are yours to find."""
    settings = Settings.from_environment()
    with at_work(settings) as (database, house, at):
        # The database first: from its commit on nothing can be written under that key.
        key_id = database.run_blocking(lambda c: data_keys.remove(c, house, at=at))
        KeyRing.remove_retired_data_key(settings.key_directory)
    show({"removed": key_id}, as_json=as_json)


@keys.command("status")
def status(which: Which = Kind.TOKENS, *, as_json: Json = False) -> None:
    """The ids of the keys, next, active and retired; of data keys, how much hangs on each."""
    settings = Settings.from_environment()
    ring = KeyRing.load(settings.key_directory)
    if which is Kind.TOKENS:
        _show_tokens(ring, as_json=as_json)
        return
    if which is Kind.NOTICES:
        show({"active": ring.notification_signing.kid}, as_json=as_json)
        return
    if which is Kind.LOG:
        _show_log(settings, ring, as_json=as_json)
        return
    with reading(settings, data_keys.KEYS) as connection:
        found = data_keys.status(connection, ring)
    _show_data(found, as_json=as_json)


def _rotate_log_key(settings: Settings) -> KeyRing:
    """One step of the log's key, with its entries."""
    with at_work(settings) as (database, house, at):
        log_keys.check_known(house, checkpoints.read_checkpoint_file(settings.checkpoint_file))
        # The intent first, as above.
        database.run_blocking(lambda c: log_keys.record_rotation(c, house, "rotation", at=at))
        ring = KeyRing.rotate_log_key(settings.key_directory, random=secrets.token_bytes)
        status = "active" if ring.log_signing.successor is None else "next"
        changed = replace(house, ring=ring)
        database.run_blocking(lambda c: log_keys.record_rotation(c, changed, status, at=at))
    return ring


def _show_tokens(ring: KeyRing, *, as_json: bool) -> None:
    following, retired = ring.token_signing_next, ring.token_signing_retired
    content = {
        "next": None if following is None else following.kid,
        "active": ring.token_signing.kid,
        "retired": None if retired is None else retired.kid,
    }
    show(content, as_json=as_json)


def _show_log(settings: Settings, ring: KeyRing, *, as_json: bool) -> None:
    """The keys of the log as verifiers know them."""
    key = ring.log_signing
    keys = {
        "next": None if key.successor is None else key.successor.public_bytes,
        "active": key.public_bytes,
        "retired": None if key.predecessor is None else key.predecessor.public_bytes,
    }
    content = {
        state: None if public is None else Verifier(settings.log_origin, public).to_vkey()
        for state, public in keys.items()
    }
    show(content, as_json=as_json)


def _show_data(found: list[KeyStatus], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_as_json(one) for one in found]))  # noqa: T201 - the result
        return
    for one in found:
        counts = ", ".join(f"{number} {name}" for name, number in one.hanging.items())
        removable = ", can be removed" if one.removable else ""
        screen.print(f"{one.key_id} {one.state}: {counts}{removable}", markup=False)


def _as_json(one: KeyStatus) -> dict[str, Any]:
    return {
        "id": one.key_id,
        "state": one.state,
        "hanging": dict(one.hanging),
        "removable": one.removable,
    }
