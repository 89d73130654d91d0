"""New entries of the log as facts: each is opened once, for what its look-up row does not have.

Looked at are reads and attempts to read, and entries that say that a witness refused: a refused
`key-event` of the channel `audit` whose fields have `"alarm": "witness-refused"` and the `witness`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select

from app.access_log import checkpoints
from app.access_log.ledger import PENDING
from app.access_log.opened_entry import LOOKUP, EntryOpener, rows_query
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.alerts.fact import Fact
from app.alerts.kinds import Unsigned, WitnessRefusal
from app.problems import NotFound

# Rules reckon some months back from a fact and a day on: between these, no calendar ends there.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
WITNESS_REFUSED = "witness-refused"


@dataclass(frozen=True, slots=True)
class Read:
    """What is new, in the order of the log, and the index from which on nothing was looked at."""

    facts: Sequence[Fact]
    refusals: Sequence[WitnessRefusal]
    next_index: int


def read_new(connection: Connection, *, keys: LogKeys, start: int, size: int, limit: int) -> Read:
    """What is among the next `limit` entries from `start` on, of a log of `size` entries."""
    stop = min(start + limit, size)
    query = rows_query().where(LOOKUP.c.log_index >= start, LOOKUP.c.log_index < stop, _WANTED)
    opener = EntryOpener(connection, keys)
    facts, refusals = [], []
    for row in connection.execute(query).mappings().all():
        sections: dict[str, Any] = opener.open(row).sections
        if row["operation"] == Operation.KEY_EVENT.value:
            refusals += _refusals(row, sections.get("fields", {}))
        else:
            facts += _facts(row, sections, keys)
    return Read(facts, refusals, stop)


def _ended(channel: Channel, operation: Operation, outcome: Outcome) -> ColumnElement[bool]:
    return and_(
        LOOKUP.c.channel == channel.value,
        LOOKUP.c.operation == operation.value,
        LOOKUP.c.outcome == outcome.value,
    )


_WANTED = or_(
    _ended(Channel.READ, Operation.DISCLOSURE, Outcome.RELEASED),
    _ended(Channel.READ, Operation.CONSULTATION, Outcome.REFUSED),
    _ended(Channel.AUDIT, Operation.KEY_EVENT, Outcome.REFUSED),
)


def _refusals(row: RowMapping, fields: Mapping[str, Any]) -> list[WitnessRefusal]:
    if fields.get("alarm") != WITNESS_REFUSED:
        return []
    return [WitnessRefusal(row["log_index"], _recorded(row), fields.get("witness", ""))]


def _facts(row: RowMapping, sections: Mapping[str, Any], keys: LogKeys) -> list[Fact]:
    """The fact of an entry; none where nothing was refused but something has failed."""
    grounds = sections.get("grounds", {})
    refused = row["outcome"] == Outcome.REFUSED.value
    if refused and sections.get("fields", {}).get("reason") != NotFound.slug:
        return []
    agency, case = row["agency_id"] or "", grounds.get("case")
    return [
        Fact(
            index=row["log_index"],
            at=_recorded(row),
            agency=agency,
            officer=row["officer_id"] or "",
            refused=refused,
            purpose=row["purpose"],
            subject=row["subject_index"],
            case=None if case is None else keys.case_index(agency, case),
            emergency="emergency_override" in grounds,
        )
    ]


def _recorded(row: RowMapping) -> datetime:
    """When an entry was recorded. A time that was altered must not stop whoever looks for that."""
    recorded: datetime = row["recorded_at"]
    return min(max(recorded, EARLIEST), LATEST)


def unsigned(connection: Connection) -> Unsigned | None:
    """Since when the oldest entry waits for its signature; None where none does."""
    latest = checkpoints.latest(connection)
    signed = 0 if latest is None else latest.checkpoint.size
    placed = connection.scalar(select(LOOKUP.c.recorded_at).where(LOOKUP.c.log_index == signed))
    pending = connection.scalar(select(func.min(PENDING.c.recorded_at)))
    waiting = [at for at in (placed, pending) if at is not None]
    return Unsigned(min(waiting), signed) if waiting else None
