"""Who has received what of a person, as the log has it: for taking back, and for their own report.

Entries that still wait for their place in the log count as well.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from app.rows import table_of

PENDING = table_of(AccessLogPending)
NOWHERE_YET = -1
COLUMNS = (
    "entry_id",
    "recorded_at",
    "subject_index",
    "agency_id",
    "client_id",
    "channel",
    "purpose",
    "legal_basis",
)
# How the making of a person's own report stands in the log: for the custodian, for an auditor.
OWN_REPORT: Mapping[str, str] = {"report": "own"}
OWN_REPORT_OPERATIONS = (Operation.CONSULTATION, Operation.LOG_READ)
# From its first attempt on: whether one without an answer has arrived nobody knows.
RECEIVED = (Outcome.RELEASED.value, Outcome.ATTEMPTED.value, Outcome.DELIVERED.value)


@dataclass(frozen=True, slots=True)
class ReleasedField:
    """A field that went out: its path, the code of its form, the policies that gave it."""

    path: str
    form: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """One disclosure of a person to a client of an agency.

    `notification` is the `jti` of a notice, None for a read. `released` is None where the entry
    does not open, so that it may have been any.
    """

    entry_id: str
    agency_id: str
    client_id: str
    at: datetime
    channel: str
    purpose: str | None
    legal_basis: str | None
    emergency: bool
    notification: str | None
    released: tuple[ReleasedField, ...] | None

    @property
    def fields(self) -> frozenset[str] | None:
        """The released paths."""
        return None if self.released is None else frozenset(one.path for one in self.released)

    def has_any(self, paths: Iterable[str]) -> bool:
        """Whether one of these fields went out with it, or may have."""
        fields = self.fields
        return fields is None or not fields.isdisjoint(paths)


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
    equal = {
        "subject_index": subject_index,
        "agency_id": agency_id,
        "purpose": purpose,
        "operation": Operation.DISCLOSURE.value,
    }
    found = _opened(connection, keys, _Wanted(equal, RECEIVED, since))
    return [_disclosed(entry, row) for entry, row in found]


def own_reports(connection: Connection, subject_index: str, *, keys: LogKeys) -> list[datetime]:
    """When the person's own report was made, the oldest first."""
    found: list[datetime] = []
    for operation in OWN_REPORT_OPERATIONS:
        equal = {"subject_index": subject_index, "operation": operation.value}
        wanted = _Wanted(equal, (Outcome.RELEASED.value,))
        for entry, row in _opened(connection, keys, wanted):
            if OWN_REPORT.items() <= entry.sections.get("fields", {}).items():
                found.append(row["recorded_at"])
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which entries: columns that are equal (None: any), one of these outcomes, since when."""

    equal: Mapping[str, str | None]
    outcomes: Sequence[str]
    since: datetime | None = None

    def conditions(self, table: Table) -> list[ColumnElement[bool]]:
        found = [table.c[name] == value for name, value in self.equal.items() if value is not None]
        if self.since is not None:
            found.append(table.c.recorded_at >= self.since)
        return [table.c.outcome.in_(self.outcomes), *found]


def _opened(
    connection: Connection, keys: LogKeys, wanted: _Wanted
) -> list[tuple[OpenedEntry, RowMapping]]:
    """Entries with their rows, the oldest first."""
    places = (LOOKUP, LOOKUP.c.log_index), (PENDING, literal(NOWHERE_YET).label("log_index"))
    # INVARIANT: one statement, so that an entry that gets its place meanwhile is not missed.
    every = union_all(*(_rows(table, index, wanted) for table, index in places))
    rows = connection.execute(every).mappings().all()
    opener = EntryOpener(connection, keys)
    in_order = sorted(rows, key=lambda row: (row["recorded_at"], row["entry_id"]))
    return [(opener.open(row), row) for row in in_order]


def _rows(table: Table, index: ColumnElement[int], wanted: _Wanted) -> Select[Any]:
    parts = (ENTRY.c.leaf, ENTRY.c.retained, ENTRY.c.personal)
    return (
        select(index, *(table.c[name] for name in COLUMNS), *parts)
        .join_from(table, ENTRY, table.c.entry_id == ENTRY.c.entry_id, isouter=True)
        .where(*wanted.conditions(table))
    )


def _disclosed(entry: OpenedEntry, row: RowMapping) -> Disclosed:
    sections: dict[str, Any] = entry.sections
    fields = sections.get("fields")
    return Disclosed(
        entry_id=entry.id,
        agency_id=row["agency_id"],
        client_id=row["client_id"],
        at=row["recorded_at"],
        channel=row["channel"],
        purpose=row["purpose"],
        legal_basis=row["legal_basis"],
        emergency="emergency_override" in sections.get("grounds", {}),
        notification=sections.get("payload", {}).get("notification"),
        released=None if fields is None else tuple(map(_released, fields["released"])),
    )


def _released(one: Mapping[str, Any]) -> ReleasedField:
    return ReleasedField(one["field"], one["form"], tuple(one["policies"]))
