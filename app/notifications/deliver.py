"""One attempt at one delivery: decide anew, seal, record the intent; then record the outcome.

Two transactions with the sending between them. What is pushed is never more than the same
client could read at this moment: consents, assignments, policy and keys count as they are now.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller, Grant, identify
from app.cases import references
from app.crypto.errors import CryptoError
from app.crypto.sealing_keys import EncryptionKey
from app.disclosure.disclose import Decided, decide_file, evidence
from app.disclosure.project import Projection
from app.house import Act, House, record
from app.notifications.envelope import MEDIA_TYPE, Message, enclose
from app.notifications.retries import GIVE_UP, wait
from app.notifications.transport import GONE, Sent
from app.outbox import deliveries, subscriptions
from app.outbox.deliveries import CANCELLED, DEAD, SENT, Try
from app.outbox.events import EVENT
from app.outbox.subscriptions import SUBSCRIPTION
from app.policy.errors import DecisionFailed
from app.problems import Unauthenticated

# Two random bytes are enough to spread retries.
JITTER_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A sealed message whose intent is on record. Exists only after that is committed."""

    jti: str
    lease: str
    attempt: int
    endpoint: str
    sealed: str
    release_date: date | None


class _Withdrawn(Exception):
    """There is nothing left that this recipient may be told."""


def prepare(
    connection: Connection, house: House, delivery: Row[Any], *, at: datetime
) -> Prepared | None:
    """Decide, seal and record one attempt; None where it is cancelled or no longer ours."""
    if not deliveries.held(connection, delivery.jti, lease=delivery.lease):
        return None
    event = connection.execute(select(EVENT).where(EVENT.c.event_id == delivery.event_id)).one()
    subscription = connection.execute(
        select(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == delivery.subscription_id)
    ).one()
    try:
        caller = _recipient(connection, subscription)
        decided = decide_file(connection, house, caller, delivery.person_id, at=at)
        receipts = _receipts(connection, delivery, event)
        _require_something(decided, receipts)
        recipient = _encryption_key(subscription)
    except (_Withdrawn, Unauthenticated, DecisionFailed) as reason:
        _cancel(connection, house, delivery, subscription, _reason(reason), at=at)
        return None
    projection = _of_event(decided.projection, event.notice["sections"])
    reference = references.ensure(
        connection,
        ring=house.ring,
        agency_id=caller.agency_id,
        person_id=delivery.person_id,
        at=at,
        random=house.random,
    )
    message = Message(
        audience=subscription.client_id,
        jti=delivery.jti,
        txn=house.new_id(),
        event_type=event.event_type,
        event={**_content(house, caller, event, projection), **receipts},
        reference=reference,
        sequence=_sequence(connection, delivery),
    )
    sealed = enclose(
        message,
        issuer=house.issuer,
        signer=house.ring.notification_signing,
        recipient=recipient,
        at=at,
    )
    _record_attempt(connection, house, caller, decided, projection, sealed, at=at)
    return Prepared(
        jti=delivery.jti,
        lease=delivery.lease,
        attempt=delivery.attempts + 1,
        endpoint=subscription.endpoint,
        sealed=sealed,
        release_date=event.release_date,
    )


def conclude(
    connection: Connection,
    house: House,
    prepared: Prepared,
    sent: Sent,
    *,
    retry_base: timedelta,
    at: datetime,
) -> None:
    """Write down how an attempt ended, if the lease still holds, and when the next one is."""
    if not deliveries.held(connection, prepared.jti, lease=prepared.lease):
        return
    deliveries.log_attempt(connection, _as_try(prepared, sent, at=at))
    delivery = connection.execute(
        select(deliveries.DELIVERY).where(deliveries.DELIVERY.c.jti == prepared.jti)
    ).one()
    outcome = Outcome.DELIVERED if sent.accepted else Outcome.FAILED
    _record_outcome(connection, house, delivery, outcome, sent, at=at)
    if sent.accepted:
        deliveries.finish(
            connection,
            prepared.jti,
            lease=prepared.lease,
            status=SENT,
            sent_at=at,
            attempts=prepared.attempt,
            lead_days=_lead_days(house, prepared.release_date, at),
            reason=None,
        )
    elif sent.status_code == GONE or at - delivery.created_at > GIVE_UP:
        deliveries.finish(
            connection,
            prepared.jti,
            lease=prepared.lease,
            status=DEAD,
            attempts=prepared.attempt,
            reason=sent.problem,
        )
    else:
        _postpone(connection, house, prepared, sent, retry_base=retry_base, at=at)


def _recipient(connection: Connection, subscription: Row[Any]) -> Caller:
    """The subscriber as a caller of this moment; Unauthenticated when it no longer is one."""
    grant = Grant(
        client_id=subscription.client_id,
        officer_id=subscription.officer_id,
        purpose=subscription.purpose,
        legal_basis=subscription.legal_basis,
        case=None,
        token_id="",
    )
    if subscription.status != subscriptions.ACTIVE:
        raise Unauthenticated("the subscription is not active")
    return identify(connection, grant)


def _encryption_key(subscription: Row[Any]) -> EncryptionKey:
    try:
        return EncryptionKey.from_jwk(subscription.encryption_jwk)
    except CryptoError as error:
        raise _Withdrawn("no-usable-key") from error


