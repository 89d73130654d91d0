"""What an agency signs: who it is, that a notification reached it, that an endpoint is its own.

Pure: claims of signed tokens (JWS, RFC 7515). Each kind has its own `typ`, so that none can be
put forward as another (RFC 8725, section 3.11).
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from throughcare_receiver.keys import SigningKey
from throughcare_receiver.signed import sign

ASSERTION_TYP: Final = "JWT"
ACKNOWLEDGEMENT_TYP: Final = "throughcare-acknowledgement+jwt"
VERIFICATION_TYP: Final = "throughcare-verification+jwt"

ASSERTION_SECONDS: Final = 120
"""How long an assertion is good for: one request, and clocks that differ. At most 300 is taken."""


class Acknowledgement(StrEnum):
    """What an agency says to a notification. Being reached is not yet being ready."""

    ACCEPTED = "accepted"
    ACCEPTED_NOT_READY = "accepted_not_ready"
    NOT_COMPETENT = "not_competent"
    NEED_MORE_DETAIL = "need_more_detail"


def client_assertion(
    key: SigningKey, *, client_id: str, issuer: str, jti: str, at: datetime
) -> str:
    """Proof of who asks for a token (RFC 7523, section 3); `jti` is new each time."""
    issued = int(at.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "iat": issued,
        "exp": issued + ASSERTION_SECONDS,
        "jti": jti,
    }
    return sign(claims, key, typ=ASSERTION_TYP)


def acknowledgement(
    key: SigningKey,
    *,
    client_id: str,
    issuer: str,
    jti: str,
    kind: Acknowledgement,
    at: datetime,
) -> str:
    """The agency's word that it has the notification `jti`, and what it makes of it."""
    claims = {
        "iss": client_id,
        "aud": issuer,
        "iat": int(at.timestamp()),
        "jti": jti,
        "kind": kind.value,
    }
    return sign(claims, key, typ=ACKNOWLEDGEMENT_TYP)


def verification_response(
    key: SigningKey,
    *,
    client_id: str,
    issuer: str,
    subscription_id: str,
    nonce: str,
    at: datetime,
) -> str:
    """The nonce that came sealed, given back signed: whoever signs could open it."""
    claims = {
        "iss": client_id,
        "aud": issuer,
        "iat": int(at.timestamp()),
        "subscription_id": subscription_id,
        "nonce": nonce,
    }
    return sign(claims, key, typ=VERIFICATION_TYP)
