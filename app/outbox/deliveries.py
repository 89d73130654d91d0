"""Deliveries: claimed with a lease, tried, finished by whoever still holds the lease.

Order is kept within (subscription, person) and nowhere else: a delivery waits while an
older one of the same pair is unfinished. A lease that ran out is simply claimed again, so
there is no state that only an operator could clear.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from app.database import table_of
from app.outbox.tables import Attempt, Delivery
from app.problems import NotFound

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
DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How one attempt went, as the subscriber may see it."""

    jti: str
    number: int
    started_at: datetime
    milliseconds: int
    status_code: int | None = None
    problem: str | None = None


def claim(
    connection: Connection, *, lease: str, at: datetime, until: datetime, limit: int
) -> list[Row[Any]]:
    """Take up to `limit` deliveries that are due; nobody else gets them before `until`.

    What is immediate comes first, and waits only for what is immediate, or on its way.
    """
    other = DELIVERY.alias("other")
    is_older = or_(
        other.c.created_at < DELIVERY.c.created_at,
        and_(other.c.created_at == DELIVERY.c.created_at, other.c.jti < DELIVERY.c.jti),
    )
    other_first, first = other.c.rank == IMMEDIATE, DELIVERY.c.rank == IMMEDIATE
    blocked = exists().where(
        other.c.subscription_id == DELIVERY.c.subscription_id,
        other.c.person_id == DELIVERY.c.person_id,
        other.c.status == QUEUED,
        other.c.jti != DELIVERY.c.jti,
        or_(
            and_(other_first, ~first),
            and_(other_first == first, is_older),
            # What is on its way now arrives first, or its number would come too late.
            and_(first, other.c.lease_until >= at),
        ),
    )
    due = (
        select(DELIVERY.c.jti)
        .where(
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.next_attempt_at <= at,
            or_(DELIVERY.c.lease_until.is_(None), DELIVERY.c.lease_until < at),
            ~blocked,
        )
        .order_by(DELIVERY.c.rank, DELIVERY.c.next_attempt_at, DELIVERY.c.jti)
        .limit(limit)
        .with_for_update(skip_locked=True, of=DELIVERY)
    )
    jtis = list(connection.scalars(due))
    connection.execute(
        update(DELIVERY).where(DELIVERY.c.jti.in_(jtis)).values(lease=lease, lease_until=until)
    )
    return list(
        connection.execute(
            select(DELIVERY).where(DELIVERY.c.jti.in_(jtis)).order_by(DELIVERY.c.created_at)
        )
    )


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
    """How many notices of this subscription about this person are numbered up to this one."""
    counted = connection.scalar(
        select(func.count()).where(
            DELIVERY.c.subscription_id == subscription_id,
            DELIVERY.c.person_id == person_id,
            DELIVERY.c.sequence <= sequence,
        )
    )
    return int(counted or 0)


def finish(connection: Connection, jti: str, *, lease: str, status: str, **values: object) -> bool:
    """End a delivery (`sent`, `cancelled`, `dead`) if the lease still holds it."""
    return _update(connection, jti, lease, {"status": status, **values})


def postpone(
    connection: Connection, jti: str, *, lease: str, attempts: int, next_at: datetime, reason: str
) -> bool:
    """Give a delivery back to be tried again later, if the lease still holds it."""
    values = {"attempts": attempts, "next_attempt_at": next_at, "reason": reason}
    return _update(connection, jti, lease, values)


def log_attempt(connection: Connection, attempt: Try) -> None:
    """Keep one attempt for the subscriber to see."""
    connection.execute(
        insert(ATTEMPT).values(
            jti=attempt.jti,
            number=attempt.number,
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


def first_tried_at(connection: Connection, jti: str, *, besides: str = "") -> datetime | None:
    """When the first attempt began that had not this problem; None before it."""
    counted = or_(ATTEMPT.c.problem.is_(None), ATTEMPT.c.problem != besides)
    first: datetime | None = connection.scalar(
        select(func.min(ATTEMPT.c.started_at)).where(ATTEMPT.c.jti == jti, counted)
    )
    return first


def of_subscription(connection: Connection, subscription_id: str, *, limit: int) -> list[Row[Any]]:
    """The newest deliveries of a subscription that were tried.

    One that is not sealed yet, or was cancelled before, is none of the subscriber's business:
    that it exists would tell of a release which the policy keeps from it.
    """
    query = (
        select(DELIVERY)
        .where(DELIVERY.c.subscription_id == subscription_id, DELIVERY.c.sequence.is_not(None))
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
