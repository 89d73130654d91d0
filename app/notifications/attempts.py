"""What the access log has of an attempt: its intent, its outcome, its end without one."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.canonical_json import JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.disclosure.disclose import evidence
from app.house import Act, House, receipt_of, record
from app.notifications.envelope import MEDIA_TYPE, Message
from app.notifications.fresh_decision import Fresh
from app.notifications.transport import Sent
from app.outbox import subscriptions
from app.policy.errors import DecisionFailed


def record_attempt(
    connection: Connection,
    house: House,
    fresh: Fresh,
    message: Message,
    sealed: str,
    *,
    channel: Channel,
    at: datetime,
) -> str:
    """The intent: which fields in which form are about to leave, and the digest of the bytes.

    Gives the receipt that leaves with them.
    """
    body = sealed.encode()
    kept = evidence(fresh.pushed, body, media_type=MEDIA_TYPE)
    act = Act(
        operation=Operation.DISCLOSURE,
        channel=channel,
        # What is polled leaves as the answer to whoever asked, like a read.
        outcome=Outcome.RELEASED if channel is Channel.INBOX else Outcome.ATTEMPTED,
        reference=message.reference,
        **{**kept, "payload": {**kept["payload"], "notification": message.jti}},
    )
    appended = record(connection, house, fresh.caller, act, at=at)
    return receipt_of(house, appended, body, at=at)


def record_outcome(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    sent: Sent,
    *,
    channel: Channel = Channel.PUSH,
    at: datetime,
) -> None:
    """Append how an attempt ended."""
    act = Act(
        operation=Operation.DELIVERY,
        channel=channel,
        outcome=Outcome.DELIVERED if sent.accepted else Outcome.FAILED,
        person_id=delivery.person_id,
        fields=_withheld(sent.problem) if sent.problem == DecisionFailed.slug else None,
        payload={
            "notification": delivery.jti,
            "status": 0 if sent.status_code is None else sent.status_code,
        },
    )
    recipient = recipient_of(subscriptions.find(connection, delivery.subscription_id))
    record(connection, house, recipient, act, at=at)


def record_cancelled(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    subscription: Row[Any],
    reason: str,
    *,
    channel: Channel,
    at: datetime,
) -> None:
    """Append that nothing may be told now, and why."""
    act = Act(
        operation=Operation.DELIVERY,
        channel=channel,
        outcome=Outcome.CANCELLED,
        person_id=delivery.person_id,
        fields=_withheld(reason),
        payload={"notification": delivery.jti},
    )
    record(connection, house, recipient_of(subscription), act, at=at)


def recipient_of(subscription: Row[Any]) -> Caller:
    """The recipient as the log names it, also when it is no longer active."""
    return Caller(
        agency_id=subscription.agency_id,
        agency_name="",
        role="",
        country="",
        municipalities=frozenset(),
        client_id=subscription.client_id,
        officer_id=subscription.officer_id,
        officer_function="",
        assurance="asserted",
        purpose=subscription.purpose,
        legal_basis=subscription.legal_basis,
        case=None,
        token_id="",
    )


def _withheld(reason: str | None) -> JsonObject:
    return {"released": [], "withheld": [], "reason": reason}
