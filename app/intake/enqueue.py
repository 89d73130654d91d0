"""What a stored change sets in motion: milestones, events, and notices to those who came late."""

from datetime import datetime

from sqlalchemy import Connection

from app.files.store import StoredFile
from app.house import House
from app.outbox.planning import catch_up, follow
from app.releases.changes import Change, ReleaseFacts


def enqueue(
    connection: Connection, house: House, *, before: StoredFile, after: StoredFile, at: datetime
) -> None:
    """Write the consequences of a change in its own transaction."""
    change = Change(
        before=_facts(before) if before.version else None,
        after=_facts(after),
    )
    if change.before != change.after:
        follow(connection, house.planner, after.person_id, change, at=at)
    if before.version and before.return_municipality != after.return_municipality:
        catch_up(connection, house.planner, after.person_id, at=at)


def _facts(file: StoredFile) -> ReleaseFacts:
    return ReleaseFacts(
        planned_release_date=file.planned_release_date,
        actual_release_datetime=file.actual_release_datetime,
    )
