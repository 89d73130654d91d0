"""Deliveries that go out on paper: which there are, and one of them taken to be printed.

They stand in the same rows as what is pushed and polled. One counts as sent once it was
handed over; until then it can be printed again.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select, update

from app.database import table_of
from app.outbox import alarms
from app.outbox.alarms import Reason
from app.outbox.deliveries import DEAD, DELIVERY, QUEUED, SENT
from app.outbox.subscriptions import ACTIVE, SUBSCRIPTION
from app.outbox.tables import Attempt
from app.problems import Conflict, NotFound

ATTEMPT = table_of(Attempt)
PAPER = "paper"
# Printed; whether it was brought nobody has said.
MADE = "not handed over"
UNKNOWN = NotFound("no notification on paper has this id")


def of_agency(connection: Connection, agency_id: str) -> Row[Any] | None:
    """The subscription of an agency that is told on paper, if it has one."""
    query = select(SUBSCRIPTION).where(
        SUBSCRIPTION.c.agency_id == agency_id,
        SUBSCRIPTION.c.status == ACTIVE,
        SUBSCRIPTION.c.hand_over_by.is_not(None),
    )
    return connection.execute(query).one_or_none()


def open_packs(connection: Connection) -> list[Row[Any]]:
    """What waits to be printed, brought or answered: by rank, the oldest first."""
    unfinished = or_(
        DELIVERY.c.status.in_((QUEUED, DEAD)),
        and_(DELIVERY.c.status == SENT, DELIVERY.c.acknowledgement.is_(None)),
    )
    query = (
        select(DELIVERY, SUBSCRIPTION.c.hand_over_by)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(SUBSCRIPTION.c.hand_over_by.is_not(None), unfinished)
        .order_by(DELIVERY.c.rank, DELIVERY.c.created_at, DELIVERY.c.jti)
    )
    return list(connection.execute(query))


def call_for(
    connection: Connection,
    person_id: str,
    event_type: str,
    *,
    new_id: Callable[[], str],
    at: datetime,
) -> None:
    """Raise an alarm if a notice about a person waits to be printed: it makes no noise itself."""
    if not _is_waiting(connection, person_id):
        return
    alarms.raise_alarm(
        connection,
        person_id,
        Reason.ON_PAPER,
        event_type=event_type,
        municipality=None,
        new_id=new_id,
        at=at,
    )


def answer_call(connection: Connection, person_id: str, *, at: datetime) -> None:
    """Settle the alarm, if nothing about the person waits to be printed any more."""
    if not _is_waiting(connection, person_id):
        alarms.settle(connection, person_id, reasons=(Reason.ON_PAPER,), at=at)


def get(connection: Connection, jti: str) -> Row[Any]:
    """A delivery on paper with who hands it over, kept from others. NotFound."""
    query = (
        select(DELIVERY, SUBSCRIPTION.c.hand_over_by)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(DELIVERY.c.jti == jti, SUBSCRIPTION.c.hand_over_by.is_not(None))
    )
    row = connection.execute(query.with_for_update(of=DELIVERY)).one_or_none()
    if row is None:
        raise UNKNOWN
    return row


def take(connection: Connection, jti: str, *, lease: str, until: datetime) -> Row[Any]:
    """Take one to be printed, also what was given up on. NotFound, Conflict.

    Order is kept within a person, as everywhere: what came before it is printed before it.
    """
    delivery = get(connection, jti)
    if delivery.status not in (QUEUED, DEAD):
        raise Conflict(f"the notification is {delivery.status}")
    if delivery.sequence is None and _has_to_wait(connection, delivery):
        raise Conflict("an earlier notification about the same person has to be made first")
    connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.jti == jti)
        .values(status=QUEUED, lease=lease, lease_until=until)
    )
    return get(connection, jti)


def put_back(connection: Connection, jti: str, *, reason: str, **values: object) -> None:
    """It can be printed again. Where it was printed, `reason` is MADE: it waits to be brought."""
    connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.jti == jti)
        .values(lease=None, lease_until=None, reason=reason, **values)
    )


def last_tried_at(connection: Connection, jti: str) -> datetime | None:
    """When it was printed the last time."""
    query = select(ATTEMPT.c.started_at).where(ATTEMPT.c.jti == jti, ATTEMPT.c.channel == PAPER)
    moment: datetime | None = connection.scalar(query.order_by(ATTEMPT.c.number.desc()).limit(1))
    return moment


def _is_waiting(connection: Connection, person_id: str) -> bool:
    """Whether a notice about a person is to be printed that never was."""
    query = (
        select(DELIVERY.c.jti)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(
            DELIVERY.c.person_id == person_id,
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.sequence.is_(None),
            SUBSCRIPTION.c.hand_over_by.is_not(None),
            SUBSCRIPTION.c.status == ACTIVE,
        )
    )
    return connection.scalar(query.limit(1)) is not None


def _has_to_wait(connection: Connection, delivery: Row[Any]) -> bool:
    """Whether another one of the same person, not printed yet, stands before it."""
    other = DELIVERY.alias("other")
    is_older = or_(
        other.c.created_at < delivery.created_at,
        and_(other.c.created_at == delivery.created_at, other.c.jti < delivery.jti),
    )
    before = exists().where(
        other.c.subscription_id == delivery.subscription_id,
        other.c.person_id == delivery.person_id,
        other.c.status == QUEUED,
        other.c.sequence.is_(None),
        or_(other.c.rank < delivery.rank, and_(other.c.rank == delivery.rank, is_older)),
    )
    return bool(connection.scalar(select(before)))
