"""Reading the log by what an auditor looks for, in pages that do not shift.

A page is found by the index of the last entry seen (keyset) and pinned to a tree size, so a
reader who pages through a growing log sees one state of it, the one of a checkpoint.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from app.access_log.opened_entry import LOOKUP, EntryOpener, OpenedEntry, rows_query
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Operation, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What an entry must match; None asks for nothing. Times bound [since, until)."""

    agency_id: str | None = None
    client_id: str | None = None
    officer_id: str | None = None
    # LogKeys.subject_index of the person.
    subject_index: str | None = None
    operation: Operation | None = None
    purpose: str | None = None
    legal_basis: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


_EQUAL = (
    "agency_id",
    "client_id",
    "officer_id",
    "subject_index",
    "operation",
    "purpose",
    "legal_basis",
    "outcome",
)


def entries(
    connection: Connection,
    filters: EntryFilter,
    *,
    keys: LogKeys,
    limit: int,
    tree_size: int,
    after_index: int | None = None,
) -> list[OpenedEntry]:
    """The next entries that match, in the order of the log, opened.

    Args:
        connection: a transaction that reads.
        filters: what to look for.
        keys: keys of the log.
        limit: so many at most.
        tree_size: the log as it was at this size; later entries do not show.
        after_index: the index of the last entry of the page before; None for the first page.
    """
    opener = EntryOpener(connection, keys)
    query = rows_query().where(
        LOOKUP.c.log_index > (-1 if after_index is None else after_index),
        LOOKUP.c.log_index < tree_size,
        *_conditions(filters),
    )
    rows = connection.execute(query.limit(limit)).mappings()
    return opener.open_all(rows.all())


def _conditions(filters: EntryFilter) -> list[ColumnElement[bool]]:
    wanted = ((name, getattr(filters, name)) for name in _EQUAL)
    conditions = [LOOKUP.c[name] == value for name, value in wanted if value is not None]
    if filters.since is not None:
        conditions.append(LOOKUP.c.recorded_at >= filters.since)
    if filters.until is not None:
        conditions.append(LOOKUP.c.recorded_at < filters.until)
    return conditions
