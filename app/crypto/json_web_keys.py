"""What the JSON Web Keys of signing and of sealing have in common (RFC 7517, RFC 7638)."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from app.crypto.encoding import decode_base64url, encode_base64url, write_json
from app.crypto.errors import Malformed, UnsafeKey

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6
_KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")  # it travels in headers: visible ASCII, bounded


class PublicKey(Protocol):
    """Anything that can show its public part as a JSON Web Key."""

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key, with its id, use and algorithm."""
        ...


def public_jwks(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """A JWK Set of the public parts of these keys, in this order (RFC 7517 section 5)."""
    return {"keys": [key.public_jwk() for key in keys]}


def thumbprint(members: Mapping[str, str]) -> str:
    """SHA-256 over the required members of a public key, as base64url (RFC 7638).

    The caller passes the required members only; they are put in order here.
    """
    canonical = write_json(dict(sorted(members.items())))
    return encode_base64url(hashlib.sha256(canonical).digest())


def require_public(jwk: Mapping[str, object]) -> None:
    """Refuse a key with a private part: whoever sends one has given their secret away.

    Raises:
        UnsafeKey: naming the members, never their values.
    """
    private = sorted(_PRIVATE_MEMBERS.intersection(jwk))
    if private:
        raise UnsafeKey(f"a public key must not carry the private members {', '.join(private)}")


def require_use(jwk: Mapping[str, object], *, use: str, algorithm: str) -> None:
    """Hold a key to what it says of itself, when it says it (RFC 7517 sections 4.2, 4.4).

    Raises:
        UnsafeKey: `use` or `alg` is present and is another one.
    """
    for name, expected in (("use", use), ("alg", algorithm)):
        if jwk.get(name, expected) != expected:
            raise UnsafeKey(f"the member {name} of the key must be {expected}")


def bytes_member(jwk: Mapping[str, object], name: str) -> bytes:
    """The bytes of a base64url member.

    Raises:
        UnsafeKey: it is missing or not canonical base64url.
    """
    value = jwk.get(name)
    if not isinstance(value, str) or not value:
        raise UnsafeKey(f"the member {name} of the key is missing")
    try:
        return decode_base64url(value)
    except Malformed as error:
        raise UnsafeKey(f"the member {name} of the key is {error}") from None


def key_id(jwk: Mapping[str, object], *, default: str) -> str:
    """The `kid` that a key declares, or the default.

    Raises:
        UnsafeKey: it is not 1 to 128 visible ASCII characters.
    """
    kid = jwk.get("kid", default)
    if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
        raise UnsafeKey("the member kid of the key must be 1 to 128 visible ASCII characters")
    return kid
