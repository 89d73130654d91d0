"""Requests for erasure: one officer asks, another one of the same custodian approves."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.problems import Conflict, NotFound
from app.retention.tables import Erasure, ErasureRequest
from app.rows import insert_new, table_of

REQUEST = table_of(ErasureRequest)
ERASURE = table_of(Erasure)


class Ground(StrEnum):
    """Why a person is to be erased."""

    RETENTION_ENDED = "retention_ended"
    RECORDED_UNLAWFULLY = "recorded_unlawfully"


def ask(
    connection: Connection,
    erasure_id: str,
    *,
    person_id: str,
    ground: Ground,
    by: str,
    at: datetime,
) -> None:
    """Record a request. Conflict: one stands already."""
    added = insert_new(
        connection,
        ErasureRequest,
        person_id=person_id,
        erasure_id=erasure_id,
        ground=ground.value,
        requested_by=by,
        requested_at=at,
    )
    if not added:
        raise Conflict("the erasure of this person was requested already")


def approve(connection: Connection, *, person_id: str, by: str, at: datetime) -> Row[Any]:
    """Approve the request that stands; nobody approves a request of their own."""
    row = of(connection, person_id)
    if row is None:
        raise NotFound("no erasure of this person was requested")
    # INVARIANT: two different people. The row is compared, not what was read before.
    changed = connection.execute(
        update(REQUEST)
        .where(
            REQUEST.c.person_id == person_id,
            REQUEST.c.approved_by.is_(None),
            REQUEST.c.requested_by != by,
        )
        .values(approved_by=by, approved_at=at)
    )
    if changed.rowcount != 1:
        raise Conflict("a second officer approves, and only once")
    return row


def withdraw(connection: Connection, *, person_id: str) -> None:
    """Take back a request, approved or not, that was not carried out. NotFound: none stands."""
    deleted = connection.execute(REQUEST.delete().where(REQUEST.c.person_id == person_id))
    if deleted.rowcount != 1:
        raise NotFound("no erasure of this person was requested")


def of(connection: Connection, person_id: str) -> Row[Any] | None:
    """The request about a person, if there is one."""
    return connection.execute(select(REQUEST).where(REQUEST.c.person_id == person_id)).first()


def approved(connection: Connection, *, after: str, limit: int) -> list[Row[Any]]:
    """A page of approved requests in the order of the person's id."""
    query = (
        select(REQUEST)
        .where(REQUEST.c.approved_by.is_not(None), REQUEST.c.person_id > after)
        .order_by(REQUEST.c.person_id)
        .limit(limit)
    )
    return list(connection.execute(query))


def store_certificate(
    connection: Connection,
    erasure_id: str,
    *,
    destroyed: dict[str, int],
    certificate: str,
    at: datetime,
) -> None:
    """Keep what an erasure leaves behind."""
    connection.execute(
        insert(ERASURE).values(
            erasure_id=erasure_id, erased_at=at, destroyed=destroyed, certificate=certificate
        )
    )


def certificate(connection: Connection, erasure_id: str) -> str:
    """The certificate of an erasure. NotFound where there was none."""
    found = connection.scalar(
        select(ERASURE.c.certificate).where(ERASURE.c.erasure_id == erasure_id)
    )
    if found is None:
        raise NotFound("no such erasure")
    return str(found)
