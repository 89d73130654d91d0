"""Signed tokens (JWS compact serialisation, RFC 7515): the sender's are verified, ours are made."""

from collections.abc import Mapping
from typing import Any, Final

from throughcare_receiver.encoding import (
    decode_base64url,
    encode_base64url,
    read_json_object,
    split_segments,
    write_json,
)
from throughcare_receiver.errors import Malformed, SignatureRefused, UnknownSenderKey
from throughcare_receiver.keys import SigningKey, VerifyingKey

MAX_TOKEN_LENGTH: Final = 65_536
"""Longest token in characters: the largest size class of a notification."""

_MEMBERS: Final = frozenset({"alg", "typ", "kid"})


def verify(token: str, keys: Mapping[str, VerifyingKey], *, typ: str) -> dict[str, Any]:
    """Check a token of the sender and return its claims, which are still to be checked.

    Args:
        token: the compact serialisation.
        keys: the sender's, by `kid`.
        typ: the one accepted `typ`, compared character by character.

    Raises:
        UnknownSenderKey: the token names a key that is not in `keys`.
        SignatureRefused: anything else about the token is not accepted.
    """
    try:
        segments = split_segments(token, count=3, max_length=MAX_TOKEN_LENGTH)
        header, payload, signature = (decode_base64url(segment) for segment in segments)
        key = _named_key(read_json_object(header), keys, typ=typ)
        key.verify(token.rpartition(".")[0].encode("ascii"), signature)
        return read_json_object(payload)
    except Malformed as error:
        raise SignatureRefused(f"the token is {error}") from None


def sign(claims: Mapping[str, Any], key: SigningKey, *, typ: str) -> str:
    """Sign claims; the header holds `alg`, `typ` and `kid`. ValueError for NaN and infinities."""
    return _signed({"alg": key.algorithm, "typ": typ, "kid": key.kid}, claims, key)


def sign_with_own_key(claims: Mapping[str, Any], key: SigningKey, *, typ: str) -> str:
    """The same with the public key itself in the header, in the member `jwk`."""
    return _signed({"alg": key.algorithm, "typ": typ, "jwk": key.public_members()}, claims, key)


def _named_key(
    header: Mapping[str, Any], keys: Mapping[str, VerifyingKey], *, typ: str
) -> VerifyingKey:
    """The key that a header names, once its members are exactly those agreed.

    Exactly these members: so there is no `crit`, `b64`, `jku`, `x5u` or `jwk`.
    """
    if header.keys() != _MEMBERS:
        raise SignatureRefused("the header must hold alg, typ and kid, and nothing else")
    if header["alg"] != "ES256":
        raise SignatureRefused("the algorithm must be ES256")
    if header["typ"] != typ:
        raise SignatureRefused("the token is of another type")
    kid = header["kid"]
    if not isinstance(kid, str) or kid not in keys:
        raise UnknownSenderKey("the key that the token names is not known")
    return keys[kid]


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey) -> str:
    signed = ".".join(encode_base64url(write_json(part)) for part in (header, claims))
    return f"{signed}.{encode_base64url(key.sign(signed.encode('ascii')))}"
