"""Keys for signatures in tokens: ECDSA on P-256 (ES256) and P-384 (ES384), RFC 7518 section 3.4.

The curve decides the algorithm, so a token can never choose how its signature is checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk as jose_jwk
from jose.backends.base import Key
from jose.exceptions import JWKError

from app.crypto.encoding import encode_base64url
from app.crypto.errors import UnsafeKey
from app.crypto.json_web_keys import bytes_member, key_id, require_public, require_use, thumbprint

MAX_KEYS = 32
"""Most keys in one key set: a peer needs two while it rotates."""


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve as JSON Web Algorithms name it; a coordinate has a fixed number of bytes."""

    name: str
    algorithm: str
    coordinate_bytes: int
    curve: ec.EllipticCurve


_CURVES: Mapping[str, _Curve] = MappingProxyType(
    {
        "P-256": _Curve("P-256", "ES256", 32, ec.SECP256R1()),
        "P-384": _Curve("P-384", "ES384", 48, ec.SECP384R1()),
    }
)
_CURVES_BY_LIBRARY_NAME = {curve.curve.name: curve for curve in _CURVES.values()}

SIGNATURE_BYTES: Mapping[str, int] = MappingProxyType(
    {curve.algorithm: 2 * curve.coordinate_bytes for curve in _CURVES.values()}
)
"""Length of a signature by algorithm. Its keys are all the algorithms that exist for us."""


@dataclass(frozen=True, slots=True, eq=False)
class VerifyingKey:
    """A public key that signatures are checked with.

    `kid` is the id that tokens call it by, `algorithm` the only one it is good for,
    `thumbprint` its RFC 7638 fingerprint, `prepared` the key as `jose` wants it.
    """

    kid: str
    algorithm: str
    thumbprint: str
    public_members: Mapping[str, str]
    prepared: Key = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JSON Web Key; members that are not needed are left alone.

        Raises:
            UnsafeKey: not an EC key on P-256 or P-384, a private member, a point that is
                not on the curve, or a declared use or algorithm that does not fit.
        """
        require_public(jwk)
        curve = _declared_curve(jwk)
        require_use(jwk, use="sig", algorithm=curve.algorithm)
        members = _members(curve, x=_coordinate(jwk, "x", curve), y=_coordinate(jwk, "y", curve))
        fingerprint = thumbprint(members)
        return cls(
            kid=key_id(jwk, default=fingerprint),
            algorithm=curve.algorithm,
            thumbprint=fingerprint,
            public_members=MappingProxyType(members),
            prepared=_prepare(members, curve),
        )

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key, with its id, use and algorithm."""
        return {**self.public_members, "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A private key that tokens are signed with; its `kid` is its RFC 7638 thumbprint."""

    kid: str
    algorithm: str
    verifying_key: VerifyingKey
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    prepared: Key = field(repr=False)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted private key in PEM (PKCS #8 or SEC 1).

        Raises:
            UnsafeKey: not such a key, or not on P-256 or P-384.
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (TypeError, ValueError):
            raise UnsafeKey("not an unencrypted private key in PEM") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise UnsafeKey("a signing key must be an elliptic-curve key")
        return cls._from_private(private)

    @classmethod
    def generate(cls, curve: str = "P-256") -> Self:
        """A new key on "P-256" or "P-384", drawn from the operating system."""
        return cls._from_private(ec.generate_private_key(_CURVES[curve].curve))

    @classmethod
    def _from_private(cls, private: ec.EllipticCurvePrivateKey) -> Self:
        curve = _CURVES_BY_LIBRARY_NAME.get(private.curve.name)
        if curve is None:
            raise UnsafeKey("a signing key must be on P-256 or P-384")
        numbers = private.public_key().public_numbers()
        x, y = (n.to_bytes(curve.coordinate_bytes, "big") for n in (numbers.x, numbers.y))
        verifying_key = VerifyingKey.from_jwk(_members(curve, x=x, y=y))
        return cls(
            kid=verifying_key.kid,
            algorithm=curve.algorithm,
            verifying_key=verifying_key,
            private=private,
            prepared=jose_jwk.construct(_private_pem(private), curve.algorithm),
        )

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 in PEM, for a file that only its owner reads."""
        return _private_pem(self.private)

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key, with its id, use and algorithm."""
        return self.verifying_key.public_jwk()


@dataclass(frozen=True, slots=True, eq=False)
class KeySet(Mapping[str, VerifyingKey]):
    """The public keys of one peer by key id. What `verify` chooses from."""

    by_kid: Mapping[str, VerifyingKey]

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, object]) -> Self:
        """Read a JWK Set (RFC 7517 section 5); keys for other purposes are left out.

        Raises:
            UnsafeKey: not a JWK Set, more than `MAX_KEYS` keys, no usable key, two with
                one id, or a key with a private member, usable or not.
        """
        found: dict[str, VerifyingKey] = {}
        for jwk in _listed_keys(jwks):
            require_public(jwk)
            if not _is_for_signatures(jwk):
                continue
            key = VerifyingKey.from_jwk(jwk)
            if key.kid in found:
                raise UnsafeKey("two keys of the key set have the same kid")
            found[key.kid] = key
        if not found:
            raise UnsafeKey("the key set holds no P-256 or P-384 key for signatures")
        return cls(by_kid=MappingProxyType(found))

    def __getitem__(self, kid: str) -> VerifyingKey:
        return self.by_kid[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_kid)

    def __len__(self) -> int:
        return len(self.by_kid)


def _listed_keys(jwks: Mapping[str, object]) -> list[dict[str, Any]]:
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise UnsafeKey("a key set must hold a list of keys")
    if len(listed) > MAX_KEYS:
        raise UnsafeKey(f"a key set must hold at most {MAX_KEYS} keys")
    return listed


def _is_for_signatures(jwk: Mapping[str, object]) -> bool:
    return (
        jwk.get("kty") == "EC"
        and jwk.get("crv") in tuple(_CURVES)  # a tuple compares; what a peer sent may not hash
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "ES256") in tuple(SIGNATURE_BYTES)
    )


def _declared_curve(jwk: Mapping[str, object]) -> _Curve:
    name = jwk.get("crv")
    if jwk.get("kty") != "EC" or not isinstance(name, str) or name not in _CURVES:
        raise UnsafeKey("a key for signatures must be an EC key on P-256 or P-384")
    return _CURVES[name]


def _coordinate(jwk: Mapping[str, object], name: str, curve: _Curve) -> bytes:
    value = bytes_member(jwk, name)
    if len(value) != curve.coordinate_bytes:
        raise UnsafeKey(f"the member {name} of the key must have {curve.coordinate_bytes} bytes")
    return value


def _members(curve: _Curve, *, x: bytes, y: bytes) -> dict[str, str]:
    """The required members of an EC key (RFC 7638 section 3.2)."""
    return {
        "kty": "EC",
        "crv": curve.name,
        "x": encode_base64url(x),
        "y": encode_base64url(y),
    }


def _prepare(members: dict[str, str], curve: _Curve) -> Key:
    try:
        return jose_jwk.construct(members, curve.algorithm)
    except (JWKError, ValueError):
        raise UnsafeKey("the point of the key is not on its curve") from None


def _private_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
