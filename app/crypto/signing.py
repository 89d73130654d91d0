"""Signed tokens: JWS compact serialisation (RFC 7515), ES256, and ES384 where asked for.

`jose.jws` computes the signature. Everything it is lenient about is decided before it sees
the token (RFC 8725): length, segments, encoding, header members, algorithm, type, key.
`jose.jwt` is never used: it accepts tokens that name unknown critical extensions, that carry
a claim twice, or that never expire.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jose import jws

from app.crypto.encoding import (
    decode_base64url,
    encoded_length,
    read_json_object,
    split_segments,
    write_json,
)
from app.crypto.errors import Malformed, SignatureRefused, UnknownKey
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SIGNATURE_BYTES, KeySet, SigningKey, VerifyingKey

__all__ = [
    "MAX_TOKEN_LENGTH",
    "KeySet",
    "SigningKey",
    "VerifyingKey",
    "overhead",
    "public_jwks",
    "sign",
    "unverified_claims",
    "verify",
    "verify_with_own_key",
]

MAX_TOKEN_LENGTH = 8 * 1024
"""Longest token in characters. Access tokens and assertions stay below 2,000."""

_HEADER_MEMBERS = ("alg", "typ", "kid")
_OWN_KEY_MEMBERS = ("alg", "typ", "jwk")
_OWN_KEYS = 1_024  # headers whose key is kept


def sign(claims: Mapping[str, Any], key: SigningKey, *, typ: str) -> str:
    """Sign claims as a compact JWS whose header holds `alg`, `kid` and `typ`.

    Raises:
        ValueError: the claims hold NaN or an infinity.
    """
    return jws.sign(
        write_json(claims),
        key.prepared,
        headers={"kid": key.kid, "typ": typ},
        algorithm=key.algorithm,
    )


def overhead(key: SigningKey, *, typ: str) -> int:
    """Characters of a token of this key and type that are not its payload segment."""
    header = write_json({"alg": key.algorithm, "kid": key.kid, "typ": typ})
    signature = encoded_length(SIGNATURE_BYTES[key.algorithm])
    return encoded_length(len(header)) + signature + len("..")


def verify(
    token: str,
    keys: Mapping[str, VerifyingKey],
    *,
    typ: str,
    algorithms: tuple[str, ...] = ("ES256",),
    max_length: int = MAX_TOKEN_LENGTH,
) -> dict[str, Any]:
    """Check a compact JWS and return its claims; what they say is for `check_claims`.

    Args:
        token: the compact serialisation.
        keys: the keys of the expected signer, by `kid`.
        typ: the one accepted `typ`, compared character by character.
        algorithms: a tuple of ES256 or ES384.
        max_length: in characters; raised only for the inside of a sealed message.

    Raises:
        UnknownKey: the token names a key that is not in `keys`.
        SignatureRefused: anything else about the token is not accepted.
        TypeError: `algorithms` is not a tuple of known names. Given as text it would be
            matched by substring, and a name of another family opens key confusion.
    """
    _require_known(algorithms)
    try:
        header, payload, signature = split_segments(token, count=3, max_length=max_length)
        key = _named_key(_read_header(header, typ=typ, algorithms=algorithms), keys)
        return _signed_claims(token, payload, signature, key)
    except Malformed as error:
        raise SignatureRefused(f"the token is {error}") from None


def verify_with_own_key(
    token: str, *, typ: str, algorithms: tuple[str, ...] = ("ES256",)
) -> tuple[dict[str, Any], VerifyingKey]:
    """Check a compact JWS under the key in its own header; its claims, and that key.

    It shows that whoever signed has the private key, and nothing about who that is.

    Raises:
        UnsafeKey: the key in the header cannot be used, or is a private one.
        SignatureRefused: anything else about the token is not accepted.
        TypeError: as in `verify`.
    """
    _require_known(algorithms)
    try:
        header, payload, signature = split_segments(token, count=3, max_length=MAX_TOKEN_LENGTH)
        key = _own_key(header, typ, algorithms)
        return _signed_claims(token, payload, signature, key), key
    except Malformed as error:
        raise SignatureRefused(f"the token is {error}") from None


def unverified_claims(
    token: str, *, typ: str, algorithms: tuple[str, ...] = ("ES256",)
) -> dict[str, Any]:
    """Read the claims of a token nobody has checked, only to find whose keys to check it with.

    Raises:
        SignatureRefused: the token would be refused under any key.
        TypeError: as in `verify`.
    """
    _require_known(algorithms)
    try:
        header, payload, _ = split_segments(token, count=3, max_length=MAX_TOKEN_LENGTH)
        _read_header(header, typ=typ, algorithms=algorithms)
        return read_json_object(decode_base64url(payload))
    except Malformed as error:
        raise SignatureRefused(f"the token is {error}") from None


def _require_known(algorithms: tuple[str, ...]) -> None:
    if not isinstance(algorithms, tuple) or not SIGNATURE_BYTES.keys() >= set(algorithms):
        raise TypeError("algorithms must be a tuple of ES256 or ES384")


def _read_header(
    segment: str,
    *,
    typ: str,
    algorithms: tuple[str, ...],
    expected: tuple[str, str, str] = _HEADER_MEMBERS,
) -> dict[str, Any]:
    """The header, once its members are exactly those expected, with accepted values."""
    header = read_json_object(decode_base64url(segment))
    if header.keys() != set(expected):
        first, second, third = expected
        raise SignatureRefused(
            f"the header must hold {first}, {second} and {third}, and nothing else"
        )
    if header["alg"] not in algorithms:
        raise SignatureRefused("the algorithm is not accepted here")
    if header["typ"] != typ:
        raise SignatureRefused("the token is of another type")
    return header


def _named_key(header: Mapping[str, Any], keys: Mapping[str, VerifyingKey]) -> VerifyingKey:
    kid = header["kid"]
    if not isinstance(kid, str) or kid not in keys:
        raise UnknownKey("the key that the token names is not known")
    key = keys[kid]
    if key.algorithm != header["alg"]:
        raise SignatureRefused("the key is not for the algorithm of the token")
    return key


@lru_cache(maxsize=_OWN_KEYS)
def _own_key(segment: str, typ: str, algorithms: tuple[str, ...]) -> VerifyingKey:
    """The key in a header. A client's proofs all have the same header, to the letter."""
    header = _read_header(segment, typ=typ, algorithms=algorithms, expected=_OWN_KEY_MEMBERS)
    if not isinstance(header["jwk"], dict):
        raise SignatureRefused("the key of the token is no key")
    key = VerifyingKey.from_jwk(header["jwk"])
    if key.algorithm != header["alg"]:
        raise SignatureRefused("the key is not for the algorithm of the token")
    return key


def _signed_claims(token: str, payload: str, signature: str, key: VerifyingKey) -> dict[str, Any]:
    code = decode_base64url(signature)
    if len(code) != SIGNATURE_BYTES[key.algorithm]:
        raise SignatureRefused("the signature has the wrong length")
    claims = decode_base64url(payload)
    _check_signature(token, code, key)
    return read_json_object(claims)


def _check_signature(token: str, signature: bytes, key: VerifyingKey) -> None:
    # The key alone: `jws.verify` would split and decode the token again, and leniently.
    signed = token.rpartition(".")[0].encode("ascii")
    if not key.prepared.verify(signed, signature):
        raise SignatureRefused("the signature does not fit")
