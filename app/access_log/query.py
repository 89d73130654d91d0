"""Reading the log by what an auditor looks for, in pages that do not shift.

A page is found by the index of the last entry seen (keyset) and pinned to a tree size, so a
reader who pages through a growing log sees one state of it, the one of a checkpoint.

All filters but one are columns beside the leaf. Which fields were released stands sealed in the
entry, and nowhere else: an index of up to 88 fields would cost each disclosure more than its
entry does. So entries that match the rest are opened and looked at, a bounded number of them for
one page, which may then be short.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Text,
    bindparam,
    func,
    select,
)

from app.access_log import periods
from app.access_log.instants import format_instant
from app.access_log.opened_entry import LOOKUP, EntryOpener, OpenedEntry, rows_query
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.statements import Prepared

# Entries that one page opens to look for a field: a tenth of a second.
LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What an entry must match; None asks for nothing. Times bound [since, until)."""

    agency_id: str | None = None
    client_id: str | None = None
    officer_id: str | None = None
    # LogKeys.subject_index of the person.
    subject_index: str | None = None
    operation: Operation | None = None
    channel: Channel | None = None
    purpose: str | None = None
    legal_basis: str | None = None
    outcome: Outcome | None = None
    # Path of a field that the entry released, in whatever form.
    field: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def stated(self) -> dict[str, str]:
        """What is asked for, as text by name. A person stands there as the keyed index alone."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {
            name: format_instant(value) if isinstance(value, datetime) else str(value)
            for name, value in values
            if value is not None
        }

    @classmethod
    def from_stated(cls, stated: Mapping[str, str]) -> Self:
        """What `stated` said."""
        kinds: Mapping[str, Callable[[str], object]] = {
            "operation": Operation,
            "channel": Channel,
            "outcome": Outcome,
            "since": datetime.fromisoformat,
            "until": datetime.fromisoformat,
        }
        return cls(**{name: kinds.get(name, str)(value) for name, value in stated.items()})  # type: ignore[arg-type]  # each of its kind


@dataclass(frozen=True, slots=True)
class Found:
    """Entries that match, and the index to go on after; None where everything was looked at."""

    entries: tuple[OpenedEntry, ...]
    next: int | None


_EQUAL = (
    "agency_id",
    "client_id",
    "officer_id",
    "subject_index",
    "operation",
    "channel",
    "purpose",
    "legal_basis",
    "outcome",
)
# Each of these has an index of its own, in the order of the log.
_INDEXED = tuple(name for name in _EQUAL if name != "channel")
# The same conditions for entries that another index has found: SQLite uses none for an expression.
_BESIDE: Mapping[str, ColumnElement[bool]] = {
    name: LOOKUP.c[name].concat("") == bindparam(name, type_=Text) for name in _INDEXED
}
# So many entries of each filter tell how far apart they lie, a fraction of a page's work.
PROBED = 64
_CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    **{name: LOOKUP.c[name] == bindparam(name, type_=Text) for name in _EQUAL},
    "since": LOOKUP.c.recorded_at >= bindparam("since"),
    "until": LOOKUP.c.recorded_at < bindparam("until"),
}
_WITHIN = (LOOKUP.c.log_index >= bindparam("first"), LOOKUP.c.log_index < bindparam("stop"))
_PROBES = {
    name: Prepared(
        select(LOOKUP.c.log_index)
        .where(_CONDITIONS[name], *_WITHIN)
        .order_by(LOOKUP.c.log_index)
        .limit(1)
        .offset(PROBED - 1)
    )
    for name in _INDEXED
}
# Combinations of filters whose queries are kept.
KEPT_QUERIES = 256


def find(
    connection: Connection,
    filters: EntryFilter,
    *,
    keys: LogKeys,
    limit: int,
    tree_size: int,
    after_index: int | None = None,
) -> Found:
    """The next entries that match, in the order of the log, opened.

    Args:
        connection: a transaction that reads.
        filters: what to look for.
        keys: keys of the log.
        limit: so many at most.
        tree_size: the log as it was at this size; later entries do not show.
        after_index: `next` of the page before; None for the first page.
    """
    most = limit if filters.field is None else max(limit, LOOKED_AT)
    rows = matching_rows(
        connection, filters, limit=most, tree_size=tree_size, after_index=after_index
    )
    opener = EntryOpener(connection, keys)
    opener.read_keys(rows)
    found: list[OpenedEntry] = []
    for row in rows:
        entry = opener.open(row)
        if releases(entry, filters.field):
            found.append(entry)
        if len(found) == limit:
            return Found(tuple(found), entry.index)
    return Found(tuple(found), rows[-1]["log_index"] if len(rows) == most else None)


def entries(
    connection: Connection,
    filters: EntryFilter,
    *,
    keys: LogKeys,
    limit: int,
    tree_size: int,
    after_index: int | None = None,
) -> list[OpenedEntry]:
    """The entries of `find`, for who looks for no field."""
    page = {"limit": limit, "tree_size": tree_size, "after_index": after_index}
    return list(find(connection, filters, keys=keys, **page).entries)  # type: ignore[arg-type]


def matching_rows(
    connection: Connection,
    filters: EntryFilter,
    *,
    limit: int,
    tree_size: int,
    after_index: int | None,
) -> list[dict[str, Any]]:
    """The next rows of `rows_query` that match in their columns; `field` is none of them."""
    first = 0 if after_index is None else after_index + 1
    values = _values(filters)
    rows: list[dict[str, Any]] = []
    for start, stop in periods.stretches(connection, filters.since, filters.until, size=tree_size):
        part = {"first": max(first, start), "stop": stop}
        query = _page_of(frozenset(values), rarest(connection, values, **part))
        found = query.all(connection, **values, **part, most=limit - len(rows))
        rows += (row._asdict() for row in found)
    return rows


def rarest(
    connection: Connection, values: Mapping[str, Any], *, first: int, stop: int
) -> str | None:
    """Of several filters the one whose entries lie farthest apart; None where it does not matter.

    SQLite keeps no statistics: it would go by the index of any of them, so that what is rare is
    looked for among all that is frequent. PostgreSQL knows.
    """
    names = [name for name in _INDEXED if name in values]
    if len(names) <= 1 or connection.dialect.name != "sqlite":
        return None

    def reach(name: str) -> int:
        within = {name: values[name], "first": first, "stop": stop}
        # Where there are fewer than that, all of them are looked at.
        return next(iter(_PROBES[name].scalars(connection, **within)), stop)

    return max(names, key=reach)


@lru_cache(KEPT_QUERIES)
def _page_of(stated: frozenset[str], by: str | None) -> Prepared:
    """The query of a page by what is stated: to build it costs as much as to open ten entries.

    `by` is the filter whose index finds the entries, None for any.
    """
    return Prepared(
        rows_query().where(*_asked(stated, by), *_WITHIN).limit(bindparam("most", type_=Integer))
    )


def _asked(stated: Iterable[str], by: str | None) -> list[ColumnElement[bool]]:
    beside = {} if by is None else {**_BESIDE, by: _CONDITIONS[by]}
    return [beside.get(name, _CONDITIONS[name]) for name in sorted(stated)]


def count_rows(connection: Connection, filters: EntryFilter, *, tree_size: int) -> int:
    """How many rows match in their columns."""
    values = _values(filters)
    counted = 0
    for start, stop in periods.stretches(connection, filters.since, filters.until, size=tree_size):
        part = {"first": start, "stop": stop}
        asked = _asked(values, rarest(connection, values, **part))
        count = Prepared(select(func.count()).select_from(LOOKUP).where(*asked, *_WITHIN))
        counted += sum(count.scalars(connection, **values, **part))
    return counted


def releases(entry: OpenedEntry, path: str | None) -> bool:
    """Whether the entry, as far as it opens, released this field; True where none is asked for."""
    if path is None:
        return True
    released = entry.sections.get("fields", {}).get("released")
    return isinstance(released, Iterable) and any(
        isinstance(one, dict) and one.get("field") == path for one in released
    )


def _values(filters: EntryFilter) -> dict[str, Any]:
    """What is asked of the columns, by name."""
    times = {"since": filters.since, "until": filters.until}
    return {
        **{name: str(value) for name in _EQUAL if (value := getattr(filters, name)) is not None},
        **{name: value for name, value in times.items() if value is not None},
    }
