"""Messages about no person: the nonce of a handshake, and the heartbeat. Sealed like all else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.crypto.sealing_keys import EncryptionKey
from app.house import House
from app.notifications.envelope import HEARTBEAT, VERIFICATION, Message, enclose
from app.notifications.subscribe import nonce_of


def sealed_nonce(house: House, subscription: Row[Any], *, at: datetime) -> str:
    """The nonce of the open handshake, sealed to the key that is to be proven. UnsafeKey."""
    event = {
        "subscription_id": subscription.subscription_id,
        "nonce": nonce_of(house, subscription),
    }
    key = subscription.next_jwk or subscription.encryption_jwk
    return _sealed(house, subscription, VERIFICATION, event, key, at=at)


def sealed_heartbeat(house: House, subscription: Row[Any], *, at: datetime) -> str:
    """That we are there, and the last number there is: who lacks one asks for it. UnsafeKey."""
    event = {
        "subscription_id": subscription.subscription_id,
        "last_sequence": subscription.last_sequence,
    }
    return _sealed(house, subscription, HEARTBEAT, event, subscription.encryption_jwk, at=at)


def _sealed(
    house: House,
    subscription: Row[Any],
    event_type: str,
    event: Mapping[str, Any],
    key: Mapping[str, Any],
    *,
    at: datetime,
) -> str:
    message = Message(
        audience=subscription.client_id,
        jti=house.new_id(),
        txn=house.new_id(),
        event_type=event_type,
        event=event,
    )
    return enclose(
        message,
        issuer=house.issuer,
        signer=house.ring.notification_signing,
        recipient=EncryptionKey.from_jwk(key),
        at=at,
    )
