"""The envelope: a Security Event Token (RFC 8417), padded, signed, then sealed to the recipient.

Inside: `iss aud iat jti txn sub_id events seq`; `txn` is random for each recipient, so that
two of them cannot match their notices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.crypto.padding import sign_padded
from app.crypto.sealing import seal
from app.crypto.sealing_keys import EncryptionKey
from app.crypto.signing_keys import SigningKey

EVENT_PREFIX = "urn:throughcare:event:"
TOKEN_TYPE = "secevent+jwt"  # noqa: S105 - the media type of RFC 8417
MEDIA_TYPE = "application/jose"
# Messages about no person.
VERIFICATION = "verification"
HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one recipient is told. `reference` is its own for the person; None in a handshake."""

    audience: str
    jti: str
    txn: str
    event_type: str
    event: Mapping[str, Any]
    reference: str | None = None
    sequence: Mapping[str, int] | None = None


def enclose(
    message: Message, *, issuer: str, signer: SigningKey, recipient: EncryptionKey, at: datetime
) -> str:
    """The sealed message, ready to be sent as `application/jose`."""
    token = sign_padded(_claims(message, issuer=issuer, at=at), signer, typ=TOKEN_TYPE)
    return seal(token, recipient)


def _claims(message: Message, *, issuer: str, at: datetime) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": message.audience,
        "iat": int(at.timestamp()),
        "jti": message.jti,
        "txn": message.txn,
        "events": {EVENT_PREFIX + message.event_type: dict(message.event)},
    }
    if message.reference is not None:
        claims["sub_id"] = {"format": "opaque", "id": message.reference}
    if message.sequence is not None:
        claims["seq"] = dict(message.sequence)
    return claims
