"""Keys for sealed messages: RSA with OAEP (RFC 7518 section 4.3).

The recipient makes the pair, keeps the private part and registers the public one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.hazmat.primitives.asymmetric import rsa

from app.crypto.encoding import encode_base64url
from app.crypto.errors import UnsafeKey
from app.crypto.json_web_keys import bytes_member, key_id, require_public, require_use, thumbprint

KEY_ENCRYPTION = "RSA-OAEP-256"
"""The one way a content key is encrypted to the recipient."""

MIN_MODULUS_BITS = 2048  # RFC 7518 section 4.3
MAX_MODULUS_BITS = 8192  # a larger one makes each sealing slow at the wish of the recipient
REMEMBERED = 1024  # keys of subscribers, half a kilobyte each
PUBLIC_EXPONENT = 65537  # NIST SP 800-56B asks for at least this; nobody uses another


@dataclass(frozen=True, slots=True, eq=False)
class EncryptionKey:
    """The public key of a recipient, which messages are sealed to."""

    kid: str
    thumbprint: str
    public: rsa.RSAPublicKey = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JSON Web Key; members that are not needed are left alone.

        Raises:
            UnsafeKey: not an RSA key of 2,048 to 8,192 bits with exponent 65537, a private
                member, or a declared use or algorithm that does not fit.
        """
        require_public(jwk)
        if jwk.get("kty") != "RSA":
            raise UnsafeKey("a key for sealing must be an RSA key")
        require_use(jwk, use="enc", algorithm=KEY_ENCRYPTION)
        modulus, exponent = (int.from_bytes(bytes_member(jwk, name), "big") for name in ("n", "e"))
        public, fingerprint = _read(modulus, exponent)
        return cls(kid=key_id(jwk, default=fingerprint), thumbprint=fingerprint, public=public)

    def public_jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key, with its id, use and algorithm."""
        return {**_members(self.public), "kid": self.kid, "use": "enc", "alg": KEY_ENCRYPTION}


@lru_cache(maxsize=REMEMBERED)
def _read(modulus: int, exponent: int) -> tuple[rsa.RSAPublicKey, str]:
    """The key and its thumbprint. Remembered: the library prepares a key at its first use."""
    public = _public_key(modulus, exponent)
    return public, thumbprint(_members(public))


def _public_key(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    if not MIN_MODULUS_BITS <= modulus.bit_length() <= MAX_MODULUS_BITS:
        raise UnsafeKey(
            f"a key for sealing must have {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} bits"
        )
    if modulus % 2 == 0:  # the library takes it and would fail only when something is sealed
        raise UnsafeKey("the modulus of a key for sealing must be odd")
    if exponent != PUBLIC_EXPONENT:
        raise UnsafeKey(f"the exponent of a key for sealing must be {PUBLIC_EXPONENT}")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _members(public: rsa.RSAPublicKey) -> dict[str, str]:
    """The required members of an RSA key (RFC 7638 section 3.2)."""
    numbers = public.public_numbers()
    return {
        "kty": "RSA",
        "n": _encode_integer(numbers.n),
        "e": _encode_integer(numbers.e),
    }


def _encode_integer(number: int) -> str:
    """Base64urlUInt: the shortest big-endian form (RFC 7518 section 2)."""
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
