"""Deliveries: numbered, tried or polled, finished by whoever still holds the lease.

How they are claimed stands in `claims`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    func,
    insert,
    or_,
    select,
    update,
)

from app.bell import ring_after_commit
from app.outbox.subscriptions import LEAP
from app.outbox.tables import Attempt, Delivery
from app.policy.errors import DecisionFailed
from app.problems import NotFound
from app.rows import table_of

DELIVERY = table_of(Delivery)
ATTEMPT = table_of(Attempt)

# What is immediate overtakes; what is equally urgent keeps its order.
IMMEDIATE = 0
RANKS = {"immediate": IMMEDIATE, "urgent": 1, "routine": 2}

QUEUED = "queued"
SENT = "sent"
CANCELLED = "cancelled"
# Its feed is held: it waits for a person's decision.
HELD = "held"
# Given up on after the last attempt: it waits to be replayed, or polled.
DEAD = "dead"
# Its receiver cannot read it: it waits to be replayed.
QUARANTINED = "quarantined"

PUSH_CHANNEL = "push"
# Why a message could not be made: that is ours to put right, and nobody's who receives.
UNPREPARED = "could not be prepared"
UNDECIDED = DecisionFailed.slug
# Why a delivery was stopped for ever: what it says was taken back.
TAKEN_BACK = "taken-back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How one attempt went, as the subscriber may see it."""

    jti: str
    number: int
    started_at: datetime
    milliseconds: int
    channel: str = PUSH_CHANNEL
    status_code: int | None = None
    problem: str | None = None


def get(connection: Connection, jti: str, *, agency_id: str) -> Row[Any]:
    """A delivery to this agency, kept from others; NotFound for another's, as for none."""
    query = select(DELIVERY).where(DELIVERY.c.jti == jti, DELIVERY.c.agency_id == agency_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise NotFound("no such notification")
    return row


def hold(connection: Connection, jti: str, *, lease: str, until: datetime) -> bool:
    """Prolong a lease before an attempt, if it still holds the delivery.

    A claim takes many deliveries: the last of them may be tried long after it.
    """
    changed = connection.execute(
        update(DELIVERY).where(*_by_lease(jti, lease)).values(lease_until=until)
    )
    return changed.rowcount == 1


def held(connection: Connection, jti: str, *, lease: str) -> Row[Any] | None:
    """The delivery, kept from others, if this lease still holds it."""
    query = select(DELIVERY).where(*_by_lease(jti, lease))
    return connection.execute(query.with_for_update()).one_or_none()


def number(connection: Connection, jti: str, *, sequence: int) -> None:
    """Give a delivery its sequence number, once and for all attempts."""
    connection.execute(update(DELIVERY).where(DELIVERY.c.jti == jti).values(sequence=sequence))


def place_among_person(
    connection: Connection, *, subscription_id: str, person_id: str, sequence: int
) -> int:
    """How many notices of this subscription about this person are numbered up to this one.

    It leaps with the number of the subscription (`subscriptions.leap`).
    """
    counted = connection.scalar(
        select(func.count()).where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.person_id == person_id,
            DELIVERY.c.sequence <= sequence,
        )
    )
    return int(counted or 0) + sequence // LEAP * LEAP


def finish(connection: Connection, jti: str, *, lease: str, status: str, **values: object) -> bool:
    """End a delivery (`sent`, `cancelled`, `dead`) if the lease still holds it."""
    return _update(connection, jti, lease, {"status": status, **values})


def postpone(
    connection: Connection, jti: str, *, lease: str, attempts: int, next_at: datetime, reason: str
) -> bool:
    """Give a delivery back to be tried again later, if the lease still holds it."""
    values = {"attempts": attempts, "next_attempt_at": next_at, "reason": reason}
    return _update(connection, jti, lease, values)


def count_attempt(connection: Connection, jti: str, *, lease: str, attempts: int) -> None:
    """Count a poll; the lease goes on until whoever polled confirms it."""
    connection.execute(update(DELIVERY).where(*_by_lease(jti, lease)).values(attempts=attempts))


def numbered(connection: Connection, subscription_id: str, jtis: Collection[str]) -> list[Row[Any]]:
    """Those of these deliveries that were sent or polled before, kept from others."""
    query = (
        select(DELIVERY)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.jti.in_(jtis),
            DELIVERY.c.sequence.is_not(None),
        )
        .order_by(DELIVERY.c.jti)
        .with_for_update()
    )
    return list(connection.execute(query))


