"""Notices on paper, for a centre without endpoint or client: made, handed over, answered.

The same rows, decision and entries as of every other delivery. What differs is the way: an
encrypted document, its password apart from it, and an officer of another agency who brings it.
How it arrived and was answered is that officer's word, on record as such.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.canonical_json import encode
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.agencies import directory, registry
from app.agencies.registry import ClientRecord, Ground
from app.house import Act, House, record
from app.notifications.acknowledge import Answer, Kind, keep
from app.notifications.attempts import Leaving, recipient_of
from app.notifications.bare import Bare
from app.notifications.deliver import Composed, arrived, compose, record_intent
from app.notifications.fresh_decision import Withdrawn
from app.notifications.fresh_decision import recipient_of as active_recipient
from app.notifications.pack_document import Written, render
from app.notifications.subscribe import record_change
from app.outbox import deliveries, packs, subscriptions
from app.outbox.deliveries import SENT, Try
from app.outbox.planning import catch_up_agency, keep_still
from app.outbox.subscriptions import ENDED, NewSubscription
from app.policy.errors import DecisionFailed
from app.policy.roles import ROLE_PURPOSES
from app.problems import Conflict, FieldError, InvalidInput

PDF = "application/pdf"
# 120 bits: the document can be tried for ever by whoever has it.
PASSWORD_BYTES = 15
PASSWORD_GROUP = 4
# One transaction makes a pack; nobody else prints it meanwhile.
LEASE = timedelta(seconds=60)
MINUTE = timedelta(minutes=1)
LONGEST_FUNCTION = 100


class Identified(StrEnum):
    """How whoever took a pack was identified. Never by name."""

    IDENTITY_DOCUMENT = "identity_document"
    SERVICE_CARD = "service_card"
    KNOWN_IN_PERSON = "known_in_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperWay:
    """How an agency is told on paper.

    `officer_id` is the officer of the agency on whose behalf it is told, `hand_over_by` the
    agency whose officers bring it.
    """

    agency_id: str
    officer_id: str
    ground: Ground
    hand_over_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """An encrypted document. Exists only once its entry is committed.

    The password is nowhere else: who loses it makes the pack again.
    """

    jti: str
    agency_id: str
    hand_over_by: str
    document: bytes = field(repr=False)
    password: str = field(repr=False)
    entry_id: str


@dataclass(frozen=True, slots=True)
class NotMade:
    """There is no pack, and why: the notice was cancelled, or nothing could be decided."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """A pack was given to somebody of the recipient: by whom, to which function, when."""

    officer_id: str
    received_by: str
    identified: Identified
    moment: datetime


def enrol(connection: Connection, house: House, way: PaperWay, *, at: datetime) -> str:
    """Have an agency be told on paper from now on; the id of its subscription.

    It gets a client without a key, which stands for its way in the log and can call nothing.
    """
    # Of two who enrol it at once the second waits, and sees that it is enrolled.
    registry.hold(connection, way.agency_id)
    agency = registry.agency(connection, way.agency_id)
    if way.ground.purpose not in ROLE_PURPOSES.get(agency.role, ()):
        raise InvalidInput("expected a purpose of that agency's role")
    if packs.of_agency(connection, way.agency_id) is not None:
        raise Conflict("the agency is told on paper already")
    if subscriptions.tells(connection, way.agency_id):
        raise Conflict("the agency has a subscription already: everything would be told twice")
    if way.hand_over_by == way.agency_id:
        raise InvalidInput("expected another agency to hand over")
    registry.agency(connection, way.hand_over_by)
    subscription_id = house.new_id()
    client = ClientRecord(
        client_id=f"paper-{subscription_id}",
        agency_id=way.agency_id,
        jwks={"keys": []},
        grounds=(way.ground,),
    )
    registry.add_client(connection, client, at=at)
    new = NewSubscription(
        subscription_id=subscription_id,
        agency_id=way.agency_id,
        client_id=client.client_id,
        officer_id=way.officer_id,
        purpose=way.ground.purpose,
        legal_basis=way.ground.legal_basis,
        endpoint=None,
        encryption_jwk={},
        hand_over_by=way.hand_over_by,
    )
    subscriptions.add(connection, new, at=at)
    subscriptions.activate(connection, subscription_id, at=at)
    try:
        active_recipient(connection, subscriptions.find(connection, subscription_id))
    except Withdrawn as error:
        raise InvalidInput("expected an active officer of that agency") from error
    record_change(
        connection,
        house,
        OPERATOR,
        subscription_id,
        subscriptions.ACTIVE,
        agency=way.agency_id,
        client=client.client_id,
        hand_over_by=way.hand_over_by,
        at=at,
    )
    catch_up_agency(connection, house.planner, way.agency_id, at=at)
    packs.see_to_alarms(connection, new_id=house.new_id, at=at)
    return subscription_id


def end(connection: Connection, house: House, agency_id: str, *, at: datetime) -> None:
    """Tell an agency nothing on paper any more; what waits is cancelled. Conflict."""
    row = packs.of_agency(connection, agency_id)
    if row is None:
        raise Conflict("the agency is not told on paper")
    subscriptions.change(connection, row.subscription_id, {"status": ENDED})
    registry.revoke_client(connection, row.client_id)
    record_change(connection, house, OPERATOR, row.subscription_id, ENDED, at=at)
    packs.see_to_alarms(connection, new_id=house.new_id, at=at)


def make(connection: Connection, house: House, jti: str, *, at: datetime) -> Pack | NotMade:
    """Decide, print, encrypt and record one notice; or why there is none, which is on record.

    Made again it has the same `jti` and number and another password. NotFound, Conflict.
    """
    made = _make(connection, house, jti, at=at)
    packs.see_to_alarms(connection, new_id=house.new_id, at=at)
    return made


def _make(connection: Connection, house: House, jti: str, *, at: datetime) -> Pack | NotMade:
    keep_still(connection, packs.person_of(connection, jti))
    delivery = packs.take(connection, jti, lease=house.new_id(), until=at + LEASE)
    try:
        composed = compose(connection, house, delivery, channel=Channel.PAPER, at=at)
    except DecisionFailed as failure:
        packs.put_back(connection, jti, reason=failure.slug)
        payload = {"notification": jti, "reason": failure.slug}
        _record(connection, house, delivery, Outcome.FAILED, payload, at=at)
        return NotMade(failure.slug)
    if composed is None:
        return NotMade(packs.get(connection, jti).reason)
    written = _put_on_record(connection, house, delivery, composed, at=at)
    password = new_password(house)
    document = render(written, password=password)
    _record_document(connection, house, delivery, document, at=at)
    number = delivery.attempts + 1
    deliveries.log_attempt(connection, _attempt(jti, number, at, problem=packs.MADE))
    packs.put_back(connection, jti, reason=packs.MADE, attempts=number)
    return Pack(
        jti=jti,
        agency_id=delivery.agency_id,
        hand_over_by=delivery.hand_over_by,
        document=document,
        password=password,
        entry_id=written.entry_id,
    )


def not_written(connection: Connection, house: House, jti: str, *, at: datetime) -> None:
    """Append that the document of a pack did not come to be a file: nobody holds it."""
    delivery = packs.get(connection, jti)
    payload = {"notification": jti, "reason": "not-written"}
    _record(connection, house, delivery, Outcome.FAILED, payload, at=at)
    packs.unmake(connection, jti)
    packs.see_to_alarms(connection, new_id=house.new_id, at=at)


def hand_over(
    connection: Connection, house: House, jti: str, said: HandOver, *, at: datetime
) -> None:
    """Keep that a pack was given to its recipient, on the word of whoever brought it.

    From this moment on it counts as delivered. NotFound, Conflict, InvalidInput.
    """
    delivery = packs.get(connection, jti)
    # Whatever came afterwards, also that it was cancelled: what was made may have been brought.
    made_at = packs.first_made_at(connection, jti)
    if made_at is None or delivery.status == SENT:
        raise Conflict("no pack of this notification waits to be handed over")
    moment = _between(said.moment, made_at, at)
    _require_function(said.received_by)
    bringer = directory.officer(connection, delivery.hand_over_by, said.officer_id)
    if bringer is None or not bringer.active:
        raise InvalidInput(f"expected an active officer of {delivery.hand_over_by}")
    number = delivery.attempts + 1
    arrival = arrived(connection, house, delivery, at=moment)
    deliveries.settle(connection, jti, status=SENT, attempts=number, reason=None, **arrival)
    deliveries.log_attempt(connection, _attempt(jti, number, moment))
    payload = {
        "notification": jti,
        "handed_over_by": f"{delivery.hand_over_by}/{said.officer_id}",
        "handed_over_at": moment.isoformat(),
        "received_by": said.received_by,
        "identified_by": said.identified.value,
    }
    _record(connection, house, delivery, Outcome.DELIVERED, payload, at=at)


def acknowledge(
    connection: Connection,
    house: House,
    jti: str,
    kind: Kind,
    *,
    signed_by: str,
    moment: datetime,
    at: datetime,
) -> None:
    """Keep the slip that came back: what it says, the function that signed it, and when.

    NotFound, Conflict, InvalidInput.
    """
    delivery = packs.get(connection, jti)
    if delivery.sent_at is None:
        raise Conflict("this notification has not been handed over")
    moment = _between(moment, delivery.sent_at, at)
    _require_function(signed_by)
    subscription = subscriptions.find(connection, delivery.subscription_id)
    answer = Answer(
        kind=kind,
        channel=Channel.PAPER,
        given_at=moment,
        details={"signed_by": signed_by, "signed_at": moment.isoformat()},
    )
    keep(connection, house, recipient_of(subscription), delivery, answer, at=at)


def new_password(house: House) -> str:
    """A random password as it is read out: letters and digits that are not mistaken, in groups."""
    text = base64.b32encode(house.random(PASSWORD_BYTES)).decode()
    groups = (text[start : start + PASSWORD_GROUP] for start in range(0, len(text), PASSWORD_GROUP))
    return "-".join(groups)


def _put_on_record(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    composed: Composed,
    *,
    at: datetime,
) -> Written:
    """The intent, with the digest of what is told; and all that the document shows."""
    message, ground = composed.message, composed.ground
    told = encode({"event": message.event_type, "content": dict(message.event)})
    leaving = Leaving(
        message=message, body=told, channel=Channel.PAPER, media_type="application/json"
    )
    appended = record_intent(connection, house, delivery, ground, leaving, at=at)
    return Written(
        recipient=f"{ground.caller.agency_name} ({ground.caller.agency_id})",
        hand_over_by=composed.subscription.hand_over_by,
        message=message,
        withheld=() if isinstance(ground, Bare) else ground.projection.withheld,
        made_at=at.astimezone(house.profile.time_zone),
        issuer=house.issuer,
        log_origin=house.log_origin,
        entry_id=appended.id,
        leaf_hash=appended.leaf_hash.hex(),
        told_sha256=leaving.digest.hex(),
    )


def _record_document(
    connection: Connection, house: House, delivery: Row[Any], document: bytes, *, at: datetime
) -> None:
    """The exact bytes of the file, so that it can be held to the log."""
    payload = {
        "notification": delivery.jti,
        "media_type": PDF,
        "length": len(document),
        "sha256": hashlib.sha256(document).hexdigest(),
    }
    _record(connection, house, delivery, Outcome.RECORDED, payload, at=at)


def _record(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    outcome: Outcome,
    payload: dict[str, Any],
    *,
    at: datetime,
) -> None:
    act = Act(
        operation=Operation.DELIVERY,
        channel=Channel.PAPER,
        outcome=outcome,
        person_id=delivery.person_id,
        payload=payload,
    )
    recipient = recipient_of(subscriptions.find(connection, delivery.subscription_id))
    record(connection, house, recipient, act, at=at)


def _attempt(jti: str, number: int, at: datetime, *, problem: str | None = None) -> Try:
    return Try(
        jti=jti,
        number=number,
        started_at=at,
        milliseconds=0,
        channel=Channel.PAPER.value,
        problem=problem,
    )


def _between(moment: datetime, earliest: datetime, latest: datetime) -> datetime:
    """The moment; of a minute that begins before the earliest one, the earliest one.

    Raises:
        InvalidInput: it does not lie between the two.
    """
    # People write minutes, and what was made in one is brought in the same one.
    if moment.second == moment.microsecond == 0 and moment <= earliest < moment + MINUTE:
        moment = earliest
    if not earliest <= moment <= latest:
        raise InvalidInput(
            f"expected a moment from {earliest.isoformat()} to {latest.isoformat()}",
            errors=(FieldError("/at", "not in this time"),),
        )
    return moment


def _require_function(text: str) -> None:
    """A function is asked for, and nothing keeps anybody from writing a name: keep it short."""
    if not (0 < len(text) <= LONGEST_FUNCTION and text.isprintable()):
        raise InvalidInput(f"expected a function of 1 to {LONGEST_FUNCTION} printable characters")
