"""Receipts: which notices of one matter a subscription may have in hand.

A matter is a release, a leave, a flight (`app.releases.event_types`). A notice counts from its
first attempt on, answered or not: whether one without an answer has arrived nobody knows, and
whoever may hold a date must hear that it changed. What was told of an earlier release,
cancelled or long over, says nothing about the next one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, select

from app.outbox.deliveries import DELIVERY, QUEUED, SENT
from app.outbox.tables import Event
from app.releases.events import EVENTS, Matter
from app.rows import table_of

EVENT = table_of(Event)

_TYPES: Mapping[Matter, tuple[str, ...]] = {
    matter: tuple(name for name, event in EVENTS.items() if event.matter is matter)
    for matter in Matter
}
# With one of these a matter is over: who is told after it is told of another one.
_CLOSING: Mapping[Matter, tuple[str, ...]] = {
    matter: tuple(name for name, event in EVENTS.items() if event.ends is matter)
    for matter in Matter
}
CLOSING = _CLOSING[Matter.RELEASE]


def told(person_id: str, matter: Matter = Matter.RELEASE) -> Select[tuple[str]]:
    """The subscriptions that may hold a notice of the matter in view."""
    return of_matter(person_id, matter).where(DELIVERY.c.sequence.is_not(None))


def of_matter(person_id: str, matter: Matter) -> Select[tuple[str]]:
    """The subscriptions with a delivery, however it ended, about the matter in view."""
    return (
        select(DELIVERY.c.subscription_id)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            DELIVERY.c.person_id == person_id,
            EVENT.c.event_type.in_(_TYPES[matter]),
            ~_closed(matter, before=None),
        )
    )


def of_event(connection: Connection, event: Row[Any], *, subscription_id: str) -> list[str]:
    """The notices of this subscription that an event takes back or moves, oldest first."""
    matter = EVENTS[event.event_type].receipts
    query = (
        select(DELIVERY.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.person_id == event.person_id,
            DELIVERY.c.sequence.is_not(None),
            EVENT.c.event_type.in_(_TYPES[matter]),
            EVENT.c.occurred_at < event.occurred_at,
            ~_closed(matter, before=event.occurred_at),
        )
        .order_by(DELIVERY.c.sequence)
    )
    return list(connection.scalars(query))


def arrival(connection: Connection, jtis: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Of these notices those that are known to have arrived, and the sections of the others.

    Known by an answer of the endpoint, by the word of whoever polled or brought it, or by an
    acknowledgement, which comes also where the answer was lost.
    """
    query = (
        select(DELIVERY.c.jti, DELIVERY.c.sent_at, DELIVERY.c.acknowledged_at, EVENT.c.notice)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(DELIVERY.c.jti.in_(jtis))
    )
    arrived, tried = set[str](), set[str]()
    for row in connection.execute(query):
        if row.sent_at is None and row.acknowledged_at is None:
            tried.update(row.notice["sections"])
        else:
            arrived.add(row.jti)
    return frozenset(arrived), frozenset(tried)


def is_superseded(connection: Connection, delivery: Row[Any], *, by: Collection[str]) -> bool:
    """Whether newer news of one of these types waits behind a delivery that nobody has seen.

    Or has overtaken it already: what is immediate does, and what was not held.
    """
    if delivery.sequence is not None or not by:
        return False
    newer = (
        select(DELIVERY.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            DELIVERY.c.subscription_id == delivery.subscription_id,
            DELIVERY.c.person_id == delivery.person_id,
            DELIVERY.c.status.in_((QUEUED, SENT)),
            DELIVERY.c.created_at > delivery.created_at,
            EVENT.c.event_type.in_(by),
        )
    )
    return connection.scalar(newer.limit(1)) is not None


def is_over(connection: Connection, event: Row[Any]) -> bool:
    """Whether the matter of an event was closed after it: nobody has to act on it any more."""
    closing = EVENT.alias("closing")
    query = select(closing.c.event_id).where(
        closing.c.person_id == event.person_id,
        closing.c.event_type.in_(_CLOSING[EVENTS[event.event_type].matter]),
        closing.c.occurred_at > event.occurred_at,
    )
    return connection.scalar(query.limit(1)) is not None


def _closed(matter: Matter, *, before: datetime | None) -> ColumnElement[bool]:
    """Whether the matter that an event speaks of was over, now or before a moment."""
    closing = EVENT.alias("closing")
    ended = exists().where(
        closing.c.person_id == EVENT.c.person_id,
        closing.c.event_type.in_(_CLOSING[matter]),
        closing.c.occurred_at >= EVENT.c.occurred_at,
    )
    return ended if before is None else ended.where(closing.c.occurred_at < before)