def settle(connection: Connection, jti: str, **values: object) -> None:
    """End a delivery on its receiver's word, whoever holds it."""
    connection.execute(
        update(DELIVERY).where(DELIVERY.c.jti == jti).values(lease=None, lease_until=None, **values)
    )


def replay(
    connection: Connection,
    subscription_id: str,
    *,
    since: int,
    status: str | None = None,
    at: datetime,
) -> int:
    """Queue again what was numbered after `since`, or what of it has a status; how many.

    What is held was never numbered: it waits for the decision about its feed. What was stopped
    because it is taken back stays stopped.
    """
    finished = DELIVERY.c.status != QUEUED if status is None else DELIVERY.c.status == status
    changed = connection.execute(
        update(DELIVERY)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.sequence > since,
            DELIVERY.c.status != QUEUED,
            or_(DELIVERY.c.reason.is_(None), DELIVERY.c.reason != TAKEN_BACK),
            finished,
        )
        .values(status=QUEUED, next_attempt_at=at, replayed_at=at, reason=None)
    )
    ring_after_commit(connection)
    return changed.rowcount


def hasten(connection: Connection, subscription_id: str, *, at: datetime) -> None:
    """Have everything that waits for a subscription be due now: its endpoint is back."""
    connection.execute(
        update(DELIVERY)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.next_attempt_at > at,
        )
        .values(next_attempt_at=at)
    )
    ring_after_commit(connection)


def log_attempt(connection: Connection, attempt: Try) -> None:
    """Keep one attempt for the subscriber to see."""
    connection.execute(
        insert(ATTEMPT).values(
            jti=attempt.jti,
            number=attempt.number,
            channel=attempt.channel,
            started_at=attempt.started_at,
            milliseconds=attempt.milliseconds,
            status_code=attempt.status_code,
            problem=attempt.problem,
        )
    )


def acknowledge(connection: Connection, jti: str, *, kind: str, at: datetime) -> None:
    """Keep the recipient's first answer; the same answer again changes nothing."""
    connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.jti == jti, DELIVERY.c.acknowledgement.is_(None))
        .values(acknowledgement=kind, acknowledged_at=at)
    )


def first_tried_at(
    connection: Connection, jti: str, *, besides: str = "", since: datetime | None = None
) -> datetime | None:
    """When the first push began, since a moment, that had not this problem; None before it."""
    counted = or_(ATTEMPT.c.problem.is_(None), ATTEMPT.c.problem != besides)
    query = select(func.min(ATTEMPT.c.started_at)).where(
        ATTEMPT.c.jti == jti, ATTEMPT.c.channel == PUSH_CHANNEL, counted
    )
    if since is not None:
        query = query.where(ATTEMPT.c.started_at >= since)
    first: datetime | None = connection.scalar(query)
    return first


def of_subscription(
    connection: Connection, subscription_id: str, *, limit: int, status: str | None = None
) -> list[Row[Any]]:
    """The newest deliveries of a subscription that were tried, or those of one status.

    One that is not sealed yet, or was cancelled before, is none of the subscriber's business:
    that it exists would tell of a release which the policy keeps from it.
    """
    of_status = () if status is None else (DELIVERY.c.status == status,)
    query = (
        select(DELIVERY)
        .where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.sequence.is_not(None),
            *of_status,
        )
        .order_by(DELIVERY.c.created_at.desc(), DELIVERY.c.jti)
        .limit(limit)
    )
    return list(connection.execute(query))


def attempts_of(connection: Connection, jti: str) -> list[Row[Any]]:
    """The attempts of a delivery in their order."""
    return list(
        connection.execute(select(ATTEMPT).where(ATTEMPT.c.jti == jti).order_by(ATTEMPT.c.number))
    )


def _update(connection: Connection, jti: str, lease: str, values: dict[str, Any]) -> bool:
    changed = connection.execute(
        update(DELIVERY)
        .where(*_by_lease(jti, lease))
        .values(lease=None, lease_until=None, **values)
    )
    return changed.rowcount == 1


def _by_lease(jti: str, lease: str) -> tuple[ColumnElement[bool], ...]:
    """A delivery that is still to be sent, by whoever holds this lease."""
    return DELIVERY.c.jti == jti, DELIVERY.c.lease == lease, DELIVERY.c.status == QUEUED
