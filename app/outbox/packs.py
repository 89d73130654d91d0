"""Deliveries that go out on paper: which there are, and one of them taken to be printed.

They stand in the same rows as what is pushed and polled. One counts as sent once it was
handed over; until then it can be printed again.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, exists, func, or_, select, update

from app.files.tables import InmateFile
from app.outbox import alarms
from app.outbox.alarms import Reason
from app.outbox.deliveries import DEAD, DELIVERY, QUEUED, SENT
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import ACTIVE, SUBSCRIPTION
from app.outbox.tables import Attempt
from app.problems import Conflict, NotFound
from app.rows import table_of

ATTEMPT = table_of(Attempt)
FILE = table_of(InmateFile)
PAPER = "paper"
# Printed; whether it was brought nobody has said.
MADE = "not handed over"
# Printed, and its file could not be written: nobody holds it.
NOT_WRITTEN = "not written"
IS_MADE = and_(ATTEMPT.c.channel == PAPER, ATTEMPT.c.problem == MADE)
# Persons whose alarms are put right in one transaction.
AT_ONCE = 500
NO_SUCH_PACK = "no notification on paper has this id"


def of_agency(connection: Connection, agency_id: str) -> Row[Any] | None:
    """The subscription of an agency that is told on paper, if it has one."""
    query = select(SUBSCRIPTION).where(
        SUBSCRIPTION.c.agency_id == agency_id,
        SUBSCRIPTION.c.status == ACTIVE,
        SUBSCRIPTION.c.hand_over_by.is_not(None),
    )
    return connection.execute(query).one_or_none()


def open_packs(connection: Connection) -> list[Row[Any]]:
    """What waits to be printed, brought or answered: by rank, the oldest first.

    `made` counts the files that there are of it.
    """
    unfinished = or_(
        DELIVERY.c.status.in_((QUEUED, DEAD)),
        and_(DELIVERY.c.status == SENT, DELIVERY.c.acknowledgement.is_(None)),
    )
    made = select(func.count()).where(ATTEMPT.c.jti == DELIVERY.c.jti, IS_MADE).scalar_subquery()
    query = (
        select(DELIVERY, SUBSCRIPTION.c.hand_over_by, made.label("made"))
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(SUBSCRIPTION.c.hand_over_by.is_not(None), unfinished)
        .order_by(DELIVERY.c.rank, DELIVERY.c.created_at, DELIVERY.c.jti)
    )
    return list(connection.execute(query))


def see_to_alarms(
    connection: Connection, *, new_id: Callable[[], str], at: datetime, limit: int = AT_ONCE
) -> None:
    """Have an alarm stand for whom a notice waits to be printed, and for nobody else.

    It makes no noise itself. Looked at as it is, whichever way a notice came to wait or to wait
    no more. A file that somebody else holds waits for the next look.
    """
    waiting = _waiting(connection)
    called_for = alarms.persons(connection, Reason.ON_PAPER)
    wrong = sorted(waiting.keys() ^ called_for)[:limit]
    if not wrong:
        return
    held = select(FILE.c.person_id).where(FILE.c.person_id.in_(wrong))
    for person_id in connection.scalars(held.with_for_update(skip_locked=True)).all():
        if person_id in called_for:
            alarms.settle(connection, person_id, reasons=(Reason.ON_PAPER,), at=at)
            continue
        alarms.raise_alarm(
            connection,
            person_id,
            Reason.ON_PAPER,
            event_type=waiting[person_id],
            municipality=None,
            new_id=new_id,
            at=at,
        )


def get(connection: Connection, jti: str) -> Row[Any]:
    """A delivery on paper with who hands it over, kept from others. NotFound."""
    return _found(connection, jti, lock=True)


def person_of(connection: Connection, jti: str) -> str:
    """Whom a delivery on paper is about, without keeping it from anybody. NotFound."""
    person_id: str = _found(connection, jti, lock=False).person_id
    return person_id


def _found(connection: Connection, jti: str, *, lock: bool) -> Row[Any]:
    query = (
        select(DELIVERY, SUBSCRIPTION.c.hand_over_by)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(DELIVERY.c.jti == jti, SUBSCRIPTION.c.hand_over_by.is_not(None))
    )
    row = connection.execute(query.with_for_update(of=DELIVERY) if lock else query).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_PACK)
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


def first_made_at(connection: Connection, jti: str) -> datetime | None:
    """When it was printed the first time; None where there is no file of it."""
    made: datetime | None = connection.scalar(
        select(func.min(ATTEMPT.c.started_at)).where(ATTEMPT.c.jti == jti, IS_MADE)
    )
    return made


def unmake(connection: Connection, jti: str) -> None:
    """What was printed the last time did not come to be a file."""
    last = select(func.max(ATTEMPT.c.number)).where(ATTEMPT.c.jti == jti).scalar_subquery()
    connection.execute(
        update(ATTEMPT)
        .where(ATTEMPT.c.jti == jti, ATTEMPT.c.number == last)
        .values(problem=NOT_WRITTEN)
    )


def _waiting(connection: Connection) -> dict[str, str]:
    """Persons about whom a notice is to be printed that never was, each with its event."""
    return {row.person_id: row.event_type for row in connection.execute(_never_made())}


@cache
def _never_made() -> Select[tuple[str, str]]:
    """Built once: it is asked at every look."""
    return (
        select(DELIVERY.c.person_id, EVENT.c.event_type)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(
            SUBSCRIPTION.c.hand_over_by.is_not(None),
            SUBSCRIPTION.c.status == ACTIVE,
            DELIVERY.c.status.in_((QUEUED, DEAD)),
            ~exists().where(ATTEMPT.c.jti == DELIVERY.c.jti, IS_MADE),
        )
        .order_by(DELIVERY.c.created_at.desc())
    )


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
