"""Claims: which deliveries are taken now, by a dispatcher or by whoever polls.

Order is kept within (subscription, person) and nowhere else: a delivery waits while an
older one of the same pair is unfinished; what is immediate comes first, and waits only for what
is immediate, or on its way. A lease that ran out is simply claimed again, so there is no state
that only an operator could clear. No subscription gets more than its share. What is held is
neither pushed nor polled, and holds up nothing.
"""

from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from app.instants import Instant
from app.outbox.deliveries import DEAD, DELIVERY, IMMEDIATE, QUEUED, UNDECIDED, UNPREPARED
from app.outbox.endpoints import PATIENCE, can_be_sent_to, is_sent_to
from app.outbox.subscriptions import ENDED, SUBSCRIPTION

# Of one subscription in anybody's hands at a time: what one endpoint gets at once.
SHARE = 16
# How the leases of whoever polls begin.
INBOX = "inbox."
# What is asked at every look is built once: that costs more than to ask it.
AT = bindparam("at", type_=Instant())
LIMIT = bindparam("limit", type_=Integer())
Moment = datetime | BindParameter[datetime]
# Why a delivery that could only be polled was given up.
NOBODY_CAME = "nobody came for it"


def claim(
    connection: Connection,
    *,
    lease: str,
    at: datetime,
    until: datetime,
    limit: int,
    share: int = SHARE,
) -> list[Row[Any]]:
    """Take up to `limit` deliveries that are due; nobody else gets them before `until`.

    Of one subscription no more than `share` are in anybody's hands at a time, and one alone
    where its endpoint has failed so often that this is a probe.
    """
    in_hand = _in_hand(connection, at=at)
    full: set[str] = set()
    taken: list[str] = []
    while len(taken) < limit:
        wanted = limit - len(taken)
        asked = {"at": at, "besides": list(full), "limit": wanted}
        found = list(connection.execute(_due(), asked))
        some: list[str] = [row.jti for row in found if _has_room(row, in_hand, full, share=share)]
        if some:
            _lease(connection, some, lease=lease, until=until)
        taken += some
        if len(found) < wanted or len(some) == wanted:
            break
    return _by_age(connection, taken) if taken else []


def due_since(connection: Connection, *, at: datetime) -> datetime | None:
    """Since when what has waited longest could have been pushed; None where nothing could be.

    To an endpoint that has answered last: behind what has failed others wait, and not for us.
    """
    query = (
        select(func.min(DELIVERY.c.next_attempt_at))
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.next_attempt_at <= at,
            can_be_sent_to(at),
            SUBSCRIPTION.c.failures == 0,
            _free(at),
        )
    )
    since: datetime | None = connection.scalar(query)
    return since


def claim_for_inbox(
    connection: Connection,
    subscription: Row[Any],
    *,
    lease: str,
    at: datetime,
    until: datetime,
    limit: int,
) -> tuple[list[Row[Any]], bool]:
    """Take up to `limit` deliveries for whoever polls; and whether there are more.

    `lease` begins with INBOX. One that was polled and not confirmed is taken again, and what
    was given up on is taken, too.
    """
    query = _pollable(subscription, at).limit(limit + 1)
    found: list[str] = list(
        connection.scalars(query.with_for_update(skip_locked=True, of=DELIVERY))
    )
    _lease(connection, found[:limit], lease=lease, until=until, status=QUEUED)
    return _by_age(connection, found[:limit]), len(found) > limit


def give_back(connection: Connection, *, lease: str, at: datetime) -> int:
    """Have what is still held by leases that begin like this be free at once; how many."""
    held = DELIVERY.c.lease_until >= at, DELIVERY.c.lease.startswith(lease)
    given_back = update(DELIVERY).where(*held).values(lease=None, lease_until=None)
    return connection.execute(given_back).rowcount


def is_waiting_in_inbox(connection: Connection, subscription: Row[Any], *, at: datetime) -> bool:
    """Whether there is something to poll."""
    return connection.scalar(_pollable(subscription, at).limit(1)) is not None


def expire(connection: Connection, *, before: datetime, at: datetime, limit: int) -> int:
    """Give up on what can only be polled and nobody came for; how many."""
    jtis = list(connection.scalars(_stale(), {"before": before, "at": at, "limit": limit}))
    if jtis:
        given_up = update(DELIVERY).where(DELIVERY.c.jti.in_(jtis))
        connection.execute(given_up.values(status=DEAD, reason=NOBODY_CAME))
    return len(jtis)


