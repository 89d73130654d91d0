"""Milestones to come, as rows: planned with the file, told when their time has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, insert, select, update

from app.database import table_of
from app.outbox.tables import Milestone
from app.releases.milestones import FiredMilestone, PlannedMilestone

MILESTONE = table_of(Milestone)

PLANNED = "planned"
TOLD = "told"


@dataclass(frozen=True, slots=True)
class Due:
    """A person with milestones whose time has come, for one release date."""

    person_id: str
    release_date: date
    names: tuple[str, ...]


def fired(connection: Connection, person_id: str) -> list[FiredMilestone]:
    """The milestones that were told about this person and are not forgotten."""
    rows = connection.execute(
        select(MILESTONE.c.name, MILESTONE.c.release_date).where(
            MILESTONE.c.person_id == person_id, MILESTONE.c.status == TOLD
        )
    )
    return [FiredMilestone(row.name, row.release_date) for row in rows]


def replace(
    connection: Connection,
    person_id: str,
    plan: Iterable[PlannedMilestone],
    *,
    forget_fired: bool,
) -> None:
    """Put a plan in place of all that is not told yet, and of what was told if asked to."""
    condition = MILESTONE.c.person_id == person_id
    if not forget_fired:
        condition &= MILESTONE.c.status == PLANNED
    connection.execute(delete(MILESTONE).where(condition))
    rows = [
        {
            "person_id": person_id,
            "release_date": planned.release_date,
            "name": planned.name,
            "due_at": planned.due_at,
            "status": PLANNED,
        }
        for planned in plan
    ]
    if rows:
        connection.execute(insert(MILESTONE), rows)


def due(connection: Connection, *, at: datetime, limit: int) -> list[Due]:
    """Up to `limit` persons with milestones whose time has come, the longest waiting first.

    All milestones of a person that are due come together: they collapse into one notice.
    """
    overdue = (MILESTONE.c.status == PLANNED, MILESTONE.c.due_at <= at)
    first = (
        select(MILESTONE.c.person_id)
        .where(*overdue)
        .order_by(MILESTONE.c.due_at, MILESTONE.c.person_id)
        .limit(limit)
    )
    persons = sorted(set(connection.scalars(first)))
    names: dict[tuple[str, date], list[str]] = {}
    rows = connection.execute(
        select(MILESTONE.c.person_id, MILESTONE.c.release_date, MILESTONE.c.name)
        .where(*overdue, MILESTONE.c.person_id.in_(persons))
        .order_by(MILESTONE.c.due_at, MILESTONE.c.person_id, MILESTONE.c.name)
        .with_for_update(skip_locked=True)
    )
    for row in rows:
        names.setdefault((row.person_id, row.release_date), []).append(row.name)
    return [Due(person, release, tuple(found)) for (person, release), found in names.items()]


def mark_told(connection: Connection, told: Due) -> None:
    """Mark milestones as told: their event stands in the same transaction."""
    connection.execute(
        update(MILESTONE)
        .where(
            MILESTONE.c.person_id == told.person_id,
            MILESTONE.c.release_date == told.release_date,
            MILESTONE.c.name.in_(told.names),
        )
        .values(status=TOLD)
    )
