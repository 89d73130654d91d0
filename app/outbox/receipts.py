"""Receipts: which notices of one release a subscription may have in hand.

A notice counts from its first attempt on, answered or not: whether one without an answer has
arrived nobody knows, and whoever may hold a date must hear that it changed. What was told of
an earlier release, cancelled or long over, says nothing about the next one.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, select

from app.database import table_of
from app.outbox.deliveries import DELIVERY, QUEUED
from app.outbox.tables import Event

EVENT = table_of(Event)

# With one of these a release is over: who is told after it is told of another one.
CLOSING = ("release_cancelled", "support_window_ended")


def told(person_id: str) -> Select[tuple[str]]:
    """The subscriptions that may hold a notice of the release in view."""
    return of_release(person_id).where(DELIVERY.c.sequence.is_not(None))


def of_release(person_id: str) -> Select[tuple[str]]:
    """The subscriptions with a delivery, however it ended, about the release in view."""
    return (
        select(DELIVERY.c.subscription_id)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(DELIVERY.c.person_id == person_id, ~_closed(before=None))
    )


def of_event(connection: Connection, event: Row[Any], *, subscription_id: str) -> list[str]:
    """The notices of this subscription that an event takes back or moves, oldest first."""
    query = (
        select(DELIVERY.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.person_id == event.person_id,
            DELIVERY.c.sequence.is_not(None),
            EVENT.c.occurred_at < event.occurred_at,
            ~_closed(before=event.occurred_at),
        )
        .order_by(DELIVERY.c.sequence)
    )
    return list(connection.scalars(query))


def is_superseded(connection: Connection, delivery: Row[Any], *, by: Collection[str]) -> bool:
    """Whether newer news of one of these types waits behind a delivery that nobody has seen."""
    if delivery.sequence is not None or not by:
        return False
    newer = (
        select(DELIVERY.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            DELIVERY.c.subscription_id == delivery.subscription_id,
            DELIVERY.c.person_id == delivery.person_id,
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.created_at > delivery.created_at,
            EVENT.c.event_type.in_(by),
        )
    )
    return connection.scalar(newer.limit(1)) is not None


def _closed(*, before: datetime | None) -> ColumnElement[bool]:
    """Whether the release that an event speaks of was over, now or before a moment."""
    closing = EVENT.alias("closing")
    ended = exists().where(
        closing.c.person_id == EVENT.c.person_id,
        closing.c.event_type.in_(CLOSING),
        closing.c.occurred_at >= EVENT.c.occurred_at,
    )
    return ended if before is None else ended.where(closing.c.occurred_at < before)
