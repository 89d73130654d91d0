"""Subscriptions: a client names its endpoint and key, and proves that it holds both.

The service sends a nonce sealed to the key; it must come back signed with a registered key
of the client before the first notification goes out.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.clients import client_keys
from app.agencies.tokens import Caller
from app.crypto.claims import check_claims
from app.crypto.errors import CryptoError
from app.crypto.sealing_keys import EncryptionKey
from app.crypto.signing import verify
from app.house import Act, House, record
from app.notifications.addresses import AddressRefused, EndpointRules
from app.outbox import subscriptions
from app.outbox.planning import catch_up_agency
from app.outbox.subscriptions import NewSubscription
from app.problems import FieldError, InvalidInput

RESPONSE_TYPE = "throughcare-verification+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A subscription as its owner sees it."""

    subscription_id: str
    endpoint: str
    status: str


def subscribe(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    endpoint: str,
    encryption_jwk: Mapping[str, Any],
    rules: EndpointRules,
    at: datetime,
) -> Subscribed:
    """Store a subscription that waits for its handshake."""
    findings = [*_endpoint_findings(endpoint, rules), *_key_findings(encryption_jwk)]
    if findings:
        raise InvalidInput("the subscription cannot be kept so", errors=tuple(findings))
    new = NewSubscription(
        subscription_id=house.new_id(),
        agency_id=caller.agency_id,
        client_id=caller.client_id,
        officer_id=caller.officer_id,
        purpose=caller.purpose,
        legal_basis=caller.legal_basis,
        endpoint=endpoint,
        # The key alone: whatever else came with it is nothing to keep.
        encryption_jwk=EncryptionKey.from_jwk(encryption_jwk).public_jwk(),
    )
    subscriptions.add(connection, new, at=at)
    _record(connection, house, caller, new.subscription_id, subscriptions.PENDING, at=at)
    return Subscribed(
        subscription_id=new.subscription_id, endpoint=endpoint, status=subscriptions.PENDING
    )


def verify_subscription(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription_id: str,
    *,
    response: str,
    at: datetime,
) -> None:
    """Activate a subscription whose nonce came back signed; the same answer again is fine."""
    row = subscriptions.get(connection, subscription_id, agency_id=caller.agency_id)
    try:
        claims = verify(response, client_keys(connection, row.client_id), typ=RESPONSE_TYPE)
        check_claims(
            claims,
            issuer=row.client_id,
            audience=house.issuer,
            at=at,
            required={"subscription_id": str, "nonce": str},
            lifetime_s=None,
        )
    except CryptoError as error:
        raise _unproven() from error
    expected = nonce_of(house, subscription_id)
    # As bytes: of texts it compares ASCII only, and raises for anything else.
    same_nonce = hmac.compare_digest(claims["nonce"].encode(), expected.encode())
    if claims["subscription_id"] != subscription_id or not same_nonce:
        raise _unproven()
    if row.status == subscriptions.PENDING:
        subscriptions.activate(connection, subscription_id, at=at)
        _record(connection, house, caller, subscription_id, subscriptions.ACTIVE, at=at)
        catch_up_agency(connection, house.planner, row.agency_id, at=at)


def nonce_of(house: House, subscription_id: str) -> str:
    """The nonce of a subscription's handshake: keyed, so it need not be stored."""
    digest = hmac.digest(
        house.ring.blind_index, f"subscription nonce\0{subscription_id}".encode(), hashlib.sha256
    )
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _unproven() -> InvalidInput:
    return InvalidInput(
        "the handshake is not proven",
        errors=(FieldError("/response", "expected the nonce, signed with the client's key"),),
    )


def _endpoint_findings(endpoint: str, rules: EndpointRules) -> list[FieldError]:
    try:
        rules.check_url(endpoint)
    except AddressRefused as refused:
        return [FieldError("/endpoint", str(refused))]
    return []


def _key_findings(jwk: Mapping[str, Any]) -> list[FieldError]:
    try:
        EncryptionKey.from_jwk(jwk)
    except CryptoError as refused:
        return [FieldError("/encryption_jwk", str(refused))]
    return []


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription_id: str,
    status: str,
    *,
    at: datetime,
) -> None:
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": "subscription", "id": subscription_id, "status": status},
    )
    record(connection, house, caller, act, at=at)
