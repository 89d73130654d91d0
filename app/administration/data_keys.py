"""Key-encryption keys over time: what hangs on each, wrapped anew, removed when nothing does.

The keys themselves are in the key ring; here stands which rows each of them wrapped. A row is
only ever updated, and only where it still is as it was read: what an erasure has taken away
meanwhile stays away, under every key.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from app.access_log import kept_exports, person_keys
from app.access_log.kept_exports import EXPORT
from app.access_log.person_keys import PERSON_KEY
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.cases import facts, references
from app.cases.facts import FACT
from app.cases.references import REFERENCE
from app.crypto.at_rest import NONCE_BYTES
from app.crypto.errors import DecryptionFailed
from app.crypto.key_encryption import id_of
from app.crypto.key_ring import KeyRing
from app.database import Database
from app.files import store
from app.files.store import KEY, KEY_AND_CUSTODIAN
from app.files.tables import KeyEncryptionKey
from app.house import Act, House, record
from app.problems import Conflict
from app.rows import insert_new, table_of

KEYS = table_of(KeyEncryptionKey)
# Locks of a batch are held for some milliseconds: whoever wants one of its rows hardly waits.
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A column whose content hangs on a key-encryption key.

    Attributes:
        name: as a status calls it.
        column: what was wrapped or sealed.
        rows: its table, with what the content belongs to.
        opened: its content in this row; DecryptionFailed.
        closed: the content under the active key.
    """

    name: str
    column: Column[Any]
    rows: Select[Any]
    opened: Callable[[KeyRing, Row[Any]], bytes]
    closed: Callable[[KeyRing, Row[Any], bytes, bytes], bytes]

    @property
    def table(self) -> Table:
        """Where it stands."""
        return self.column.table

    def hanging_elsewhere(self, ring: KeyRing) -> ColumnElement[bool]:
        """Rows that do not hang on the active key."""
        key_id = self.table.c.key_encryption_key_id
        other = or_(key_id.is_(None), key_id != ring.key_encryption.active_id)
        return self.column.is_not(None) & other


