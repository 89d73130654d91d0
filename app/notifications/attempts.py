"""What the access log has of an attempt: its intent, its outcome, its end without one."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.canonical_json import JsonObject
from app.access_log.ledger import AppendedEntry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.disclosure.disclose import evidence
from app.house import Act, House, record
from app.notifications.envelope import MEDIA_TYPE, Message
from app.notifications.fresh_decision import Fresh
from app.notifications.transport import Sent
from app.outbox import subscriptions
from app.policy.errors import DecisionFailed


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What is about to leave: a message as these exact bytes, by which way."""

    message: Message
    body: bytes
    channel: Channel
    media_type: str = MEDIA_TYPE

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the bytes, for the entry and for the receipt."""
        return hashlib.sha256(self.body).digest()

    @property
    def outcome(self) -> Outcome:
        """What is polled leaves as the answer to whoever asked, like a read."""
        return Outcome.RELEASED if self.channel is Channel.INBOX else Outcome.ATTEMPTED


def record_attempt(
    connection: Connection,
    house: House,
    fresh: Fresh,
    leaving: Leaving,
    *,
    at: datetime,
) -> AppendedEntry:
    """The intent: which fields in which form are about to leave, and the digest of the bytes."""
    message = leaving.message
    kept = evidence(fresh.pushed, len(leaving.body), leaving.digest, media_type=leaving.media_type)
    act = Act(
        operation=Operation.DISCLOSURE,
        channel=leaving.channel,
        outcome=leaving.outcome,
        reference=message.reference,
        **{**kept, "payload": {**kept["payload"], "notification": message.jti}},
    )
    return record(connection, house, fresh.caller, act, at=at)


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
