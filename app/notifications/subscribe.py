"""Subscriptions: a client names its endpoint and key, and proves that it holds both.

The service sends a nonce sealed to the key; it must come back signed with a registered key
of the client before the first notification goes out. A client without an endpoint polls it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.canonical_json import Json
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.clients import client_keys
from app.agencies.tokens import Caller
from app.crypto.claims import check_claims
from app.crypto.errors import CryptoError
from app.crypto.sealing_keys import EncryptionKey
from app.crypto.signing import verify
from app.house import Act, House, record
from app.notifications.addresses import AddressRefused, EndpointRules
from app.outbox import deliveries, subscriptions
from app.outbox.planning import catch_up_agency
from app.outbox.subscriptions import NewSubscription
from app.problems import FieldError, InvalidInput

RESPONSE_TYPE = "throughcare-verification+jwt"


def subscribe(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    endpoint: str | None,
    encryption_jwk: Mapping[str, Any],
    rules: EndpointRules,
    at: datetime,
) -> str:
    """Store a subscription that waits for its handshake; its id."""
    check(endpoint, encryption_jwk, rules)
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
    record_change(connection, house, caller, new.subscription_id, subscriptions.PENDING, at=at)
    return new.subscription_id


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
    expected = nonce_of(house, row)
    # As bytes: of texts it compares ASCII only, and raises for anything else.
    same_nonce = hmac.compare_digest(claims["nonce"].encode(), expected.encode())
    if claims["subscription_id"] != subscription_id or not same_nonce:
        raise _unproven()
    if row.proven or row.status == subscriptions.ENDED:
        return
    # Deliveries before their subscription: in the order in which an attempt locks them.
    deliveries.hasten(connection, subscription_id, at=at)
    subscriptions.activate(connection, subscription_id, at=at)
    record_change(connection, house, caller, subscription_id, subscriptions.ACTIVE, at=at)
    if row.status == subscriptions.PENDING:
        catch_up_agency(connection, house.planner, row.agency_id, at=at)


def nonce_of(house: House, subscription: Row[Any]) -> str:
    """The nonce of a subscription's open handshake: keyed, so it need not be stored."""
    handshake = f"subscription nonce\0{subscription.subscription_id}\0{subscription.challenge}"
    digest = hmac.digest(house.ring.blind_index, handshake.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check(
    endpoint: str | None, encryption_jwk: Mapping[str, Any] | None, rules: EndpointRules
) -> None:
    """Refuse an endpoint that may not be sent to, and a key that cannot be sealed to."""
    findings = [
        *(_endpoint_findings(endpoint, rules) if endpoint is not None else ()),
        *(_key_findings(encryption_jwk) if encryption_jwk is not None else ()),
    ]
    if findings:
        raise InvalidInput("the subscription cannot be kept so", errors=tuple(findings))


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


def record_change(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription_id: str,
    status: str,
    *,
    at: datetime,
    **details: Json,
) -> None:
    """Append what became of a subscription, and on whose word."""
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": "subscription", "id": subscription_id, "status": status, **details},
    )
    record(connection, house, caller, act, at=at)