def _receipts(connection: Connection, delivery: Row[Any], event: Row[Any]) -> dict[str, list[str]]:
    """What an event that rests on the past receipt concerns: the notices sent before.

    Who was told of a date must learn that it changed, also when nothing else may be told.
    """
    if not event.notice["only_those_told"]:
        return {}
    sent = deliveries.receipts(
        connection, subscription_id=delivery.subscription_id, person_id=delivery.person_id
    )
    return {"concerns": sent} if sent else {}


def _require_something(decided: Decided, receipts: dict[str, list[str]]) -> None:
    if decided.projection.empty and not receipts:
        raise _Withdrawn("nothing-permitted")


def _of_event(projection: Projection, sections: list[str]) -> Projection:
    """What of the recipient's view this event carries."""
    released = {name: projection.released[name] for name in sections if name in projection.released}
    return Projection(released, projection.withheld)


def _content(
    house: House, caller: Caller, event: Row[Any], projection: Projection
) -> dict[str, Any]:
    """The event as its recipient reads it: neutral words, and what it may not do."""
    return {
        "milestones": event.notice["milestones"],
        "priority": event.priority,
        "shortfall_days": event.notice["shortfall_days"].get(caller.role, 0),
        "acknowledgement_hours": event.notice["acknowledgement_hours"],
        "purpose": caller.purpose,
        "legal_basis": caller.legal_basis,
        "policy": house.bundle.digest,
        "released": projection.released,
    }


def _sequence(connection: Connection, delivery: Row[Any]) -> dict[str, int]:
    """Numbers of this subscription and of this person in it: the same over all attempts."""
    number = delivery.sequence
    if number is None:
        number = subscriptions.next_sequence(connection, delivery.subscription_id)
        deliveries.number(connection, delivery.jti, sequence=number)
    return {
        "subscriber": number,
        "person": deliveries.place_among_person(
            connection,
            subscription_id=delivery.subscription_id,
            person_id=delivery.person_id,
            sequence=number,
        ),
    }


def _postpone(
    connection: Connection,
    house: House,
    prepared: Prepared,
    sent: Sent,
    *,
    retry_base: timedelta,
    at: datetime,
) -> None:
    delay = wait(
        prepared.attempt,
        base=retry_base,
        fraction=int.from_bytes(house.random(JITTER_BYTES)) / 256**JITTER_BYTES,
        retry_after=sent.retry_after,
        release=prepared.release_date,
        today=house.legal_date(at),
    )
    deliveries.postpone(
        connection,
        prepared.jti,
        lease=prepared.lease,
        attempts=prepared.attempt,
        next_at=at + delay,
        reason=sent.problem or "",
    )


def _cancel(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    subscription: Row[Any],
    reason: str,
    *,
    at: datetime,
) -> None:
    """End a delivery for which nothing may be told now; its reason goes on record."""
    deliveries.finish(
        connection, delivery.jti, lease=delivery.lease, status=CANCELLED, reason=reason
    )
    act = Act(
        operation=Operation.DELIVERY,
        channel=Channel.PUSH,
        outcome=Outcome.CANCELLED,
        person_id=delivery.person_id,
        fields={"released": [], "withheld": [], "reason": reason},
    )
    record(connection, house, _as_caller(delivery, subscription), act, at=at)


def _record_attempt(
    connection: Connection,
    house: House,
    caller: Caller,
    decided: Decided,
    projection: Projection,
    sealed: str,
    *,
    at: datetime,
) -> None:
    """The intent: which fields in which form are about to leave, and the digest of the bytes."""
    pushed = Decided(
        file=decided.file,
        request=decided.request,
        decision=decided.decision,
        projection=projection,
    )
    act = Act(
        operation=Operation.DISCLOSURE,
        channel=Channel.PUSH,
        outcome=Outcome.ATTEMPTED,
        **evidence(pushed, sealed.encode(), media_type=MEDIA_TYPE),
    )
    record(connection, house, caller, act, at=at)


def _record_outcome(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    outcome: Outcome,
    sent: Sent,
    *,
    at: datetime,
) -> None:
    subscription = connection.execute(
        select(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == delivery.subscription_id)
    ).one()
    act = Act(
        operation=Operation.DELIVERY,
        channel=Channel.PUSH,
        outcome=outcome,
        person_id=delivery.person_id,
        payload={
            "notification": delivery.jti,
            "status": 0 if sent.status_code is None else sent.status_code,
        },
    )
    record(connection, house, _as_caller(delivery, subscription), act, at=at)


def _as_caller(delivery: Row[Any], subscription: Row[Any]) -> Caller:
    """The recipient as the log names it, also when it is no longer active."""
    return Caller(
        agency_id=delivery.agency_id,
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


def _as_try(prepared: Prepared, sent: Sent, *, at: datetime) -> Try:
    return Try(
        jti=prepared.jti,
        number=prepared.attempt,
        started_at=at,
        milliseconds=sent.milliseconds,
        status_code=sent.status_code,
        problem=sent.problem,
    )


def _lead_days(house: House, release: date | None, at: datetime) -> int | None:
    return None if release is None else (release - house.legal_date(at)).days


def _reason(reason: Exception) -> str:
    match reason:
        case _Withdrawn():
            return str(reason)
        case Unauthenticated():
            return "recipient-not-active"
        case _:
            return "decision-failed"
