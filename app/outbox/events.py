"""Events and their fan-out: one delivery for each active subscription that is to be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, or_, select

from app.agencies.registry import ACTIVE, AGENCY, COMPETENCE
from app.cases.assignments import ACCEPTED, ASSIGNMENT
from app.database import table_of
from app.outbox.deliveries import DELIVERY, QUEUED, SENT
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.outbox.tables import Event

EVENT = table_of(Event)


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
    """Which subscriptions of an audience an event is for, by what they got about this person."""

    ALL = "all"
    # Never told, and nothing on its way.
    NEW = "new"
    # Told before: the event rests on that receipt.
    TOLD = "told"
    # Told before, and nothing acknowledged: they are reminded.
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is to be told: agencies of these roles that are competent or have the case."""

    roles: frozenset[str]
    municipalities: frozenset[str]
    recipients: Recipients = Recipients.ALL


def publish(
    connection: Connection,
    event: NewEvent,
    audience: Audience,
    *,
    new_id: Callable[[], str],
    at: datetime,
) -> int:
    """Store an event with a delivery for each subscription of its audience; how many."""
    connection.execute(
        insert(EVENT).values(
            event_id=event.event_id,
            person_id=event.person_id,
            event_type=event.event_type,
            release_date=event.release_date,
            notice=dict(event.notice),
            priority=event.priority,
            occurred_at=at,
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
            "created_at": at,
            "attempts": 0,
            "next_attempt_at": at,
        }
        for row in _subscriptions(connection, event.person_id, audience)
    ]
    if deliveries:
        connection.execute(insert(DELIVERY), deliveries)
    return len(deliveries)


def _subscriptions(connection: Connection, person_id: str, audience: Audience) -> list[Any]:
    competent = exists().where(
        COMPETENCE.c.agency_id == AGENCY.c.agency_id,
        COMPETENCE.c.municipality.in_(audience.municipalities),
    )
    assigned = exists().where(
        ASSIGNMENT.c.agency_id == AGENCY.c.agency_id,
        ASSIGNMENT.c.person_id == person_id,
        ASSIGNMENT.c.status == ACCEPTED,
    )
    query = (
        select(SUBSCRIPTION.c.subscription_id, SUBSCRIPTION.c.agency_id)
        .join(AGENCY, AGENCY.c.agency_id == SUBSCRIPTION.c.agency_id)
        .where(
            SUBSCRIPTION.c.status == VERIFIED,
            AGENCY.c.status == ACTIVE,
            AGENCY.c.role.in_(audience.roles),
            or_(competent, assigned),
        )
        .order_by(SUBSCRIPTION.c.subscription_id)
    )
    return list(connection.execute(query.where(*_by_receipt(person_id, audience.recipients))))


def _by_receipt(person_id: str, recipients: Recipients) -> list[ColumnElement[bool]]:
    """What a subscription must have received, or not, to be among these recipients."""
    received = select(DELIVERY.c.subscription_id).where(DELIVERY.c.person_id == person_id)
    told = received.where(DELIVERY.c.status == SENT)
    subscription = SUBSCRIPTION.c.subscription_id
    match recipients:
        case Recipients.ALL:
            return []
        case Recipients.NEW:
            return [subscription.not_in(received.where(DELIVERY.c.status.in_((SENT, QUEUED))))]
        case Recipients.TOLD:
            return [subscription.in_(told)]
        case Recipients.SILENT:
            answered = told.where(DELIVERY.c.acknowledgement.is_not(None))
            return [subscription.in_(told), subscription.not_in(answered)]
