"""Exports as they are kept: what was asked for, how far it is, and its sealed parts.

Nothing of an export is stored in clear: each has a key of its own, wrapped like the persons'
keys, and each part is sealed under it. An erasure takes all of that away, of every export.

Whoever writes an export does it under a new name of its content, by which it knows whether the
export is still its own. An export that ends lets go of that name and of its key at once, however
large it is; the parts, which nobody can open any more, are deleted a few at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, tuple_, update

from app.access_log import person_keys
from app.access_log.sealing import ID_BYTES, LogKeys
from app.access_log.tables import AccessLogExport, AccessLogExportPart
from app.crypto import at_rest
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import RandomBytes
from app.problems import Conflict, ThroughcareError
from app.rows import table_of

EXPORT = table_of(AccessLogExport)
PART = table_of(AccessLogExportPart)

# For how long an export is kept, unless it is deleted before.
KEPT_FOR: Final = timedelta(hours=24)
# So many of a client are kept at once: each may hold the whole log again. One that was dropped
# holds nothing, and its client is to ask again.
MOST_KEPT: Final = 5
# Far longer than a part takes: whoever writes an export and does not come back has died.
LEASE: Final = timedelta(minutes=1)
# At once, in one transaction: each has a megabyte at most.
DELETED_AT_ONCE: Final = 16

_NO_CONTENT: Final[dict[str, Any]] = {
    "content_id": None,
    "wrapped_key": None,
    "key_encryption_key_id": None,
    "length": None,
    "sha256": None,
    "lease_until": None,
}


class NoLongerWritten(ThroughcareError):
    """Whoever writes an export has lost it."""


class State(StrEnum):
    """How far an export is."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    # The log is damaged where the export needs it.
    FAILED = "failed"
    # Somebody was erased: what had been opened before must not stay.
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """What is asked for: `filters` as JSON, `total` rows to look at."""

    export_id: str
    client_id: str
    format: str
    filters: str
    tree_size: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was written of an export in one go, and under whose keys it was opened."""

    number: int
    content: bytes
    looked_at: int
    entries: int
    opened_with: Sequence[tuple[str, int]]


_DROPPED: Final[dict[str, Any]] = {"state": State.DROPPED.value, "filters": "{}", **_NO_CONTENT}


def keep(
    connection: Connection, new: NewExport, *, keys: LogKeys, random: RandomBytes, at: datetime
) -> None:
    """Store what a client asks for. Conflict where it has as many as are kept."""
    kept = (
        select(func.count())
        .select_from(EXPORT)
        .where(EXPORT.c.state != State.DROPPED.value, *_of_client(new.client_id, at))
    )
    if (connection.scalar(kept) or 0) >= MOST_KEPT:
        raise Conflict(f"a client has {MOST_KEPT} exports at most: delete one")
    wrapped = keys.key_encryption.wrap(
        random(at_rest.KEY_BYTES), key_context(new.export_id), nonce=random(at_rest.NONCE_BYTES)
    )
    values: dict[str, Any] = {
        "export_id": new.export_id,
        "client_id": new.client_id,
        "format": new.format,
        "filters": new.filters,
        "tree_size": new.tree_size,
        "state": State.WAITING.value,
        "total": new.total,
        "done": 0,
        "entries": 0,
        "wrapped_key": wrapped,
        "key_encryption_key_id": keys.key_encryption.active_id,
        "created_at": at,
        "expires_at": at + KEPT_FOR,
    }
    connection.execute(insert(EXPORT), values)


def find(
    connection: Connection, export_id: str, *, client_id: str, at: datetime
) -> Row[Any] | None:
    """An export of this client; None where there is none, or none any more."""
    query = select(EXPORT).where(EXPORT.c.export_id == export_id, *_of_client(client_id, at))
    return connection.execute(query).first()


def next_to_write(connection: Connection, *, at: datetime) -> str | None:
    """The oldest export that nobody writes, by its id."""
    query = select(EXPORT.c.export_id).where(_is_free(at)).order_by(EXPORT.c.created_at).limit(1)
    return connection.scalar(query)


def claim(
    connection: Connection, export_id: str, *, random: RandomBytes, at: datetime
) -> Row[Any] | None:
    """Take an export to write it, from its beginning; None where somebody else has it."""
    return connection.execute(
        update(EXPORT)
        .where(EXPORT.c.export_id == export_id, _is_free(at))
        .values(
            state=State.RUNNING.value,
            content_id=random(ID_BYTES).hex(),
            lease_until=at + LEASE,
            done=0,
            entries=0,
        )
        .returning(*EXPORT.c)
    ).first()


def add_part(
    connection: Connection,
    content_id: str,
    part: Part,
    *,
    keys: LogKeys,
    random: RandomBytes,
    at: datetime,
) -> bool:
    """Store the next part; False where it has to be read again, as somebody was erased.

    Raises NoLongerWritten.
    """
    # INVARIANT: keys before the export, as an erasure takes them: what commits before it is
    # taken away by it, and what comes after finds the keys gone.
    if not person_keys.hold(connection, part.opened_with):
        return False
    row = connection.execute(
        update(EXPORT)
        .where(EXPORT.c.content_id == content_id)
        .values(
            done=EXPORT.c.done + part.looked_at,
            entries=EXPORT.c.entries + part.entries,
            lease_until=at + LEASE,
        )
        .returning(*EXPORT.c)
    ).first()
    if row is None:
        raise NoLongerWritten("the export was dropped, deleted or taken over")
    if part.content:
        context = _part_context(content_id, part.number)
        nonce = random(at_rest.NONCE_BYTES)
        sealed = at_rest.seal(_key_of(row, keys), part.content, context, nonce=nonce)
        values = {"content_id": content_id, "number": part.number, "sealed": sealed}
        connection.execute(insert(PART), values)
    return True


def give_back(connection: Connection, content_id: str) -> None:
    """Have somebody else begin it anew at once: whoever wrote it stops before its end."""
    running = EXPORT.c.content_id == content_id, EXPORT.c.state == State.RUNNING.value
    connection.execute(
        update(EXPORT).where(*running).values(state=State.WAITING.value, lease_until=None)
    )


def finish(connection: Connection, content_id: str, *, length: int, sha256: str) -> None:
    """All parts are there."""
    connection.execute(
        update(EXPORT)
        .where(EXPORT.c.content_id == content_id)
        .values(state=State.FINISHED.value, length=length, sha256=sha256, lease_until=None)
    )


def fail(connection: Connection, export_id: str) -> None:
    """It cannot be written."""
    connection.execute(
        update(EXPORT)
        .where(EXPORT.c.export_id == export_id, EXPORT.c.state == State.RUNNING.value)
        .values(state=State.FAILED.value, **_NO_CONTENT)
    )


def part_numbers(connection: Connection, content_id: str) -> list[int]:
    """The numbers of the parts, in their order."""
    query = select(PART.c.number).where(PART.c.content_id == content_id)
    return list(connection.scalars(query.order_by(PART.c.number)))


def open_part(connection: Connection, content_id: str, number: int, *, keys: LogKeys) -> bytes:
    """The content of a part. Raises DecryptionFailed where it is gone, or altered."""
    row = connection.execute(
        select(EXPORT, PART.c.sealed)
        .join_from(EXPORT, PART, PART.c.content_id == EXPORT.c.content_id)
        .where(PART.c.content_id == content_id, PART.c.number == number)
    ).first()
    if row is None:
        raise DecryptionFailed("the part is gone")
    return at_rest.unseal(_key_of(row, keys), row.sealed, _part_context(content_id, number))


def forget(connection: Connection, export_id: str) -> None:
    """Take an export away, whatever its state."""
    connection.execute(delete(EXPORT).where(EXPORT.c.export_id == export_id))


def purge(connection: Connection, *, at: datetime) -> None:
    """Take away what has expired."""
    connection.execute(delete(EXPORT).where(EXPORT.c.expires_at <= at))


def drop_all(connection: Connection) -> int:
    """Take away what every export holds, after the keys of an erased person; of how many."""
    kept = EXPORT.c.state != State.DROPPED.value
    return connection.execute(update(EXPORT).where(kept).values(_DROPPED)).rowcount


def drop(connection: Connection, content_id: str) -> None:
    """Take away what one export holds: an erasure came as it was asked for."""
    own = EXPORT.c.content_id == content_id
    connection.execute(update(EXPORT).where(own).values(_DROPPED))


def parts_of_none(connection: Connection) -> list[tuple[str, int]]:
    """Some parts that no export names any more."""
    named = select(EXPORT.c.export_id).where(EXPORT.c.content_id == PART.c.content_id).exists()
    found = connection.execute(
        select(PART.c.content_id, PART.c.number).where(~named).limit(DELETED_AT_ONCE)
    )
    return [(row.content_id, row.number) for row in found]


def delete_parts(connection: Connection, parts: Sequence[tuple[str, int]]) -> None:
    """Delete what `parts_of_none` found."""
    place = tuple_(PART.c.content_id, PART.c.number)
    connection.execute(delete(PART).where(place.in_(parts)))


def key_context(export_id: str) -> bytes:
    """What the key of an export belongs to."""
    return f"access log export key/{export_id}".encode()


def _of_client(client_id: str, at: datetime) -> tuple[Any, ...]:
    return EXPORT.c.client_id == client_id, EXPORT.c.expires_at > at


def _is_free(at: datetime) -> Any:  # noqa: ANN401 - an expression of SQLAlchemy
    lapsed = and_(EXPORT.c.state == State.RUNNING.value, EXPORT.c.lease_until <= at)
    return and_(or_(EXPORT.c.state == State.WAITING.value, lapsed), EXPORT.c.expires_at > at)


def _key_of(row: Row[Any], keys: LogKeys) -> bytes:
    if row.wrapped_key is None:
        raise DecryptionFailed("the key of this export is gone")
    return keys.key_encryption.unwrap(
        row.key_encryption_key_id, row.wrapped_key, key_context(row.export_id)
    )


def _part_context(content_id: str, number: int) -> bytes:
    return f"access log export/{content_id}/{number}".encode()
