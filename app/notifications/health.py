"""What an answer says of the endpoint itself, whatever was sent to it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.house import House
from app.notifications.attempts import recipient_of
from app.notifications.subscribe import record_change
from app.notifications.transport import GONE, Sent
from app.outbox import endpoints, subscriptions


def judge_endpoint(
    connection: Connection,
    house: House,
    subscription_id: str,
    sent: Sent,
    *,
    retry_base: timedelta,
    at: datetime,
) -> None:
    """Take an answer for or against an endpoint; one that is gone is disabled, on record."""
    if sent.ours:
        return
    if sent.accepted:
        endpoints.note_success(connection, subscription_id)
        return
    problem = sent.problem or ""
    if sent.status_code != GONE:
        asked = asked_wait(sent, at)
        endpoints.note_failure(
            connection, subscription_id, problem=problem, base=retry_base, asked=asked, at=at
        )
    elif endpoints.disable(connection, subscription_id, problem=problem, at=at):
        subscription = subscriptions.find(connection, subscription_id)
        owner = recipient_of(subscription)
        record_change(connection, house, owner, subscription_id, "disabled", reason=problem, at=at)


def asked_wait(sent: Sent, at: datetime) -> timedelta | None:
    """The wait that the receiver asked for; none is negative."""
    if sent.retry_after is None:
        return None
    if isinstance(sent.retry_after, datetime):
        return max(sent.retry_after - at, timedelta(0))
    return timedelta(seconds=sent.retry_after)