PLACES = (
    Place(
        name="file keys",
        column=KEY.c.wrapped_key,
        rows=KEY_AND_CUSTODIAN,
        opened=lambda ring, row: ring.key_encryption.unwrap(
            row.key_encryption_key_id,
            row.wrapped_key,
            store.key_context(row.custodian, row.person_id),
        ),
        closed=lambda ring, row, key, nonce: ring.key_encryption.wrap(
            key, store.key_context(row.custodian, row.person_id), nonce=nonce
        ),
    ),
    Place(
        name="log keys",
        column=PERSON_KEY.c.wrapped_key,
        rows=select(PERSON_KEY),
        opened=lambda ring, row: person_keys.unwrap(row, LogKeys.of(ring)),
        closed=lambda ring, row, key, nonce: ring.key_encryption.wrap(
            key, person_keys.context(row.subject_index, row.year), nonce=nonce
        ),
    ),
    Place(
        name="references",
        column=REFERENCE.c.reference_sealed,
        rows=select(REFERENCE),
        opened=lambda ring, row: ring.key_encryption.unseal(
            row.key_encryption_key_id,
            row.reference_sealed,
            references.context(row.agency_id, row.person_id),
        ),
        closed=lambda ring, row, content, nonce: ring.key_encryption.seal(
            content, references.context(row.agency_id, row.person_id), nonce=nonce
        ),
    ),
    Place(
        name="details of facts",
        column=FACT.c.details_sealed,
        rows=select(FACT),
        opened=lambda ring, row: ring.key_encryption.unseal(
            row.key_encryption_key_id, row.details_sealed, facts.details_context(row.fact_id)
        ),
        closed=lambda ring, row, content, nonce: ring.key_encryption.seal(
            content, facts.details_context(row.fact_id), nonce=nonce
        ),
    ),
    Place(
        name="exports",
        column=EXPORT.c.wrapped_key,
        rows=select(EXPORT),
        opened=lambda ring, row: ring.key_encryption.unwrap(
            row.key_encryption_key_id, row.wrapped_key, kept_exports.key_context(row.export_id)
        ),
        closed=lambda ring, row, key, nonce: ring.key_encryption.wrap(
            key, kept_exports.key_context(row.export_id), nonce=nonce
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """A key-encryption key: `next`, `active`, `retired`, or `missing` from the key ring.

    `hanging` counts the rows under it by place; it is `removable` once retired and bare.
    """

    key_id: str
    state: str
    hanging: Mapping[str, int]

    @property
    def removable(self) -> bool:
        """Whether the key can be taken away."""
        return self.state == "retired" and not any(self.hanging.values())


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows were looked at, and how many of them could not be opened."""

    seen: int = 0
    damaged: int = 0


def register(connection: Connection, ring: KeyRing) -> None:
    """Let rows hang on the active key, and on the next one."""
    for key in (ring.data_encryption, ring.data_encryption_next):
        if key is not None:
            insert_new(connection, KeyEncryptionKey, key_id=id_of(key))


def missing(connection: Connection, ring: KeyRing) -> list[str]:
    """Names of keys that rows may hang on and that the key ring does not hold."""
    return [one for one in named(connection) if one not in _states(ring)]


def named(connection: Connection) -> tuple[str, ...]:
    """Names of the keys that rows may hang on."""
    return tuple(sorted(connection.scalars(select(KEYS.c.key_id))))


def name_first_key(connection: Connection, ring: KeyRing) -> None:
    """Name the key of the rows that are older than its name (revision 0007). Run once, by `init`.

    There was one key then. Keys of the log were under another one, and stay so until `rewrap`.
    """
    for place in (PLACES[2], PLACES[3]):
        connection.execute(
            update(place.table)
            .where(place.column.is_not(None), place.table.c.key_encryption_key_id.is_(None))
            .values(key_encryption_key_id=ring.key_encryption.active_id)
        )


def status(connection: Connection, ring: KeyRing) -> list[KeyStatus]:
    """Every key, and how much hangs on it."""
    hanging: dict[str, dict[str, int]] = {key_id: {} for key_id in _states(ring)}
    for place in PLACES:
        key_id = place.table.c.key_encryption_key_id
        counted = select(key_id, func.count()).where(place.column.is_not(None)).group_by(key_id)
        for name, number in connection.execute(counted):
            hanging.setdefault(name or "log_retention", {})[place.name] = number
    states = {"log_retention": "before rotations", **_states(ring)}
    return [
        KeyStatus(
            key_id=key_id,
            state=states.get(key_id, "missing"),
            hanging={place.name: counts.get(place.name, 0) for place in PLACES},
        )
        for key_id, counts in hanging.items()
    ]


def hanging_on(connection: Connection, ring: KeyRing, key_id: str) -> str:
    """What hangs on a key, in words."""
    counts = {one.key_id: one.hanging for one in status(connection, ring)}.get(key_id, {})
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing yet"


def left(connection: Connection, ring: KeyRing) -> int:
    """How many rows do not hang on the active key."""
    return sum(
        connection.scalar(
            select(func.count()).select_from(place.table).where(place.hanging_elsewhere(ring))
        )
        or 0
        for place in PLACES
    )


def rewrap(database: Database, house: House, *, at: datetime) -> Iterator[Progress]:
    """Wrap anew whatever does not hang on the active key; says after each batch how far it is.

    Each batch is a transaction of its own. Broken off at any moment it leaves every row under
    a key of the ring, and the next run goes on with the rest. A row that somebody else holds
    is left to the next run, so that nobody ever waits for this in a circle.
    """
    database.run_blocking(lambda c: record_key(c, house, "rewrap-started", at=at))
    so_far = Progress()
    for place in PLACES:
        after: tuple[Any, ...] | None = None
        while True:
            after, batch = database.run_blocking(_Batch(house, place, after))
            so_far = Progress(so_far.seen + batch.seen, so_far.damaged + batch.damaged)
            yield so_far
            if after is None:
                break
    database.run_blocking(
        lambda c: record_key(c, house, "rewrapped", at=at, left=left(c, house.ring))
    )


def remove(connection: Connection, house: House, *, at: datetime) -> str:
    """Let nothing hang on the retired key any more; its name. Conflict where something does.

    The foreign keys hold it against whoever would write under that key at this very moment.
    """
    ring = house.ring
    if ring.data_encryption_retired is None or not ring.has_retired_data_key:
        raise Conflict("there is no retired key")
    key_id = id_of(ring.data_encryption_retired)
    for one in status(connection, ring):
        if one.key_id == key_id and not one.removable:
            raise Conflict(
                "something still hangs on the retired key: run `throughcare keys rewrap`"
            )
    connection.execute(delete(KEYS).where(KEYS.c.key_id == key_id))
    record_key(connection, house, "removed", at=at, id=key_id)
    return key_id


def record_key(
    connection: Connection, house: House, status: str, *, at: datetime, **more: str | int
) -> None:
    """Write the entry of what happens to key-encryption keys. Keys are named, never shown."""
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={
            "fact": "key-encryption-key",
            "id": house.ring.key_encryption.active_id,
            "status": status,
            **more,
        },
    )
    record(connection, house, OPERATOR, act, at=at)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The next rows of a place: what `Database.run_blocking` runs."""

    house: House
    place: Place
    after: tuple[Any, ...] | None

    def __call__(self, connection: Connection) -> tuple[tuple[Any, ...] | None, Progress]:
        """Where the next batch begins, None at the end; and what this one came to."""
        rows = self._rows(connection)
        damaged = sum(not self._move(connection, row) for row in rows)
        after = self._key_of(rows[-1]) if len(rows) == BATCH else None
        return after, Progress(len(rows), damaged)

    def _rows(self, connection: Connection) -> list[Row[Any]]:
        table = self.place.table
        keys = tuple(table.primary_key.columns)
        query = self.place.rows.where(self.place.hanging_elsewhere(self.house.ring))
        if self.after is not None:
            query = query.where(tuple_(*keys) > self.after)
        # Rows that an erasure holds are none of ours: they are about to go.
        query = query.order_by(*keys).limit(BATCH).with_for_update(skip_locked=True, of=table)
        return list(connection.execute(query))

    def _move(self, connection: Connection, row: Row[Any]) -> bool:
        """Put a row under the active key, if it is as it was read; False where it does not open."""
        ring, random, place = self.house.ring, self.house.random, self.place
        before = row._mapping[place.column]  # noqa: SLF001 - how a row is asked for a column
        try:
            content = place.opened(ring, row)
        except DecryptionFailed:
            return False
        sealed = place.closed(ring, row, content, random(NONCE_BYTES))
        connection.execute(
            update(place.table)
            .where(
                *(
                    column == value
                    for column, value in zip(
                        place.table.primary_key.columns, self._key_of(row), strict=True
                    )
                ),
                place.column == before,
            )
            .values(
                {
                    place.column: sealed,
                    place.table.c.key_encryption_key_id: ring.key_encryption.active_id,
                }
            )
        )
        return True

    def _key_of(self, row: Row[Any]) -> tuple[Any, ...]:
        return tuple(row._mapping[column] for column in self.place.table.primary_key.columns)  # noqa: SLF001 - as above


def _states(ring: KeyRing) -> dict[str, str]:
    """The names of the keys of a ring with their states."""
    states = {}
    for state, key in (
        ("next", ring.data_encryption_next),
        # A rotation that was broken off leaves the active key among the retired.
        ("retired", ring.data_encryption_retired),
        ("active", ring.data_encryption),
    ):
        if key is not None:
            states[id_of(key)] = state
    return states
