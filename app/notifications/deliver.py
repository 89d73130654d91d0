"""One attempt at one delivery: decide anew, seal, record the intent; then record the outcome.

Two transactions with the sending between them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from app.access_log.ledger import AppendedEntry
from app.access_log.vocabulary import Channel
from app.cases import references
from app.crypto.sealing_keys import EncryptionKey
from app.house import House, receipt_of
from app.notifications.attempts import (
    Leaving,
    record_attempt,
    record_cancelled,
    record_outcome,
)
from app.notifications.bare import Bare, record_bare_attempt
from app.notifications.control import is_control, rest_on_receipt
from app.notifications.envelope import Message, enclose
from app.notifications.fresh_decision import Fresh, Withdrawn, decide_anew, key_of
from app.notifications.health import asked_wait, judge_endpoint
from app.notifications.oversight import NO_LONGER_TRUE, is_oversight, see_to_it, tell_overseer
from app.notifications.retries import GIVE_UP, wait
from app.notifications.transport import GONE, UNREADABLE, Sent
from app.outbox import deliveries, escalations, subscriptions
from app.outbox.deliveries import CANCELLED, DEAD, QUARANTINED, SENT, Try
from app.outbox.planning import keep_still
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import SUBSCRIPTION
from app.releases.events import EVENTS, Matter

# An attempt that did not come to sending: it counts, and is tried again like any other.
UNPREPARED = Sent(status_code=None, problem=deliveries.UNPREPARED, milliseconds=0, ours=True)
# How an attempt ended that was none: the policy could not decide. It is asked again until it can.
UNDECIDED = Sent(status_code=None, problem=deliveries.UNDECIDED, milliseconds=0, ours=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A sealed message whose intent is on record. Exists only after that is committed.

    `endpoint` is None where the subscription is polled; `receipt` leaves with what is sealed.
    """

    endpoint: str | None
    sealed: str
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One attempt, decided and numbered, before anything is on record or sealed.

    `key` is what it is sealed to; None for paper.
    """

    subscription: Row[Any]
    ground: Fresh | Bare
    message: Message
    key: EncryptionKey | None


def prepare(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    *,
    at: datetime,
    until: datetime,
    channel: Channel = Channel.PUSH,
) -> Prepared | None:
    """Decide, seal and record one attempt; None where it is cancelled or no longer ours.

    `until` is when the lease of this attempt ends. What fails otherwise raises, and leaves
    the delivery as it was.
    """
    keep_still(connection, delivery.person_id)
    if not deliveries.hold(connection, delivery.jti, lease=delivery.lease, until=until):
        return None
    composed = compose(connection, house, delivery, channel=channel, at=at)
    if composed is None:
        return None
    ground, message = composed.ground, composed.message
    assert composed.key is not None  # noqa: S101 - only paper goes without
    sealed = enclose(
        message,
        issuer=house.issuer,
        signer=house.ring.notification_signing,
        recipient=composed.key,
        at=at,
    )
    leaving = Leaving(message=message, body=sealed.encode(), channel=channel)
    appended = record_intent(connection, house, delivery, ground, leaving, at=at)
    return Prepared(
        endpoint=composed.subscription.endpoint,
        sealed=sealed,
        receipt=receipt_of(house, appended, leaving.digest, at=at),
    )


def compose(
    connection: Connection, house: House, delivery: Row[Any], *, channel: Channel, at: datetime
) -> Composed | None:
    """Decide and number one attempt; None where it is cancelled, which is on record then."""
    event = _event_of(connection, delivery)
    subscription = _subscription_of(connection, delivery)
    try:
        ground = _ground(connection, house, delivery, event, subscription, at=at)
        key = None if channel is Channel.PAPER else key_of(subscription)
    except Withdrawn as reason:
        if not is_control(event):  # what was sent stays with them: somebody has to see to it
            escalations.drop(connection, delivery.jti)
        _cancel(connection, house, delivery, subscription, str(reason), channel=channel, at=at)
        if str(reason) != NO_LONGER_TRUE:
            see_to_it(connection, house, delivery, event, at=at)
        return None
    if delivery.sequence is None:
        escalations.plan(
            connection,
            event.event_type,
            hours=event.notice["acknowledgement_hours"],
            jti=delivery.jti,
            person_id=delivery.person_id,
            at=at,
        )
    message = Message(
        audience=subscription.client_id,
        jti=delivery.jti,
        txn=house.new_id(),
        event_type=event.event_type,
        event=ground.content if isinstance(ground, Bare) else _content(house, event, ground),
        reference=_reference(connection, house, delivery, ground, at=at),
        sequence=_sequence(connection, delivery),
    )
    return Composed(subscription=subscription, ground=ground, message=message, key=key)


def record_intent(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    ground: Fresh | Bare,
    leaving: Leaving,
    *,
    at: datetime,
) -> AppendedEntry:
    """Append what is about to leave."""
    if isinstance(ground, Bare):
        person_id = delivery.person_id
        return record_bare_attempt(connection, house, ground, leaving, person_id=person_id, at=at)
    return record_attempt(connection, house, ground, leaving, at=at)


def conclude(
    connection: Connection,
    house: House,
    claimed: Row[Any],
    sent: Sent,
    *,
    retry_base: timedelta,
    channel: Channel = Channel.PUSH,
    at: datetime,
) -> None:
    """Write down how an attempt ended, if the lease still holds, and when the next one is."""
    delivery = deliveries.held(connection, claimed.jti, lease=claimed.lease)
    if delivery is None:
        return
    deliveries.log_attempt(connection, _as_try(delivery, sent, channel=channel, at=at))
    record_outcome(connection, house, delivery, sent, channel=channel, at=at)
    judge_endpoint(connection, house, delivery.subscription_id, sent, retry_base=retry_base, at=at)
    ended = _ended(connection, delivery, sent, at=at)
    if ended is None:
        _postpone(connection, house, delivery, sent, retry_base=retry_base, at=at)
        return
    arrival = arrived(connection, house, delivery, at=at) if sent.accepted else {}
    deliveries.finish(
        connection,
        delivery.jti,
        lease=claimed.lease,
        status=ended,
        attempts=delivery.attempts + 1,
        reason=sent.problem,
        **arrival,
    )
    if ended != SENT:
        see_to_it(connection, house, delivery, _event_of(connection, delivery), at=at)


def arrived(
    connection: Connection, house: House, delivery: Row[Any], *, at: datetime
) -> dict[str, Any]:
    """What is kept of the moment when a delivery first arrived: of a replay it stands already."""
    if delivery.sent_at is not None:
        return {}
    return {"sent_at": at, "lead_days": _lead_days(house, _event_of(connection, delivery), at)}


def _ended(connection: Connection, delivery: Row[Any], sent: Sent, *, at: datetime) -> str | None:
    """The status in which a delivery ends by this attempt; None where it is tried again."""
    if sent.accepted:
        return SENT
    if sent.status_code in UNREADABLE:
        return QUARANTINED
    return DEAD if _is_last(connection, delivery, sent, at=at) else None


def _is_last(connection: Connection, delivery: Row[Any], sent: Sent, *, at: datetime) -> bool:
    """Whether a failed attempt was the last: the receiver has been down too long.

    Counted from the first attempt: a delivery may have waited for an older one before it.
    What the policy could not decide says nothing of the receiver; and one that is gone has its
    backlog kept.
    """
    if sent.problem == UNDECIDED.problem or sent.status_code == GONE:
        return False
    first = deliveries.first_tried_at(
        connection, delivery.jti, besides=deliveries.UNDECIDED, since=delivery.replayed_at
    )
    return first is not None and at - first > GIVE_UP


def _ground(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    event: Row[Any],
    subscription: Row[Any],
    *,
    at: datetime,
) -> Fresh | Bare:
    """What this recipient may be told, and why. Raises Withdrawn, DecisionFailed."""
    if is_control(event):
        return rest_on_receipt(connection, delivery, event, subscription)
    if is_oversight(event):
        return tell_overseer(connection, house, delivery, event, subscription, at=at)
    return decide_anew(connection, house, delivery, event, subscription, at=at)


def _reference(
    connection: Connection, house: House, delivery: Row[Any], ground: Fresh | Bare, *, at: datetime
) -> str:
    """What the recipient knows the person by."""
    if isinstance(ground, Bare) and ground.reference is not None:
        return ground.reference
    return references.ensure(
        connection,
        ring=house.ring,
        agency_id=ground.caller.agency_id,
        person_id=delivery.person_id,
        at=at,
        random=house.random,
    )


def _event_of(connection: Connection, delivery: Row[Any]) -> Row[Any]:
    return connection.execute(select(EVENT).where(EVENT.c.event_id == delivery.event_id)).one()


def _subscription_of(connection: Connection, delivery: Row[Any]) -> Row[Any]:
    return _subscription(connection, delivery.subscription_id)


def _subscription(connection: Connection, subscription_id: str) -> Row[Any]:
    return connection.execute(
        select(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == subscription_id)
    ).one()


def _content(house: House, event: Row[Any], fresh: Fresh) -> dict[str, Any]:
    """The event as its recipient reads it: neutral words, and what it may not do."""
    content = {
        "milestones": event.notice["milestones"],
        "priority": event.priority,
        "shortfall_days": event.notice["shortfall_days"].get(fresh.caller.role, 0),
        "acknowledgement_hours": event.notice["acknowledgement_hours"],
        "purpose": fresh.caller.purpose,
        "legal_basis": fresh.caller.legal_basis,
        "policy": house.bundle.digest,
        "released": fresh.projection.released,
    }
    if "particulars" in event.notice:
        content["particulars"] = event.notice["particulars"]
    return {**content, "concerns": fresh.concerned} if fresh.concerned else content


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
    delivery: Row[Any],
    sent: Sent,
    *,
    retry_base: timedelta,
    at: datetime,
) -> None:
    asked = asked_wait(sent, at)
    delay = wait(
        delivery.attempts + 1,
        base=retry_base,
        fraction=house.random_fraction(),
        retry_after=None if asked is None else int(asked.total_seconds()),
        release=_event_of(connection, delivery).release_date,
        today=house.legal_date(at),
    )
    deliveries.postpone(
        connection,
        delivery.jti,
        lease=delivery.lease,
        attempts=delivery.attempts + 1,
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
    channel: Channel,
    at: datetime,
) -> None:
    """End a delivery for which nothing may be told now; its reason goes on record."""
    deliveries.finish(
        connection, delivery.jti, lease=delivery.lease, status=CANCELLED, reason=reason
    )
    record_cancelled(connection, house, delivery, subscription, reason, channel=channel, at=at)


def _as_try(delivery: Row[Any], sent: Sent, *, channel: Channel, at: datetime) -> Try:
    return Try(
        jti=delivery.jti,
        number=delivery.attempts + 1,
        started_at=at - timedelta(milliseconds=sent.milliseconds),
        milliseconds=sent.milliseconds,
        channel=channel.value,
        status_code=sent.status_code,
        problem=sent.problem,
    )


def _lead_days(house: House, event: Row[Any], at: datetime) -> int | None:
    """Days to the release that a notice speaks of; None where it speaks of something else."""
    release: date | None = event.release_date
    if release is None or EVENTS[event.event_type].matter is not Matter.RELEASE:
        return None
    return (release - house.legal_date(at)).days
