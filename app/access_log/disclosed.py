"""Who has received what of a person, as the log has it: what taking back rests on.

Entries that still wait for their place in the log count as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    literal,
    select,
    union_all,
)

from app.access_log.opened_entry import ENTRY, LOOKUP, EntryOpener, OpenedEntry
from app.access_log.sealing import LogKeys
from app.access_log.tables import AccessLogPending
from app.access_log.vocabulary import Operation, Outcome
from app.database import table_of

PENDING = table_of(AccessLogPending)
NOWHERE_YET = -1
# From its first attempt on: whether one without an answer has arrived nobody knows.
RECEIVED = (Outcome.RELEASED.value, Outcome.ATTEMPTED.value, Outcome.DELIVERED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """One disclosure of a person to a client of an agency.

    `notification` is the `jti` of a notice, None for a read. `fields` are the released paths;
    None where the entry does not open, so that it may have been any.
    """

    entry_id: str
    agency_id: str
    client_id: str
    notification: str | None
    fields: frozenset[str] | None

    def has_any(self, paths: Iterable[str]) -> bool:
        """Whether one of these fields went out with it, or may have."""
        return self.fields is None or not self.fields.isdisjoint(paths)


def disclosed(
    connection: Connection,
    subject_index: str,
    *,
    keys: LogKeys,
    agency_id: str | None = None,
    purpose: str | None = None,
    since: datetime | None = None,
) -> list[Disclosed]:
    """The disclosures of a person (`LogKeys.subject_index`), the oldest first; narrowed if asked.

    Args:
        connection: a transaction.
        subject_index: the keyed fingerprint of the person.
        keys: keys of the log.
        agency_id: to this agency alone.
        purpose: for this purpose alone.
        since: from this moment on.
    """
    equal = {"subject_index": subject_index, "agency_id": agency_id, "purpose": purpose}
    places = (LOOKUP, LOOKUP.c.log_index), (PENDING, literal(NOWHERE_YET).label("log_index"))
    # INVARIANT: one statement, so that an entry that gets its place meanwhile is not missed.
    every = union_all(*(_rows(table, index, equal, since) for table, index in places))
    rows = connection.execute(every).mappings().all()
    opener = EntryOpener(connection, keys)
    in_order = sorted(rows, key=lambda row: (row["recorded_at"], row["entry_id"]))
    return [_disclosed(opener.open(row), row) for row in in_order]


def _rows(
    table: Table,
    index: ColumnElement[int],
    equal: Mapping[str, str | None],
    since: datetime | None,
) -> Select[Any]:
    wanted = [table.c[name] == value for name, value in equal.items() if value is not None]
    if since is not None:
        wanted.append(table.c.recorded_at >= since)
    names = ("entry_id", "recorded_at", "subject_index", "agency_id", "client_id")
    parts = (ENTRY.c.leaf, ENTRY.c.retained, ENTRY.c.personal)
    return (
        select(index, *(table.c[name] for name in names), *parts)
        .join_from(table, ENTRY, table.c.entry_id == ENTRY.c.entry_id, isouter=True)
        .where(
            table.c.operation == Operation.DISCLOSURE.value,
            table.c.outcome.in_(RECEIVED),
            *wanted,
        )
    )


def _disclosed(entry: OpenedEntry, row: RowMapping) -> Disclosed:
    sections: dict[str, Any] = entry.sections
    fields = sections.get("fields")
    released = None if fields is None else {one["field"] for one in fields["released"]}
    return Disclosed(
        entry_id=entry.id,
        agency_id=row["agency_id"],
        client_id=row["client_id"],
        notification=sections.get("payload", {}).get("notification"),
        fields=None if released is None else frozenset(released),
    )
