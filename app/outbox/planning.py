"""From a change, or from the clock, to events: the rules of `releases` over the rows here.

Everything here writes in the transaction of the fact that it follows from: a fact that is
rolled back takes its events with it.

INVARIANT: whoever publishes about a person holds the person's file until the transaction ends
(on PostgreSQL; SQLite has one writer). So events of one person stand in one order, and nobody
is missed between a fact that makes a newcomer and a milestone that is told at the same time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from app.agencies.registry import COMPETENCE
from app.cases.assignments import ASSIGNMENT
from app.cases.fact import ACCEPTED
from app.outbox import milestones
from app.outbox.events import FILE, Audience, NewEvent, Recipients, publish
from app.outbox.milestones import Due
from app.releases.changes import Change, consequences
from app.releases.milestones import MILESTONES
from app.releases.notices import Notice, collapse
from app.releases.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """What planning needs beside a connection: the profile and a source of random ids."""

    profile: Profile
    new_id: Callable[[], str]


def follow(
    connection: Connection, planner: Planner, person_id: str, change: Change, *, at: datetime
) -> None:
    """Plan the milestones that a change entails, and publish what is to be told at once."""
    _hold(connection, person_id)
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


def catch_up(connection: Connection, planner: Planner, person_id: str, *, at: datetime) -> None:
    """Tell those who came late: a new municipality, an accepted case, a given consent.

    Whoever was told already is not told again.
    """
    file = _hold(connection, person_id)
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
    """Tell an agency whose endpoint came late of every release in view that concerns it."""
    for person_id in _concerning(connection, agency_id, today=planner.profile.local_date(at)):
        catch_up(connection, planner, person_id, at=at)


def tell_due(connection: Connection, planner: Planner, *, at: datetime, limit: int) -> int:
    """Publish one event for each person whose milestones are due; how many persons."""
    found = milestones.due(connection, at=at, limit=limit)
    for due in found:
        _tell(connection, planner, due, at=at)
    return len(found)


def _tell(connection: Connection, planner: Planner, due: Due, *, at: datetime) -> None:
    notice = collapse(due.names, release_date=due.release_date, profile=planner.profile, at=at)
    milestones.mark_told(connection, due)
    _publish(connection, planner, due.person_id, notice, due.release_date, at=at)


def _publish(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    release_date: date | None,
    *,
    at: datetime,
    recipients: Recipients = Recipients.ALL,
) -> None:
    """Store the event of a notice with its deliveries; one that addresses nobody makes none."""
    if notice.only_those_told:
        recipients = Recipients.TOLD
    for roles, which in ((notice.roles, recipients), (notice.alarm_roles, Recipients.SILENT)):
        if roles:
            audience = Audience(roles=roles, recipients=which)
            _publish_to(connection, planner, person_id, notice, release_date, audience, at=at)


def _publish_to(
    connection: Connection,
    planner: Planner,
    person_id: str,
    notice: Notice,
    release_date: date | None,
    audience: Audience,
    *,
    at: datetime,
) -> None:
    event = NewEvent(
        event_id=planner.new_id(),
        person_id=person_id,
        event_type=notice.event,
        release_date=release_date,
        notice=_stored(notice),
        priority=notice.priority.value,
    )
    publish(connection, event, audience, new_id=planner.new_id, at=at)


def _stored(notice: Notice) -> dict[str, Any]:
    """What an event keeps of its notice: nothing in it is about the person."""
    return {
        "milestones": list(notice.milestones),
        "sections": list(notice.sections),
        "shortfall_days": dict(notice.shortfall_days),
        "acknowledgement_hours": notice.acknowledgement_hours,
        "only_those_told": notice.only_those_told,
    }


def _hold(connection: Connection, person_id: str) -> Row[Any]:
    """What stands readable of a file, kept from other planners until the transaction ends."""
    query = select(FILE).where(FILE.c.person_id == person_id)
    return connection.execute(query.with_for_update()).one()


def _concerning(connection: Connection, agency_id: str, *, today: date) -> list[str]:
    """Persons with a release to come whom an agency is competent for, or whose case it has.

    Sorted: two transactions that hold several files cannot wait for each other in a circle.
    """
    places = select(COMPETENCE.c.municipality).where(COMPETENCE.c.agency_id == agency_id)
    assigned = exists().where(
        ASSIGNMENT.c.person_id == FILE.c.person_id,
        ASSIGNMENT.c.agency_id == agency_id,
        ASSIGNMENT.c.status == ACCEPTED,
    )
    query = (
        select(FILE.c.person_id)
        .where(
            FILE.c.planned_release_date >= today,
            or_(
                FILE.c.return_municipality.in_(places),
                FILE.c.leave_municipality.in_(places),
                assigned,
            ),
        )
        .order_by(FILE.c.person_id)
    )
    return list(connection.scalars(query))


def _release_date(change: Change, profile: Profile) -> date | None:
    """The date that a change speaks of: the new one, or the last one there was."""
    for facts in (change.after, change.before):
        if facts is not None and facts.actual_release_datetime is not None:
            return profile.local_date(facts.actual_release_datetime)
        if facts is not None and facts.planned_release_date is not None:
            return facts.planned_release_date
    return None
