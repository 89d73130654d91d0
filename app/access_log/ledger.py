"""Writing the log: entries are appended with the work that they record, then get their index.

`append` runs inside the transaction that it records. `integrate` runs just before that commit
on SQLite, and in a sequencer's own transaction on PostgreSQL. It consumes the pending table and
never asks for "newer than the last seen": a transaction that commits late would be lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Insert,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from app.access_log import periods, person_keys, tiles
from app.access_log.checkpoint import Checkpoint
from app.access_log.entry import Entry
from app.access_log.merkle import Frontier
from app.access_log.sealing import LogKeys, Opening, SealedEntry, seal_entry
from app.access_log.tables import (
    AccessLogEntry,
    AccessLogHead,
    AccessLogLookup,
    AccessLogPending,
)
from app.crypto.key_ring import RandomBytes
from app.problems import Unavailable
from app.rows import insert_new, table_of
from app.statements import Prepared

ENTRY = table_of(AccessLogEntry)
PENDING = table_of(AccessLogPending)
LOOKUP = table_of(AccessLogLookup)
HEAD = table_of(AccessLogHead)

# The one row of the head table.
HEAD_ID = 1
# Entries that one statement numbers: PostgreSQL ends one that runs for half a minute.
NUMBERED_AT_ONCE = 10_000

# What an entry has in common while it waits and in its place.
_SHARED = tuple(column.name for column in PENDING.c if column.name != "position")

_INSERT_ENTRY = Prepared(insert(ENTRY), columns=ENTRY.c.keys())
_INSERT_PENDING = Prepared(insert(PENDING).inline(), columns=_SHARED)
_ANY_PENDING = Prepared(select(PENDING.c.position).limit(1))
_HEAD = select(HEAD.c.size, HEAD.c.peaks).where(HEAD.c.head_id == HEAD_ID)
_READ_HEAD = Prepared(_HEAD)
_LOCK_HEAD = Prepared(_HEAD.with_for_update())
_REPLACE_HEAD = Prepared(
    update(HEAD)
    .where(HEAD.c.head_id == HEAD_ID, HEAD.c.size == bindparam("old_size"))
    .values(size=bindparam("new_size"), peaks=bindparam("new_peaks"))
)


def _numbered(waiting: FromClause) -> Select[Any]:
    """Rows as they stand in the log: those that wait, in the order of their insertion."""
    number = func.row_number().over(order_by=waiting.c.position)
    index = number + bindparam("before_first", type_=BigInteger)
    return select(index, *(waiting.c[name] for name in _SHARED)).order_by(waiting.c.position)


def _number_and_take() -> Select[Any]:
    """What waits gets its place, in one statement: nobody sees or takes a part of it."""
    first_ones = select(PENDING.c.position).order_by(PENDING.c.position)
    bound = first_ones.limit(NUMBERED_AT_ONCE).subquery()
    newest = select(func.max(bound.c.position)).scalar_subquery()
    taken = delete(PENDING).where(PENDING.c.position <= newest).returning(*PENDING.c).cte("taken")
    placed = _place(taken).returning(LOOKUP.c.log_index, LOOKUP.c.leaf_hash).cte("placed")
    return select(placed.c.leaf_hash).order_by(placed.c.log_index)


def _place(waiting: FromClause) -> Insert:
    return insert(LOOKUP).from_select(["log_index", *_SHARED], _numbered(waiting))


_NUMBER_AND_TAKE = Prepared(_number_and_take())
# SQLite writes nothing within a query, but has one writer: three statements are as one.
_NUMBER = Prepared(_place(PENDING))
_NUMBERED_HASHES = Prepared(select(PENDING.c.leaf_hash).order_by(PENDING.c.position))
_TAKE = Prepared(delete(PENDING))


class HeadMoved(Unavailable):
    """Another sequencer has grown the log meanwhile: this transaction must not commit."""


@dataclass(frozen=True, slots=True)
class AppendedEntry:
    """An entry that will stand in the log once its transaction commits.

    It has no index yet. `openings` are what a receipt may show to whoever may know a section.
    """

    id: str
    leaf: bytes
    leaf_hash: bytes
    openings: Mapping[str, Opening] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log has grown."""

    frontier: Frontier

    @property
    def size(self) -> int:
        """The number of entries that have an index."""
        return self.frontier.size

    @property
    def root(self) -> bytes:
        """The root of the tree over them."""
        return self.frontier.root

    def checkpoint(self, origin: str) -> Checkpoint:
        """The head as it is signed."""
        return Checkpoint(origin, self.size, self.root)


