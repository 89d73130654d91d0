"""What `throughcare access-log checkpoint` shows: the newest checkpoint, and who vouches for it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log import checkpoints, witnesses
from app.access_log.cosignature import cosignatures
from app.access_log.instants import format_instant
from app.access_log.witnesses import QUORUM, NamedWitness, Standing, Witnesses
from app.crypto.key_ring import KeyRing
from app.main import NO_TABLES, NotReady, agreed_witnesses, make_clock, reading
from app.settings import Settings


def read_status() -> tuple[dict[str, Any], bool]:
    """What stands in the database, beside a running service; and whether it is as agreed.

    Raises NotReady.
    """
    settings = Settings.from_environment()
    agreed = agreed_witnesses(settings, KeyRing.load(settings.key_directory))
    at = make_clock(settings)()
    with reading(settings, QUORUM) as connection:
        return _status(connection, agreed, at)


def _status(connection: Connection, agreed: Witnesses, at: datetime) -> tuple[dict[str, Any], bool]:
    newest = checkpoints.latest(connection)
    if newest is None:
        raise NotReady(NO_TABLES)
    signed_at = checkpoints.last_signed_at(connection)
    # Judged anew: a job that has ended would flag nothing.
    state = witnesses.judge_quorum(connection, agreed, at=at) if agreed.named else None
    standings = [_standing(connection, one, newest.note) for one in agreed.named]
    quorum = "none named" if state is None else "missing" if state.missing else "signs"
    status: dict[str, Any] = {
        "log": newest.checkpoint.origin,
        "size": newest.checkpoint.size,
        "signed_at": None if signed_at is None else format_instant(signed_at),
        "quorum": quorum,
    }
    if state is not None:
        status |= {
            "must_sign": agreed.quorum,
            "since": format_instant(state.since),
            "signed_up_to": None if state.size == witnesses.NOTHING else state.size,
        }
    refused = any(one["standing"] == Standing.REFUSED.value for one in standings)
    return {**status, "witnesses": standings}, quorum != "missing" and not refused


def _standing(connection: Connection, one: NamedWitness, note: str) -> dict[str, Any]:
    """How a witness stands, and when it signed the newest checkpoint, by its own clock."""
    stands = witnesses.standing(connection, one.key)
    times = [found.time for found in cosignatures(note, [one.key])]
    return {
        "name": one.key.name,
        "standing": "not asked yet" if stands is None else stands[0].value,
        "since": None if stands is None else format_instant(stands[1]),
        "signed_at": _format_time(times[0]) if times else None,
    }


def _format_time(seconds: int) -> str:
    """A witness's time, which is a matter of its own clock and may be any number."""
    try:
        return format_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return "after the year 9999"
