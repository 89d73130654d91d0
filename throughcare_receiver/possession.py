"""Proof of possession of a key with each request to the service (DPoP, RFC 9449)."""

import hashlib
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from throughcare_receiver.encoding import encode_base64url
from throughcare_receiver.keys import SigningKey
from throughcare_receiver.signed import sign_with_own_key

PROOF_TYPE: Final = "dpop+jwt"


def prove(
    key: SigningKey,
    *,
    method: str,
    address: str,
    jti: str,
    at: datetime,
    access_token: str | None = None,
) -> str:
    """The value of the `DPoP` header of one request (RFC 9449, section 4.2).

    Args:
        key: the key that the access token is bound to.
        method: of the request.
        address: of the request; query and fragment are left out.
        jti: new each time.
        at: now, with its time zone.
        access_token: the one that goes along; None where a token is asked for.
    """
    claims = {
        "jti": jti,
        "htm": method,
        "htu": urlsplit(address)._replace(query="", fragment="").geturl(),
        "iat": int(at.timestamp()),
    }
    if access_token is not None:
        digest = hashlib.sha256(access_token.encode("ascii")).digest()
        claims["ath"] = encode_base64url(digest)
    return sign_with_own_key(claims, key, typ=PROOF_TYPE)
