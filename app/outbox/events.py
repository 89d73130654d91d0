"""Events and their fan-out: one delivery for each active subscription that is to be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, insert, or_, select

from app.agencies.registry import ACTIVE, AGENCY, COMPETENCE
from app.cases.assignments import ASSIGNMENT
from app.cases.fact import ACCEPTED
from app.database import MICROSECOND, table_of
from app.files.tables import InmateFile
from app.outbox.deliveries import DELIVERY, QUEUED, SENT
from app.outbox.receipts import EVENT, of_release, told
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION

FILE = table_of(InmateFile)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to store. `notice` says what the event adds to the file: no personal data."""

    event_id: str
    person_id: str
    event_type: str
    release_date: date | None
    notice: Mapping[str, Any]
    priority: str


class Recipients(Enum):
    """Which subscriptions of an audience an event is for, by what they got about this release."""

    ALL = "all"
    # Never told, and nothing on its way.
    NEW = "new"
    # Told before: the event rests on that receipt, whoever is competent by now.
    TOLD = "told"
    # Told before, and nothing acknowledged: they are reminded.
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is to be told: agencies of these roles that are competent, have the case or were told."""

    roles: frozenset[str]
    recipients: Recipients = Recipients.ALL


def publish(
    connection: Connection,
    event: NewEvent,
    audience: Audience,
    *,
    new_id: Callable[[], str],
    at: datetime,
) -> int:
    """Store an event with a delivery for each subscription of its audience; how many.

    The caller holds the person's file: see `planning`.
    """
    moment = _after_earlier(connection, event.person_id, at)
    # Asked before the event stands: one that ends a release would hide who was told of it.
    recipients = _subscriptions(connection, event.person_id, audience)
    connection.execute(
        insert(EVENT).values(
            event_id=event.event_id,
            person_id=event.person_id,
            event_type=event.event_type,
            release_date=event.release_date,
            notice=dict(event.notice),
            priority=event.priority,
            occurred_at=moment,
        )
    )
    deliveries = [
        {
            "jti": new_id(),
            "event_id": event.event_id,
            "subscription_id": row.subscription_id,
            "agency_id": row.agency_id,
            "person_id": event.person_id,
            "status": QUEUED,
            "created_at": moment,
            "attempts": 0,
            "next_attempt_at": at,
        }
        for row in recipients
    ]
    if deliveries:
        connection.execute(insert(DELIVERY), deliveries)
    return len(deliveries)


def is_concerned(connection: Connection, *, agency_id: str, person_id: str) -> bool:
    """Whether an agency is one that events about a person address, now."""
    query = select(AGENCY.c.agency_id).where(AGENCY.c.agency_id == agency_id, _concerned(person_id))
    return connection.scalar(query) is not None


def _after_earlier(connection: Connection, person_id: str, at: datetime) -> datetime:
    """Now, but after every earlier event of the person: order outlives a clock that is set back."""
    newest = connection.scalar(
        select(func.max(EVENT.c.occurred_at)).where(EVENT.c.person_id == person_id)
    )
    return at if newest is None else max(at, newest + MICROSECOND)


def _subscriptions(connection: Connection, person_id: str, audience: Audience) -> list[Any]:
    query = (
        select(SUBSCRIPTION.c.subscription_id, SUBSCRIPTION.c.agency_id)
        .join(AGENCY, AGENCY.c.agency_id == SUBSCRIPTION.c.agency_id)
        .where(
            SUBSCRIPTION.c.status == VERIFIED,
            AGENCY.c.status == ACTIVE,
            AGENCY.c.role.in_(audience.roles),
            *_by_receipt(person_id, audience),
        )
        .order_by(SUBSCRIPTION.c.subscription_id)
    )
    return list(connection.execute(query))


def _by_receipt(person_id: str, audience: Audience) -> list[ColumnElement[bool]]:
    """What a subscription must have received, or not, to be among these recipients."""
    subscription = SUBSCRIPTION.c.subscription_id
    concerned = _concerned(person_id)
    match audience.recipients:
        case Recipients.ALL:
            return [concerned]
        case Recipients.NEW:
            has_or_gets = of_release(person_id).where(DELIVERY.c.status.in_((SENT, QUEUED)))
            return [concerned, subscription.not_in(has_or_gets)]
        case Recipients.TOLD:
            return [subscription.in_(told(person_id))]
        case Recipients.SILENT:
            answered = told(person_id).where(DELIVERY.c.acknowledgement.is_not(None))
            return [
                concerned,
                subscription.in_(told(person_id)),
                subscription.not_in(answered),
            ]


def _concerned(person_id: str) -> ColumnElement[bool]:
    """Whether an agency is competent where the person will be, or has taken on the case."""
    competent = exists().where(
        FILE.c.person_id == person_id,
        COMPETENCE.c.agency_id == AGENCY.c.agency_id,
        COMPETENCE.c.municipality.in_((FILE.c.return_municipality, FILE.c.leave_municipality)),
    )
    assigned = exists().where(
        ASSIGNMENT.c.agency_id == AGENCY.c.agency_id,
        ASSIGNMENT.c.person_id == person_id,
        ASSIGNMENT.c.status == ACCEPTED,
    )
    return or_(competent, assigned)
