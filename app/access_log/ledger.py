"""Writing the log: entries are appended with the work that they record, then get their index.

`append` runs inside the transaction that it records. `integrate` runs just before that commit
on SQLite, and in a sequencer's own transaction on PostgreSQL. It consumes the pending table and
never asks for "newer than the last seen": a transaction that commits late would be lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

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
from app.database import insert_new, table_of
from app.problems import Unavailable

ENTRY = table_of(AccessLogEntry)
PENDING = table_of(AccessLogPending)
LOOKUP = table_of(AccessLogLookup)
HEAD = table_of(AccessLogHead)

# Statements of the hot path are made once: this spares more than a quarter of an append.
_INSERT_ENTRY = insert(ENTRY)
_INSERT_PENDING = insert(PENDING)
_ANY_PENDING = select(PENDING.c.position).limit(1)
_TAKE_PENDING = delete(PENDING).returning(*PENDING.c)
_INSERT_LOOKUP = insert(LOOKUP)

# The one row of the head table.
HEAD_ID = 1


class HeadMoved(Unavailable):
    """Another sequencer has grown the log meanwhile: this transaction must not commit."""


@dataclass(frozen=True, slots=True)
class AppendedEntry:
    """An entry that will stand in the log once its transaction commits.

    It has no index yet. `openings` are what a receipt may show to whoever may know a section.
    """

    id: str
    leaf: bytes
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
    connection.execute(_INSERT_ENTRY, entry_row(sealed))
    pending = pending_row(entry, sealed, at=at, subject_index=subject_index)
    connection.execute(_INSERT_PENDING, pending)
    return AppendedEntry(sealed.id, sealed.leaf, sealed.openings)


def read_head(connection: Connection) -> Head:
    """How far the log has grown, as this transaction sees it."""
    return _head_of(connection.execute(select(HEAD)).first())


def lock_head(connection: Connection) -> Head:
    """The head, kept from everybody else until this transaction ends (PostgreSQL).

    SQLite has one writer at a time anyway.
    """
    query = select(HEAD).where(HEAD.c.head_id == HEAD_ID).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        insert_new(connection, AccessLogHead, head_id=HEAD_ID, size=0, peaks=b"")
        row = connection.execute(query).first()
    return _head_of(row)


def integrate(connection: Connection) -> Head:
    """Give every pending entry the next index, oldest first, and return the new head.

    Raises HeadMoved when another sequencer was faster; the transaction is then to be rolled
    back, and its entries wait for the next call.
    """
    if connection.execute(_ANY_PENDING).first() is None:
        return read_head(connection)
    head = lock_head(connection)
    rows = _consume_pending(connection)
    if not rows:
        return head
    # INVARIANT: indices are gapless. They follow from the head that `_advance` replaces, and
    # the primary key refuses a second row for an index.
    numbered = [row | {"log_index": head.size + number} for number, row in enumerate(rows)]
    connection.execute(_INSERT_LOOKUP, numbered)
    grown = Head(head.frontier.extend(row["leaf_hash"] for row in rows))
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


def _consume_pending(connection: Connection) -> Sequence[dict[str, Any]]:
    """Take the pending rows that this transaction sees, in the order of their insertion."""
    taken = connection.execute(_TAKE_PENDING).mappings().all()
    in_order = sorted(taken, key=lambda row: row["position"])
    return [{name: row[name] for name in row if name != "position"} for row in in_order]


def _advance(connection: Connection, old: Head, new: Head) -> None:
    """Replace the head that was read; compare-and-swap on its size."""
    swapped = connection.execute(
        update(HEAD)
        .where(HEAD.c.head_id == HEAD_ID, HEAD.c.size == old.size)
        .values(size=new.size, peaks=new.frontier.to_bytes())
    )
    if swapped.rowcount != 1:
        raise HeadMoved("the log has grown meanwhile")


def _head_of(row: Any) -> Head:  # noqa: ANN401 - a row of the head table, or None
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
