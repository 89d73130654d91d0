"""Acknowledgements: the recipient's signed word on one notification. Not a mere 2xx."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.canonical_json import JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.clients import client_keys
from app.agencies.tokens import Caller
from app.crypto.claims import check_claims
from app.crypto.errors import CryptoError
from app.crypto.signing import verify
from app.house import Act, House, record
from app.outbox import deliveries, escalations, subscriptions
from app.outbox.planning import Occurrence, announce, hold
from app.problems import Conflict, FieldError, InvalidInput, NotFound

ACKNOWLEDGEMENT_TYPE = "throughcare-acknowledgement+jwt"


class Kind(StrEnum):
    """What a recipient can say."""

    ACCEPTED = "accepted"
    ACCEPTED_NOT_READY = "accepted_not_ready"
    NOT_COMPETENT = "not_competent"
    NEED_MORE_DETAIL = "need_more_detail"


# What the custodian hears of an answer: somebody has to act on it.
FOR_THE_CUSTODIAN: Mapping[Kind, str] = {
    Kind.ACCEPTED_NOT_READY: "recipient_not_ready",
    Kind.NOT_COMPETENT: "referral_not_competent",
    Kind.NEED_MORE_DETAIL: "recipient_needs_detail",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of a recipient; `details` stand in its entry.

    `given_at` is when it was given, where that was before it came.
    """

    kind: Kind
    channel: Channel = Channel.PUSH
    given_at: datetime | None = None
    details: JsonObject = field(default_factory=dict)


def acknowledge(
    connection: Connection,
    house: House,
    caller: Caller,
    jti: str,
    *,
    acknowledgement: str,
    at: datetime,
) -> None:
    """Keep a recipient's acknowledgement. The same one again is fine; another is a Conflict."""
    delivery = deliveries.get(connection, jti, agency_id=caller.agency_id)
    subscription = subscriptions.get(
        connection, delivery.subscription_id, agency_id=caller.agency_id
    )
    if subscription.client_id != caller.client_id:
        # Another system of the same agency cannot silence the reminder of this one.
        raise NotFound("no such notification")
    kind = _verified(connection, house, caller, jti, acknowledgement, at=at)
    keep(connection, house, caller, delivery, Answer(kind=kind), at=at)


def keep(
    connection: Connection,
    house: House,
    caller: Caller,
    delivery: Row[Any],
    answer: Answer,
    *,
    at: datetime,
) -> None:
    """Keep an answer that is beyond doubt. The same one again is fine; another is a Conflict."""
    kind = answer.kind
    if delivery.acknowledgement == kind:
        return
    if delivery.acknowledgement is not None:
        raise Conflict("this notification has been acknowledged otherwise")
    if delivery.sequence is None:
        raise Conflict("this notification has not been sent")
    if kind in FOR_THE_CUSTODIAN:
        # The file before the delivery, as an attempt takes them: else the two could block.
        hold(connection, delivery.person_id)
    deliveries.acknowledge(connection, delivery.jti, kind=kind, at=answer.given_at or at)
    escalations.settle(connection, delivery.jti, at=at)
    act = Act(
        operation=Operation.DELIVERY,
        channel=answer.channel,
        outcome=Outcome.ACKNOWLEDGED,
        person_id=delivery.person_id,
        payload={
            "notification": delivery.jti,
            "acknowledgement": kind.value,
            **answer.details,
        },
    )
    record(connection, house, caller, act, at=at)
    if kind in FOR_THE_CUSTODIAN:
        custodian = hold(connection, delivery.person_id).custodian
        heard = Occurrence(
            event=FOR_THE_CUSTODIAN[kind],
            agencies=frozenset({custodian}),
            particulars={"agency": caller.agency_id},
        )
        announce(connection, house.planner, delivery.person_id, heard, at=at)


def _verified(
    connection: Connection,
    house: House,
    caller: Caller,
    jti: str,
    acknowledgement: str,
    *,
    at: datetime,
) -> Kind:
    """The kind that the client signed for exactly this notification."""
    try:
        claims = verify(
            acknowledgement, client_keys(connection, caller.client_id), typ=ACKNOWLEDGEMENT_TYPE
        )
        check_claims(
            claims,
            issuer=caller.client_id,
            audience=house.issuer,
            at=at,
            required={"jti": str, "kind": str},
            lifetime_s=None,
        )
        kind = Kind(claims["kind"])
    except (CryptoError, ValueError) as error:
        raise _unproven() from error
    if claims["jti"] != jti:
        raise _unproven()
    return kind


def _unproven() -> InvalidInput:
    return InvalidInput(
        "the acknowledgement is not proven",
        errors=(FieldError("/acknowledgement", "expected a kind, signed for this notification"),),
    )
