"""Holds: while one stands, a file is kept whatever its term."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from app.problems import NotFound
from app.retention.tables import RetentionHold
from app.rows import table_of

HOLD = table_of(RetentionHold)


def place(
    connection: Connection, hold_id: str, *, person_id: str, reason: str, by: str, at: datetime
) -> None:
    """Keep a person's file from now on."""
    connection.execute(
        insert(HOLD).values(
            hold_id=hold_id, person_id=person_id, reason=reason, placed_by=by, placed_at=at
        )
    )


def lift(connection: Connection, hold_id: str, *, person_id: str, by: str, at: datetime) -> None:
    """End a hold of this person. NotFound: there is none that stands."""
    changed = connection.execute(
        update(HOLD)
        .where(HOLD.c.hold_id == hold_id, HOLD.c.person_id == person_id, HOLD.c.lifted_at.is_(None))
        .values(lifted_by=by, lifted_at=at)
    )
    if changed.rowcount != 1:
        raise NotFound("no such hold stands")


def is_held(connection: Connection, person_id: str) -> bool:
    """Whether any hold stands."""
    found = connection.scalar(
        select(HOLD.c.hold_id)
        .where(HOLD.c.person_id == person_id, HOLD.c.lifted_at.is_(None))
        .limit(1)
    )
    return found is not None
