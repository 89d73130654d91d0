"""Milestones to come, as rows: planned with the file, told when their time has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from app.files.tables import InmateFile
from app.instants import Instant
from app.outbox.tables import Milestone
from app.releases.milestones import FiredMilestone, PlannedMilestone
from app.rows import table_of

MILESTONE = table_of(Milestone)
FILE = table_of(InmateFile)

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


def passed(connection: Connection, person_id: str) -> list[str]:
    """The names of the milestones whose time is past: told, and not planned anew.

    One that was told for another date counts, unless the new date put it into the future.
    """
    planned = select(MILESTONE.c.name).where(
        MILESTONE.c.person_id == person_id, MILESTONE.c.status == PLANNED
    )
    names = (
        select(MILESTONE.c.name)
        .where(
            MILESTONE.c.person_id == person_id,
            MILESTONE.c.status == TOLD,
            MILESTONE.c.name.not_in(planned),
        )
        .distinct()
    )
    return list(connection.scalars(names))


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


def due_since(connection: Connection, *, at: datetime) -> datetime | None:
    """When the first milestone that nobody was told of fell due; None where there is none."""
    query = select(func.min(MILESTONE.c.due_at)).where(
        MILESTONE.c.status == PLANNED, MILESTONE.c.due_at <= at
    )
    since: datetime | None = connection.scalar(query)
    return since


def due(connection: Connection, *, at: datetime, limit: int) -> list[Due]:
    """Up to `limit` persons with milestones whose time has come, the longest waiting first.

    All milestones of a person that are due come together: they collapse into one notice.
    On PostgreSQL their files are held until this transaction ends; a file that somebody else
    holds, a second dispatcher or whoever is changing it, waits for the next look.
    """
    persons = sorted(connection.scalars(_held(), {"at": at, "limit": limit}))
    if not persons:
        return []
    overdue = (MILESTONE.c.status == PLANNED, MILESTONE.c.due_at <= at)
    names: dict[tuple[str, date], list[str]] = {}
    rows = connection.execute(
        select(MILESTONE.c.person_id, MILESTONE.c.release_date, MILESTONE.c.name)
        .where(*overdue, MILESTONE.c.person_id.in_(persons))
        .order_by(MILESTONE.c.due_at, MILESTONE.c.person_id, MILESTONE.c.name)
    )
    for row in rows:
        names.setdefault((row.person_id, row.release_date), []).append(row.name)
    return [Due(person, release, tuple(found)) for (person, release), found in names.items()]


@cache
def _held() -> Select[tuple[str]]:
    """The files of persons with a milestone that is due. Built once: it is asked at every look."""
    due_at = MILESTONE.c.due_at
    first = (
        select(MILESTONE.c.person_id)
        .where(MILESTONE.c.status == PLANNED, due_at <= bindparam("at", type_=Instant()))
        .group_by(MILESTONE.c.person_id)
        .order_by(func.min(due_at), MILESTONE.c.person_id)
        .limit(bindparam("limit", type_=Integer()))
    )
    held = select(FILE.c.person_id).where(FILE.c.person_id.in_(first))
    return held.with_for_update(skip_locked=True)


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
