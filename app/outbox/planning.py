"""From a change, or from the clock, to events: the rules of `releases` over the rows here.

Everything here writes in the transaction of the fact that it follows from: a fact that is
rolled back takes its events with it.

INVARIANT: whoever publishes about a person holds the person's file until the transaction ends
(on PostgreSQL; SQLite has one writer). So events of one person stand in one order, and nobody
is missed between a fact that makes a newcomer and a milestone that is told at the same time.
Whoever tells somebody of an event keeps the file still from before the decision on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select

from app.agencies.registry import COMPETENCE
from app.cases.assignments import ASSIGNMENT
from app.cases.custody import STARTED, STATE
from app.cases.fact import ACCEPTED
from app.outbox import alarms, deadlines, milestones, take_backs
from app.outbox.alarms import Reason
from app.outbox.competence import FILE, anybody
from app.outbox.events import Audience, NewEvent, Recipients, publish, reached_roles
from app.outbox.milestones import Due
from app.releases.changes import Change, consequences
from app.releases.events import EVENTS, OVERSIGHT, Kind, Matter
from app.releases.leaves import FAILED, overdue_at
from app.releases.milestones import MILESTONES
from app.releases.notices import Notice, collapse, immediate, named_milestones
from app.releases.profile import Profile

# Whose duty it is to act on a release, a leave or a flight in their territory. That nobody of
# the others is registered, who come in with consent, is nothing unusual.
ON_DUTY = frozenset(
    {"probation_service", "reintegration_unit", "social_welfare_centre", "police_local"}
)
MOVED = "release_date_changed"
PUBLIC_MATTERS = frozenset({Matter.RELEASE, Matter.LEAVE, Matter.FLIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """What planning needs beside a connection: the profile and a source of random ids."""

    profile: Profile
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event that is to be told at once.

    `agencies` are those that are named, `fields` the only ones that it carries, `particulars`
    what else it says: nothing about the person.
    """

    event: str
    agencies: frozenset[str] | None = None
    fields: tuple[str, ...] = ()
    particulars: Mapping[str, Any] | None = None


def hold(connection: Connection, person_id: str) -> Row[Any]:
    """What stands readable of a file, kept from other planners until the transaction ends."""
    query = select(FILE).where(FILE.c.person_id == person_id)
    return connection.execute(query.with_for_update()).one()


def keep_still(connection: Connection, person_id: str) -> None:
    """Have nobody publish about a person until the transaction ends; others may keep it so, too.

    Whoever tells somebody decides behind it: else a date that moves meanwhile would be told to all
    who had been told of it, and not to the one who is being told.
    """
    query = select(FILE.c.person_id).where(FILE.c.person_id == person_id)
    connection.execute(query.with_for_update(read=True))


def follow(
    connection: Connection, planner: Planner, person_id: str, change: Change, *, at: datetime
) -> None:
    """Plan the milestones that a change entails, and publish what is to be told at once."""
    hold(connection, person_id)
    outcome = consequences(
        change,
        profile=planner.profile,
        at=at,
        fired=milestones.fired(connection, person_id),
    )
    release_date = _release_date(change, planner.profile)
    for notice in outcome.notices:
        _publish(connection, planner, person_id, notice, release_date, at=at)
    milestones.replace(connection, person_id, outcome.plan, forget_fired=outcome.forget_fired)
    if any(notice.event == MOVED for notice in outcome.notices):
        # A step that is over tells nobody again. Whoever had got nothing by it, since nothing was
        # permitted when its turn came, may be near enough now.
        catch_up(connection, planner, person_id, at=at)


def announce(
    connection: Connection,
    planner: Planner,
    person_id: str,
    occurrence: Occurrence,
    *,
    at: datetime,
    recipients: Recipients | None = None,
) -> None:
    """Publish an event that has just happened, to whom its row of the table names.

    `recipients` narrows them further.
    """
    file = hold(connection, person_id)
    release_date = file.planned_release_date
    notice = immediate(occurrence.event, release_date, profile=planner.profile, at=at)
    _publish(
        connection,
        planner,
        person_id,
        notice,
        release_date,
        at=at,
        recipients=recipients or Recipients.ALL,
        occurrence=occurrence,
    )


def await_return(
    connection: Connection, planner: Planner, person_id: str, end: datetime | None
) -> None:
    """Look after a leave when its end and the grace period are over; None: no more."""
    if end is None:
        deadlines.drop(connection, person_id, FAILED)
        return
    due_at = overdue_at(end, grace_hours=planner.profile.leave_grace_hours)
    deadlines.put(connection, person_id, FAILED, due_at=due_at)


def await_end(
    connection: Connection, person_id: str, event: str, *, key: str, due_at: datetime | None
) -> None:
    """Make an event when the time of a fact is over; None: it has ended before."""
    if due_at is None:
        deadlines.drop(connection, person_id, event, key=key)
    else:
        deadlines.put(connection, person_id, event, key=key, due_at=due_at)


