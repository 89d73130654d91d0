"""Endpoints: which may be sent to now, and what their answers make of them.

After several failures in a row an endpoint rests, and is then tried with one delivery at a
time; its backlog stays. One that says that it is gone is disabled until it is proven anew.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, and_, or_, select, update

from app.outbox.subscriptions import ACTIVE, SUBSCRIPTION

# So many failures in a row are no accident of one message.
PATIENCE = 5
# An endpoint that is back is found within this time; nothing that is near waits longer.
LONGEST_REST = timedelta(minutes=15)
# Asked for by the endpoint itself, in Retry-After.
LONGEST_ASKED = timedelta(hours=1)


def can_be_sent_to(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a subscription has an endpoint that takes notifications now."""
    return and_(
        SUBSCRIPTION.c.status == ACTIVE,
        SUBSCRIPTION.c.endpoint.is_not(None),
        SUBSCRIPTION.c.paused.is_(False),
        SUBSCRIPTION.c.disabled_at.is_(None),
        or_(SUBSCRIPTION.c.rests_until.is_(None), SUBSCRIPTION.c.rests_until <= at),
    )


def is_sent_to(subscription: Row[Any], *, at: datetime) -> bool:
    """The same of a row that was read."""
    return subscription.status == ACTIVE and state(subscription, at=at) == "open"


def state(subscription: Row[Any], *, at: datetime) -> str:
    """What an endpoint is at: none, open, paused, resting or disabled."""
    if subscription.endpoint is None:
        return "none"
    if subscription.disabled_at is not None:
        return "disabled"
    if subscription.paused:
        return "paused"
    rests = subscription.rests_until is not None and subscription.rests_until > at
    return "resting" if rests else "open"


def rest(failures: int, *, base: timedelta) -> timedelta:
    """How long an endpoint rests after so many failures in a row: from `base` on it doubles."""
    # 2**20 bases exceed the cap: more doublings would only overflow.
    return min(base * float(2 ** min(max(failures - PATIENCE, 0), 20)), LONGEST_REST)


def note_success(connection: Connection, subscription_id: str) -> None:
    """It takes notifications: what speaks against it is forgotten, but for its being disabled."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(
            SUBSCRIPTION.c.subscription_id == subscription_id,
            SUBSCRIPTION.c.disabled_at.is_(None),
            or_(SUBSCRIPTION.c.failures > 0, SUBSCRIPTION.c.rests_until.is_not(None)),
        )
        .values(failures=0, rests_until=None, problem=None)
    )


def note_failure(
    connection: Connection,
    subscription_id: str,
    *,
    problem: str,
    base: timedelta,
    at: datetime,
    asked: timedelta | None = None,
) -> None:
    """Count a failure; from PATIENCE on the endpoint rests, and for as long as it `asked` for.

    What was under way when it began to rest counts for nothing.
    """
    row = _locked(connection, subscription_id)
    if not is_sent_to(row, at=at):
        return
    failures = row.failures + 1
    waits = [] if asked is None else [min(asked, LONGEST_ASKED)]
    if failures >= PATIENCE:
        waits.append(rest(failures, base=base))
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(
            failures=failures,
            rests_until=at + max(waits) if waits else None,
            problem=problem,
        )
    )


def disable(connection: Connection, subscription_id: str, *, problem: str, at: datetime) -> bool:
    """Push nothing to an endpoint any more; whether it was not disabled before."""
    changed = connection.execute(
        update(SUBSCRIPTION)
        .where(
            SUBSCRIPTION.c.subscription_id == subscription_id, SUBSCRIPTION.c.disabled_at.is_(None)
        )
        .values(disabled_at=at, problem=problem, rests_until=None)
    )
    return changed.rowcount == 1


def clear(connection: Connection, subscription_id: str) -> None:
    """Forget everything that speaks against an endpoint: it was proven anew."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(failures=0, rests_until=None, disabled_at=None, problem=None)
    )


def _locked(connection: Connection, subscription_id: str) -> Row[Any]:
    query = select(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == subscription_id)
    return connection.execute(query.with_for_update()).one()
