"""Deadlines of one person beside the milestones: a leave or a consent that ends, a review due."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, delete, insert, select

from app.files.tables import InmateFile
from app.instants import Instant
from app.outbox.tables import Deadline
from app.rows import table_of

DEADLINE = table_of(Deadline)
FILE = table_of(InmateFile)


def put(
    connection: Connection, person_id: str, event_type: str, *, key: str = "", due_at: datetime
) -> None:
    """Set a deadline; one that stands for the same is moved."""
    drop(connection, person_id, event_type, key=key)
    connection.execute(
        insert(DEADLINE).values(person_id=person_id, event_type=event_type, key=key, due_at=due_at)
    )


def drop(connection: Connection, person_id: str, event_type: str, *, key: str = "") -> None:
    """Take a deadline back; there need be none."""
    connection.execute(
        delete(DEADLINE).where(
            DEADLINE.c.person_id == person_id,
            DEADLINE.c.event_type == event_type,
            DEADLINE.c.key == key,
        )
    )


def drop_all(connection: Connection, person_id: str, *, besides: Collection[str]) -> None:
    """Take every deadline of a person back, but those of these types."""
    connection.execute(
        delete(DEADLINE).where(
            DEADLINE.c.person_id == person_id, DEADLINE.c.event_type.not_in(besides)
        )
    )


def take_due(connection: Connection, *, at: datetime, limit: int) -> list[Row[Any]]:
    """Up to `limit` deadlines that are due, taken out; their files are held meanwhile.

    A file that somebody else holds waits for the next look, as for milestones.
    """
    persons = sorted(connection.scalars(_held(), {"at": at, "limit": limit}))
    if not persons:
        return []
    mine = (DEADLINE.c.due_at <= at, DEADLINE.c.person_id.in_(persons))
    found = connection.execute(
        select(DEADLINE).where(*mine).order_by(DEADLINE.c.due_at, DEADLINE.c.person_id)
    )
    rows = list(found)
    connection.execute(delete(DEADLINE).where(*mine))
    return rows


@cache
def _held() -> Select[tuple[str]]:
    """The files of persons with a deadline that is due. Built once: it is asked at every look."""
    first = (
        select(DEADLINE.c.person_id)
        .where(DEADLINE.c.due_at <= bindparam("at", type_=Instant()))
        .group_by(DEADLINE.c.person_id)
        .limit(bindparam("limit", type_=Integer()))
    )
    held = select(FILE.c.person_id).where(FILE.c.person_id.in_(first))
    return held.with_for_update(skip_locked=True)