def close(connection: Connection, person_id: str) -> None:
    """Nothing more falls due about a person: somebody who has died is not announced.

    But what was done with the file is to be looked at still.
    """
    hold(connection, person_id)
    milestones.replace(connection, person_id, (), forget_fired=True)
    deadlines.drop_all(connection, person_id, besides=OVERSIGHT)


def catch_up(connection: Connection, planner: Planner, person_id: str, *, at: datetime) -> None:
    """Tell those who came late: a new municipality, an accepted case, a given consent.

    Whoever was told already is not told again.
    """
    file = hold(connection, person_id)
    release_date = file.planned_release_date
    if release_date is None or file.actual_release_at is not None:
        return
    if release_date < planner.profile.local_date(at):
        return
    missed = [name for name in milestones.passed(connection, person_id) if MILESTONES[name].day < 0]
    if not missed:
        return
    notice = collapse(missed, release_date=release_date, profile=planner.profile, at=at)
    _publish(connection, planner, person_id, notice, release_date, at=at, recipients=Recipients.NEW)


def catch_up_agency(
    connection: Connection, planner: Planner, agency_id: str, *, at: datetime
) -> None:
    """Tell an agency whose endpoint came late of every release in view that concerns it.

    And of what it is to give back.
    """
    take_backs.reach(connection, agency_id, new_id=planner.new_id, at=at)
    for person_id in _concerning(connection, agency_id, today=planner.profile.local_date(at)):
        catch_up(connection, planner, person_id, at=at)


def catch_up_places(
    connection: Connection, planner: Planner, places: frozenset[str], *, at: datetime
) -> None:
    """Tell whoever has become competent in these places of every release in view there."""
    today = planner.profile.local_date(at)
    there = or_(FILE.c.return_municipality.in_(places), FILE.c.leave_municipality.in_(places))
    for person_id in _in_view(connection, there, today=today):
        catch_up(connection, planner, person_id, at=at)


def tell_due(
    connection: Connection,
    planner: Planner,
    *,
    at: datetime,
    limit: int,
    ended: Callable[[Row[Any]], None] | None = None,
) -> int:
    """Publish what the clock makes: milestones that are due, leaves and consents that ended.

    `ended` is called with each deadline, after what it makes is published. How many persons
    and deadlines.
    """
    over = deadlines.take_due(connection, at=at, limit=limit)
    for deadline in over:
        _meet(connection, planner, deadline, at=at)
        if ended is not None:
            ended(deadline)
    found = milestones.due(connection, at=at, limit=limit)
    for due in found:
        _tell(connection, planner, due, at=at)
    return len(found) + len(over)


def _tell(connection: Connection, planner: Planner, due: Due, *, at: datetime) -> None:
    notice = collapse(due.names, release_date=due.release_date, profile=planner.profile, at=at)
    milestones.mark_told(connection, due)
    _publish(connection, planner, due.person_id, notice, due.release_date, at=at)


def _meet(connection: Connection, planner: Planner, deadline: Row[Any], *, at: datetime) -> None:
    """What a deadline that has passed entails."""
    person_id = deadline.person_id
    if deadline.event_type != FAILED:
        expired = Occurrence(event=deadline.event_type, particulars={"fact": deadline.key})
        announce(connection, planner, person_id, expired, at=at)
        return
    progress = connection.scalar(select(STATE.c.leave).where(STATE.c.person_id == person_id))
    if progress == STARTED:
        announce(connection, planner, person_id, Occurrence(event=FAILED), at=at)
    else:
        # Nobody is said to have failed whom nobody reported to have left; but somebody has to say.
        _alarm(connection, planner, person_id, FAILED, Reason.LEAVE_UNREPORTED, at=at)


def _publish(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    release_date: date | None,
    *,
    at: datetime,
    recipients: Recipients = Recipients.ALL,
    occurrence: Occurrence | None = None,
) -> None:
    """Store the event of a notice with its deliveries; one that addresses nobody makes none."""
    event = EVENTS[notice.event]
    if notice.only_those_told:
        recipients = Recipients.TOLD
    elif event.only_involved:
        recipients = Recipients.INVOLVED
    elif event.kind is Kind.OVERSIGHT:
        recipients = Recipients.OVERSEERS
    main = Audience(
        roles=notice.roles,
        recipients=recipients,
        matter=event.receipts,
        agencies=None if occurrence is None else occurrence.agencies,
    )
    silent = Audience(roles=notice.alarm_roles, recipients=Recipients.SILENT)
    lead = 0 if release_date is None else (release_date - planner.profile.local_date(at)).days
    stored = _stored(notice, occurrence, lead_days=lead)
    if notice.roles or event.kind is not Kind.NEWS:
        event_id, told = _publish_to(
            connection, planner, person_id, notice, release_date, main, stored, at=at
        )
        if event.kind is Kind.OVERSIGHT:
            _see_overseers(connection, planner, person_id, notice, event_id, at=at)
        elif main.agencies is None:
            _see_to_it(connection, planner, person_id, notice, recipients, told, at=at)
    if notice.alarm_roles:
        _publish_to(connection, planner, person_id, notice, release_date, silent, stored, at=at)


