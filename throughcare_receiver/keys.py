"""Keys: those of the sender to verify with, our own to sign and to open with (RFC 7517, 7518).

The service signs notifications with ES256. An agency signs with P-256 or P-384 and is sealed to
with RSA. The id of a key of ours is its thumbprint (RFC 7638).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from throughcare_receiver.encoding import decode_base64url, encode_base64url, write_json
from throughcare_receiver.errors import Malformed, SignatureRefused, UnsafeKey

MAX_KEYS: Final = 32
"""Most keys in one key set: a sender needs two while it rotates."""

KEY_ENCRYPTION: Final = "RSA-OAEP-256"
"""The one way a content key is encrypted to us."""

_COORDINATE_BYTES: Final = 32  # of P-256
_MIN_MODULUS_BITS: Final = 2048  # RFC 7518, section 4.3
_MAX_MODULUS_BITS: Final = 8192  # the service takes no larger one
_EXPONENT: Final = 65537  # NIST SP 800-56B asks for at least this; nobody uses another
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve as JSON Web Algorithms name it (RFC 7518, section 3.4)."""

    name: str
    algorithm: str
    coordinate_bytes: int
    digest: hashes.HashAlgorithm


_CURVES: Final[Mapping[str, _Curve]] = MappingProxyType(
    {
        "secp256r1": _Curve("P-256", "ES256", _COORDINATE_BYTES, hashes.SHA256()),
        "secp384r1": _Curve("P-384", "ES384", 48, hashes.SHA384()),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class VerifyingKey:
    """A key of the sender, on P-256; `kid` is what tokens call it by."""

    kid: str
    public: ec.EllipticCurvePublicKey = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JSON Web Key for ES256.

        Raises:
            UnsafeKey: a private member, another kind of key or use, or a point off the curve.
        """
        _require_public(jwk)
        if not _is_for_es256(jwk):
            raise UnsafeKey("a key of the sender must be an EC key on P-256 for signatures")
        x, y = _coordinate(jwk, "x"), _coordinate(jwk, "y")
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
        except ValueError:
            raise UnsafeKey("the point of the key is not on its curve") from None
        return cls(kid=_key_id(jwk, default=_thumbprint(_members_of(public))), public=public)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check an ES256 signature, two numbers of 32 bytes. Raises SignatureRefused."""
        if len(signature) != 2 * _COORDINATE_BYTES:
            raise SignatureRefused("the signature has the wrong length")
        r, s = (
            int.from_bytes(half, "big")
            for half in (signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:])
        )
        try:
            self.public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise SignatureRefused("the signature does not fit") from None


@dataclass(frozen=True, slots=True, eq=False)
class KeySet(Mapping[str, VerifyingKey]):
    """The sender's public keys by id: while it rotates, the old one and the new one."""

    by_kid: Mapping[str, VerifyingKey]

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, object]) -> Self:
        """Read a JWK Set (RFC 7517, section 5); keys for other purposes are left out.

        Raises:
            UnsafeKey: not a JWK Set, more than `MAX_KEYS` keys, no usable key, two with
                one id, or a key with a private member, usable or not.
        """
        found: dict[str, VerifyingKey] = {}
        for jwk in _listed_keys(jwks):
            _require_public(jwk)
            if not _is_for_es256(jwk):
                continue
            key = VerifyingKey.from_jwk(jwk)
            if key.kid in found:
                raise UnsafeKey("two keys of the key set have the same kid")
            found[key.kid] = key
        if not found:
            raise UnsafeKey("the key set holds no P-256 key for signatures")
        return cls(by_kid=MappingProxyType(found))

    def __getitem__(self, kid: str) -> VerifyingKey:
        return self.by_kid[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_kid)

    def __len__(self) -> int:
        return len(self.by_kid)


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """Our private key for statements; its `kid` is its thumbprint, its curve its algorithm."""

    kid: str
    algorithm: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted private key in PEM (PKCS #8 or SEC 1).

        Raises:
            UnsafeKey: not such a key, or not on P-256 or P-384.
        """
        private = _load_pem(pem)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise UnsafeKey("a signing key must be an elliptic-curve key")
        return cls._of(private)

    @classmethod
    def generate(cls) -> Self:
        """A new key on P-256, drawn from the operating system."""
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def _of(cls, private: ec.EllipticCurvePrivateKey) -> Self:
        if private.curve.name not in _CURVES:
            raise UnsafeKey("a signing key must be on P-256 or P-384")
        kid = _thumbprint(_members_of(private.public_key()))
        return cls(kid=kid, algorithm=_CURVES[private.curve.name].algorithm, private=private)

    def sign(self, message: bytes) -> bytes:
        """The signature as JSON Web Signature wants it: two numbers of fixed length."""
        curve = _CURVES[self.private.curve.name]
        numbers = decode_dss_signature(self.private.sign(message, ec.ECDSA(curve.digest)))
        return b"".join(number.to_bytes(curve.coordinate_bytes, "big") for number in numbers)

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 in PEM, for a file that only its owner reads."""
        return _to_pem(self.private)

    def public_members(self) -> dict[str, str]:
        """The required members of the public key (RFC 7638, section 3.2)."""
        return _members_of(self.private.public_key())

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key, with its id, use and algorithm."""
        return {**self.public_members(), "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True, eq=False)
class DecryptionKey:
    """Our private RSA key, which notifications are sealed to."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, pem: bytes, *, kid: str | None = None) -> Self:
        """Read an unencrypted private key in PEM; `kid` as registered, or the thumbprint.

        Raises:
            UnsafeKey: not an RSA key of 2,048 to 8,192 bits with exponent 65537.
        """
        private = _load_pem(pem)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise UnsafeKey("a key to open with must be an RSA key")
        return cls._of(private, kid=kid)

    @classmethod
    def generate(cls, *, bits: int = 3072) -> Self:
        """A new key, drawn from the operating system.

        3,072 bits are taken to hold beyond 2030 (NIST SP 800-57 part 1, table 4).
        """
        return cls._of(rsa.generate_private_key(public_exponent=_EXPONENT, key_size=bits))

    @classmethod
    def _of(cls, private: rsa.RSAPrivateKey, *, kid: str | None = None) -> Self:
        if not _MIN_MODULUS_BITS <= private.key_size <= _MAX_MODULUS_BITS:
            raise UnsafeKey(
                f"a key to open with must have {_MIN_MODULUS_BITS} to {_MAX_MODULUS_BITS} bits"
            )
        if private.public_key().public_numbers().e != _EXPONENT:
            raise UnsafeKey(f"the exponent of a key to open with must be {_EXPONENT}")
        default = _thumbprint(_rsa_members_of(private.public_key()))
        return cls(
            kid=_key_id({} if kid is None else {"kid": kid}, default=default), private=private
        )

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 in PEM, for a file that only its owner reads."""
        return _to_pem(self.private)

    def public_jwk(self) -> dict[str, str]:
        """The public key as a subscription names it: with its id, use and algorithm."""
        members = _rsa_members_of(self.private.public_key())
        return {**members, "kid": self.kid, "use": "enc", "alg": KEY_ENCRYPTION}


def public_jwks(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """The JWK Set of our public keys, which the service registers for us (RFC 7517, section 5)."""
    return {"keys": [key.public_jwk() for key in keys]}


def _load_pem(pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):
        raise UnsafeKey("not an unencrypted private key in PEM") from None


def _to_pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _thumbprint(members: Mapping[str, str]) -> str:
    """SHA-256 over the required members in order, as base64url (RFC 7638)."""
    return encode_base64url(hashlib.sha256(write_json(dict(sorted(members.items())))).digest())


def _members_of(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    curve, numbers = _CURVES[public.curve.name], public.public_numbers()
    x, y = (n.to_bytes(curve.coordinate_bytes, "big") for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": curve.name, "x": encode_base64url(x), "y": encode_base64url(y)}


def _rsa_members_of(public: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"kty": "RSA", "n": _encode_integer(numbers.n), "e": _encode_integer(numbers.e)}


def _encode_integer(number: int) -> str:
    """Base64urlUInt: the shortest big-endian form (RFC 7518, section 2)."""
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _listed_keys(jwks: Mapping[str, object]) -> list[dict[str, Any]]:
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise UnsafeKey("a key set must hold a list of keys")
    if len(listed) > MAX_KEYS:
        raise UnsafeKey(f"a key set must hold at most {MAX_KEYS} keys")
    return listed


def _require_public(jwk: Mapping[str, object]) -> None:
    """Refuse a key with a private part: whoever sends one has given their secret away."""
    private = sorted(_PRIVATE_MEMBERS.intersection(jwk))
    if private:
        raise UnsafeKey(f"a public key must not carry the private members {', '.join(private)}")


def _is_for_es256(jwk: Mapping[str, object]) -> bool:
    found = (jwk.get("kty"), jwk.get("crv"), jwk.get("use", "sig"), jwk.get("alg", "ES256"))
    return found == ("EC", "P-256", "sig", "ES256")


def _coordinate(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    try:
        data = decode_base64url(value) if isinstance(value, str) else b""
    except Malformed as error:
        raise UnsafeKey(f"the member {name} of the key is {error}") from None
    if len(data) != _COORDINATE_BYTES:
        raise UnsafeKey(f"the member {name} of the key must have {_COORDINATE_BYTES} bytes")
    return data


def _key_id(jwk: Mapping[str, object], *, default: str) -> str:
    kid = jwk.get("kid", default)
    if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
        raise UnsafeKey("the kid of a key must be 1 to 128 visible ASCII characters")
    return kid
