"""What a stored change sets in motion: milestones, events, and notices to those who came late."""

from datetime import datetime

from sqlalchemy import Connection

from app.cases import custody
from app.cases.custody import Custody
from app.files.store import StoredFile
from app.house import House
from app.outbox.events import Recipients
from app.outbox.planning import Occurrence, announce, await_return, catch_up, follow
from app.releases.changes import Change, ReleaseFacts
from app.releases.events import EVENTS
from app.releases.file_changes import file_events
from app.releases.leaves import CANCELLED, CHANGED, GRANTED, Leave, Progress, leave_event

RECEIVED = "contribution_received"


def enqueue(
    connection: Connection,
    house: House,
    *,
    before: StoredFile,
    after: StoredFile,
    contributed: tuple[str, ...] = (),
    at: datetime,
) -> None:
    """Write the consequences of a change in its own transaction.

    `contributed` are the sections that somebody else than the custodian has written.
    """
    change = Change(
        before=release_facts(before) if before.version else None,
        after=release_facts(after),
    )
    if change.before != change.after:
        follow(connection, house.planner, after.person_id, change, at=at)
    for one in file_events(before.sections, after.sections):
        occurrence = Occurrence(event=one.event, fields=one.fields)
        announce(connection, house.planner, after.person_id, occurrence, at=at)
    _follow_leave(connection, house, before, after, at=at)
    _acknowledge_contribution(connection, house, after, contributed, at=at)
    if before.version and before.return_municipality != after.return_municipality:
        catch_up(connection, house.planner, after.person_id, at=at)


def release_facts(file: StoredFile) -> ReleaseFacts:
    """What a file says of its release."""
    return ReleaseFacts(
        planned_release_date=file.planned_release_date,
        actual_release_datetime=file.actual_release_datetime,
        sentence_days=file.sentence_days,
    )


def _follow_leave(
    connection: Connection, house: House, before: StoredFile, after: StoredFile, *, at: datetime
) -> None:
    """Tell what became of a leave, and look after its end."""
    old, new = _leave(before), _leave(after)
    if old == new:
        return
    person_id = after.person_id
    state = custody.of(connection, person_id, ring=house.ring)
    if state.is_at_large(at=at, grace_hours=house.profile.leave_grace_hours):
        return  # Whoever did not come back is recaptured, and on no other leave before.
    progress = None if state.leave is None else Progress(state.leave)
    event = leave_event(old, new, progress=progress, at=at)
    if event is None:
        return
    state = _moved(state, event, new)
    custody.keep(connection, person_id, state, ring=house.ring)
    await_return(connection, house.planner, person_id, None if new is None else new.end)
    announce(connection, house.planner, person_id, Occurrence(event=event), at=at)
    if event == CHANGED:
        # Who is concerned only now, as the police of another place, hears of it as of a new one.
        granted = Occurrence(event=GRANTED)
        announce(connection, house.planner, person_id, granted, at=at, recipients=Recipients.NEW)


def _moved(state: Custody, event: str, leave: Leave | None) -> Custody:
    """The state after a change of the leave: a new one has not started, one begun ends later."""
    if event in (GRANTED, CANCELLED) or leave is None:
        return state.without_leave()
    if state.leave != custody.STARTED:
        return state
    return custody.until(state, leave.end)


def _leave(file: StoredFile) -> Leave | None:
    start, end = file.leave_start, file.leave_end
    if start is None or end is None:
        return None
    return Leave(start, end, file.leave_municipality)


def _acknowledge_contribution(
    connection: Connection,
    house: House,
    after: StoredFile,
    contributed: tuple[str, ...],
    *,
    at: datetime,
) -> None:
    """Tell that another owner has written; never of the sections that are not pushed."""
    told = [name for name in EVENTS[RECEIVED].sections if name in contributed]
    if told:
        fields = tuple(f"{name}.{field}" for name in told for field in after.sections.get(name, {}))
        occurrence = Occurrence(event=RECEIVED, fields=fields)
        announce(connection, house.planner, after.person_id, occurrence, at=at)