def append(
    connection: Connection,
    entry: Entry,
    *,
    keys: LogKeys,
    random: RandomBytes,
    at: datetime,
    origin: str,
    policy_digest: str,
) -> AppendedEntry:
    """Record an entry in the caller's transaction. It stands if and only if that commits.

    Raises ValueError for a time without a zone.
    """
    subject_index, person_key = None, None
    if entry.subject is not None:
        subject_index = keys.subject_index(entry.subject.person)
        person_key = person_keys.find_or_create(
            connection, subject_index, at.astimezone(UTC).year, keys=keys, random=random
        )
    sealed = seal_entry(
        entry,
        at=at,
        keys=keys,
        person_key=person_key,
        random=random,
        origin=origin,
        policy_digest=policy_digest,
    )
    _INSERT_ENTRY.execute(connection, **entry_row(sealed))
    pending = pending_row(entry, sealed, at=at, subject_index=subject_index)
    _INSERT_PENDING.execute(connection, **pending)
    return AppendedEntry(sealed.id, sealed.leaf, sealed.leaf_hash, sealed.openings)


def read_head(connection: Connection) -> Head:
    """How far the log has grown, as this transaction sees it."""
    return _head_of(_READ_HEAD.one_or_none(connection))


def lock_head(connection: Connection) -> Head:
    """The head, kept from everybody else until this transaction ends (PostgreSQL).

    SQLite has one writer at a time anyway.
    """
    row = _LOCK_HEAD.one_or_none(connection)
    if row is None:
        insert_new(connection, AccessLogHead, head_id=HEAD_ID, size=0, peaks=b"")
        row = _LOCK_HEAD.one_or_none(connection)
    return _head_of(row)


def integrate(connection: Connection) -> Head:
    """Give every pending entry the next index, oldest first, and return the new head.

    Raises HeadMoved when another sequencer was faster; the transaction is then to be rolled
    back, and its entries wait for the next call.
    """
    if not _ANY_PENDING.scalars(connection):
        return read_head(connection)
    head = lock_head(connection)
    grown = head
    # INVARIANT: indices are gapless. They follow from the head that `_advance` replaces, and
    # the primary key refuses a second row for an index.
    while hashes := _number_pending(connection, grown.size):
        grown = Head(grown.frontier.extend(hashes))
    if grown.size > head.size:
        tiles.store_full_tiles(connection, head.size, grown.size)
        periods.store(connection, head.size, grown.size)
        _advance(connection, head, grown)
    return grown


def newest_pending(connection: Connection) -> int | None:
    """The position of the newest entry without an index; None where all have one."""
    newest: int | None = connection.scalar(select(func.max(PENDING.c.position)))
    return newest


def waiting_since(connection: Connection, position: int, *, most: int) -> list[str]:
    """The clients of entries up to a position that have no index yet, of so many at most."""
    query = select(func.coalesce(PENDING.c.client_id, "")).where(PENDING.c.position <= position)
    return list(connection.scalars(query.limit(most)))


def _number_pending(connection: Connection, size: int) -> list[bytes]:
    """Give what waits its place in the log of this size, and return the leaf hashes in order."""
    if connection.dialect.name != "sqlite":
        return _NUMBER_AND_TAKE.scalars(connection, before_first=size - 1)
    hashes = _NUMBERED_HASHES.scalars(connection)
    if hashes:
        _NUMBER.execute(connection, before_first=size - 1)
        _TAKE.execute(connection)
    return hashes


def _advance(connection: Connection, old: Head, new: Head) -> None:
    """Replace the head that was read; compare-and-swap on its size."""
    replaced = _REPLACE_HEAD.execute(
        connection, old_size=old.size, new_size=new.size, new_peaks=new.frontier.to_bytes()
    )
    if replaced != 1:
        raise HeadMoved("the log has grown meanwhile")


def _head_of(row: Any) -> Head:  # noqa: ANN401 - a row
    """The head of what was found of its table: its row, or none."""
    return Head(Frontier() if row is None else Frontier.from_bytes(row.size, row.peaks))


def entry_row(sealed: SealedEntry) -> dict[str, object]:
    """The row of an entry."""
    return {
        "entry_id": sealed.id,
        "leaf": sealed.leaf,
        "retained": sealed.retained,
        "personal": sealed.personal,
    }


def pending_row(
    entry: Entry, sealed: SealedEntry, *, at: datetime, subject_index: str | None
) -> dict[str, object]:
    """The row that waits for its place: what is looked up of an entry."""
    return {
        "entry_id": sealed.id,
        "leaf_hash": sealed.leaf_hash,
        "recorded_at": at,
        "operation": entry.operation.value,
        "channel": entry.channel.value,
        "outcome": entry.outcome.value,
        "agency_id": entry.actor.agency,
        "client_id": entry.actor.client,
        "officer_id": entry.actor.officer,
        "purpose": entry.grounds.purpose,
        "legal_basis": entry.grounds.legal_basis,
        "subject_index": subject_index,
    }
