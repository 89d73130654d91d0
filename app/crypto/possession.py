"""Proof of possession of a key with each request (DPoP, RFC 9449), read.

A proof is a signed statement about one request: method, address, moment and a number of its
own; with an access token also the token's hash. Whether it came before is for a database.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.crypto.addresses import normal_address
from app.crypto.encoding import encode_base64url
from app.crypto.errors import ClaimsRefused, Malformed
from app.crypto.signing import verify_with_own_key

PROOF_TYPE: Final = "dpop+jwt"
PROOF_ALGORITHMS: Final = ("ES256", "ES384")

PROOF_SECONDS: Final = 60
"""How old a proof may be: its way, and clocks that differ. RFC 9449 (11.1) wants it short."""

AHEAD_SECONDS: Final = 5
"""How far in the future it may have been made: as for every other token."""

_MAX_TEXT: Final = 200  # characters of a proof's number: it is kept until the proof is too old


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that holds for the request it came with.

    `thumbprint` names the key (RFC 7638); `jti` the proof; from `expires_at` on its age refuses
    it, and nobody has to remember it any more.
    """

    thumbprint: str
    jti: str
    expires_at: datetime


def read_proof(
    proof: str, *, method: str, address: str, at: datetime, access_token: str | None = None
) -> Proof:
    """Hold a proof to the request it came with (RFC 9449, section 4.3, but for its last check).

    Args:
        proof: the value of the DPoP header.
        method: of the request, as it came.
        address: of the request; query and fragment do not matter.
        at: now, with a time zone.
        access_token: the one that came along, at a protected resource.

    Raises:
        SignatureRefused, UnsafeKey: it is no signed proof.
        ClaimsRefused: it is one, for another request.
    """
    claims, key = verify_with_own_key(proof, typ=PROOF_TYPE, algorithms=PROOF_ALGORITHMS)
    issued = claims.get("iat")
    _expect("iat", type(issued) is int and _is_fresh(issued, at))
    jti = claims.get("jti")
    _expect("jti", isinstance(jti, str) and 0 < len(jti) <= _MAX_TEXT and jti.isprintable())
    _expect("htm", claims.get("htm") == method)
    _expect("htu", _is_address(claims.get("htu"), address))
    if access_token is not None:
        _expect("ath", claims.get("ath") == token_hash(access_token))
    return Proof(
        thumbprint=key.thumbprint,
        jti=str(jti),
        expires_at=datetime.fromtimestamp(int(str(issued)), UTC)
        + timedelta(seconds=PROOF_SECONDS + AHEAD_SECONDS),
    )


def token_hash(access_token: str) -> str:
    """The hash by which a proof names its access token: SHA-256 as base64url."""
    return encode_base64url(hashlib.sha256(access_token.encode("ascii")).digest())


def _is_fresh(issued: int, at: datetime) -> bool:
    return -AHEAD_SECONDS <= at.timestamp() - issued <= PROOF_SECONDS


def _is_address(value: object, address: str) -> bool:
    try:
        return isinstance(value, str) and normal_address(value) == normal_address(address)
    except Malformed:
        return False


def _expect(claim: str, holds: bool) -> None:  # noqa: FBT001 - a finding, not an option
    if not holds:
        raise ClaimsRefused(claim, "is not that of this request")