def _publish_to(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    release_date: date | None,
    audience: Audience,
    stored: dict[str, Any],
    *,
    at: datetime,
) -> tuple[str, int]:
    """The id of the event that now stands, and how many deliveries it has."""
    event = NewEvent(
        event_id=planner.new_id(),
        person_id=person_id,
        event_type=notice.event,
        release_date=release_date,
        notice=stored,
        priority=notice.priority.value,
    )
    told = publish(connection, event, audience, new_id=planner.new_id, at=at)
    return event.event_id, told


def _see_to_it(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    recipients: Recipients,
    told: int,
    *,
    at: datetime,
) -> None:
    """A notice that should reach somebody on duty, and reaches nobody, is an alarm.

    That nobody has come late, or that nobody was told of what is over, is none.
    """
    if EVENTS[notice.event].matter not in PUBLIC_MATTERS or not notice.roles & ON_DUTY:
        return
    if told:
        alarms.settle(connection, person_id, at=at)
    elif recipients is Recipients.ALL:
        known = anybody(connection, person_id, notice.roles)
        reason = Reason.NO_ENDPOINT if known else Reason.NOBODY_COMPETENT
        _alarm(connection, planner, person_id, notice.event, reason, at=at)


def _see_overseers(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    event_id: str,
    *,
    at: datetime,
) -> None:
    """That either the owner of the file or every auditor is not told is an alarm."""
    if reached_roles(connection, event_id) < notice.roles:
        alarms.raise_overseer_unreached(
            connection, person_id, notice.event, new_id=planner.new_id, at=at
        )


def _alarm(
    connection: Connection,
    planner: Planner,
    person_id: str,
    event: str,
    reason: Reason,
    *,
    at: datetime,
) -> None:
    place = select(FILE.c.return_municipality, FILE.c.leave_municipality)
    row = connection.execute(place.where(FILE.c.person_id == person_id)).one()
    on_leave = EVENTS[event].matter is not Matter.RELEASE and row.leave_municipality is not None
    alarms.raise_alarm(
        connection,
        person_id,
        reason,
        event_type=event,
        municipality=row.leave_municipality if on_leave else row.return_municipality,
        new_id=planner.new_id,
        at=at,
    )


def _stored(notice: Notice, occurrence: Occurrence | None, *, lead_days: int) -> dict[str, Any]:
    """What an event keeps of its notice: nothing in it is about the person."""
    stored: dict[str, Any] = {
        "milestones": list(named_milestones(notice.milestones, lead_days=lead_days)),
        "sections": list(notice.sections),
        "shortfall_days": dict(notice.shortfall_days),
        "acknowledgement_hours": notice.acknowledgement_hours,
        "only_those_told": notice.only_those_told,
    }
    if occurrence is not None and occurrence.fields:
        stored["fields"] = list(occurrence.fields)
    if occurrence is not None and occurrence.particulars:
        stored["particulars"] = dict(occurrence.particulars)
    return stored


def _concerning(connection: Connection, agency_id: str, *, today: date) -> list[str]:
    """Persons with a release to come whom an agency is competent for, or whose case it has."""
    places = select(COMPETENCE.c.municipality).where(COMPETENCE.c.agency_id == agency_id)
    assigned = exists().where(
        ASSIGNMENT.c.person_id == FILE.c.person_id,
        ASSIGNMENT.c.agency_id == agency_id,
        ASSIGNMENT.c.status == ACCEPTED,
    )
    there = or_(
        FILE.c.return_municipality.in_(places), FILE.c.leave_municipality.in_(places), assigned
    )
    return _in_view(connection, there, today=today)


def _in_view(connection: Connection, those: ColumnElement[bool], *, today: date) -> list[str]:
    """Those persons who have a release to come.

    Sorted: two transactions that hold several files cannot wait for each other in a circle.
    """
    query = select(FILE.c.person_id).where(FILE.c.planned_release_date >= today, those)
    return list(connection.scalars(query.order_by(FILE.c.person_id)))


def _release_date(change: Change, profile: Profile) -> date | None:
    """The date that a change speaks of: the new one, or the last one there was."""
    for facts in (change.after, change.before):
        if facts is not None and facts.actual_release_datetime is not None:
            return profile.local_date(facts.actual_release_datetime)
        if facts is not None and facts.planned_release_date is not None:
            return facts.planned_release_date
    return None
