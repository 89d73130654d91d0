"""New entries of the log as facts: each is opened once, for what its look-up row does not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, or_, select

from app.access_log import checkpoints
from app.access_log.ledger import PENDING
from app.access_log.opened_entry import LOOKUP, EntryOpener, rows_query
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.alerts.fact import Fact
from app.alerts.kinds import Unsigned
from app.problems import NotFound


@dataclass(frozen=True, slots=True)
class Read:
    """New facts, in the order of the log, and the index from which on nothing was looked at."""

    facts: Sequence[Fact]
    next_index: int


def read_new(connection: Connection, *, keys: LogKeys, start: int, size: int, limit: int) -> Read:
    """Facts among the next `limit` entries from `start` on, of a log of `size` entries."""
    stop = min(start + limit, size)
    wanted = or_(
        _ended(Operation.DISCLOSURE, Outcome.RELEASED),
        _ended(Operation.CONSULTATION, Outcome.REFUSED),
    )
    query = rows_query().where(
        LOOKUP.c.log_index >= start,
        LOOKUP.c.log_index < stop,
        LOOKUP.c.channel == Channel.READ.value,
        LOOKUP.c.agency_id.is_not(None),
        wanted,
    )
    rows = connection.execute(query).mappings().all()
    opener = EntryOpener(connection, keys)
    found = (_fact(opener, row, keys) for row in rows)
    return Read([fact for fact in found if fact is not None], stop)


def _ended(operation: Operation, outcome: Outcome) -> Any:  # noqa: ANN401 - a condition of SQL
    return and_(LOOKUP.c.operation == operation.value, LOOKUP.c.outcome == outcome.value)


def _fact(opener: EntryOpener, row: RowMapping, keys: LogKeys) -> Fact | None:
    """The fact of an entry; None where nothing was refused but something has failed."""
    sections: dict[str, Any] = opener.open(row).sections
    grounds = sections.get("grounds", {})
    refused = row["outcome"] == Outcome.REFUSED.value
    if refused and sections.get("fields", {}).get("reason") != NotFound.slug:
        return None
    case = grounds.get("case")
    return Fact(
        index=row["log_index"],
        at=row["recorded_at"],
        agency=row["agency_id"],
        officer=row["officer_id"] or "",
        refused=refused,
        purpose=row["purpose"],
        subject=row["subject_index"],
        case=None if case is None else keys.case_index(row["agency_id"], case),
        emergency="emergency_override" in grounds,
    )


def unsigned(connection: Connection) -> Unsigned | None:
    """Since when the oldest entry waits for its signature; None where none does."""
    latest = checkpoints.latest(connection)
    signed = 0 if latest is None else latest.checkpoint.size
    placed = connection.scalar(select(LOOKUP.c.recorded_at).where(LOOKUP.c.log_index == signed))
    pending = connection.scalar(select(func.min(PENDING.c.recorded_at)))
    waiting = [at for at in (placed, pending) if at is not None]
    return Unsigned(min(waiting), signed) if waiting else None