@cache
def _stale() -> Select[tuple[str]]:
    """What waits since `before` to be polled."""
    before = bindparam("before", type_=Instant())
    return (
        select(DELIVERY.c.jti)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.created_at < before,
            or_(DELIVERY.c.replayed_at.is_(None), DELIVERY.c.replayed_at < before),
            _free(AT),
            SUBSCRIPTION.c.status != ENDED,
            ~can_be_sent_to(AT),
        )
        .limit(LIMIT)
        .with_for_update(skip_locked=True, of=DELIVERY)
    )


@cache
def _due() -> Select[tuple[str, str, int]]:
    """What may be pushed now, by rank, the longest waiting first; of no subscription `besides`.

    What was ended is claimed as well: to be cancelled.
    """
    # As a set of ids, which is looked into before anything else of a row is read: the backlog of
    # an endpoint that rests costs next to nothing.
    pushed = select(SUBSCRIPTION.c.subscription_id).where(
        or_(can_be_sent_to(AT), SUBSCRIPTION.c.status == ENDED)
    )
    return (
        select(DELIVERY.c.jti, DELIVERY.c.subscription_id, SUBSCRIPTION.c.failures)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.next_attempt_at <= AT,
            DELIVERY.c.subscription_id.not_in(bindparam("besides", expanding=True)),
            DELIVERY.c.subscription_id.in_(pushed),
            _free(AT),
            ~_blocked(AT),
        )
        .order_by(DELIVERY.c.rank, DELIVERY.c.next_attempt_at, DELIVERY.c.jti)
        .limit(LIMIT)
        .with_for_update(skip_locked=True, of=DELIVERY)
    )


def _pollable(subscription: Row[Any], at: datetime) -> Select[tuple[str]]:
    """What can be polled now, by rank and age: all of it, or what could not be pushed."""
    not_pushed = or_(DELIVERY.c.attempts > 0, DELIVERY.c.status == DEAD)
    some = () if not is_sent_to(subscription, at=at) else (not_pushed,)
    # What could not be made waits for its time: it would stand at the head of every poll.
    made = or_(
        DELIVERY.c.reason.is_(None),
        DELIVERY.c.reason.not_in((UNPREPARED, UNDECIDED)),
        DELIVERY.c.next_attempt_at <= at,
    )
    return (
        select(DELIVERY.c.jti)
        .where(
            DELIVERY.c.subscription_id == subscription.subscription_id,
            DELIVERY.c.status.in_((QUEUED, DEAD)),
            or_(_free(at), DELIVERY.c.lease.startswith(INBOX)),
            ~_blocked(at),
            *some,
            made,
        )
        .order_by(DELIVERY.c.rank, DELIVERY.c.created_at, DELIVERY.c.jti)
    )


def _blocked(at: Moment) -> ColumnElement[bool]:
    """Whether another delivery of the same subscription and person has to come first."""
    other = DELIVERY.alias("other")
    is_older = or_(
        other.c.created_at < DELIVERY.c.created_at,
        and_(other.c.created_at == DELIVERY.c.created_at, other.c.jti < DELIVERY.c.jti),
    )
    other_first, first = other.c.rank == IMMEDIATE, DELIVERY.c.rank == IMMEDIATE
    return exists().where(
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


def _free(at: Moment) -> ColumnElement[bool]:
    """In nobody's hands."""
    return or_(DELIVERY.c.lease_until.is_(None), DELIVERY.c.lease_until < at)


def _in_hand(connection: Connection, *, at: datetime) -> Counter[str]:
    """How many deliveries of each subscription somebody holds now."""
    # Counted here: grouping would have SQLite read the whole table in the order of its groups.
    query = select(DELIVERY.c.subscription_id).where(DELIVERY.c.lease_until >= at)
    return Counter(connection.scalars(query))


def _has_room(row: Row[Any], in_hand: Counter[str], full: set[str], *, share: int) -> bool:
    """Whether one more of this subscription may be taken; it is counted if so."""
    most = 1 if row.failures >= PATIENCE else share
    if in_hand[row.subscription_id] >= most:
        full.add(row.subscription_id)
        return False
    in_hand[row.subscription_id] += 1
    return True


def _lease(
    connection: Connection, jtis: list[str], *, lease: str, until: datetime, **values: object
) -> None:
    connection.execute(
        update(DELIVERY)
        .where(DELIVERY.c.jti.in_(jtis))
        .values(lease=lease, lease_until=until, **values)
    )


def _by_age(connection: Connection, jtis: list[str]) -> list[Row[Any]]:
    query = select(DELIVERY).where(DELIVERY.c.jti.in_(jtis))
    return list(connection.execute(query.order_by(DELIVERY.c.created_at, DELIVERY.c.jti)))
