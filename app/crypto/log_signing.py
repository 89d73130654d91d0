"""Ed25519 signatures (RFC 8032) for the access log. The note around them is the log's own."""

from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from app.crypto.errors import SignatureRefused, UnsafeKey

PUBLIC_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class LogVerifyingKey:
    """A public key, as its raw 32 bytes."""

    public_bytes: bytes

    def __post_init__(self) -> None:
        if len(self.public_bytes) != PUBLIC_KEY_BYTES:
            raise UnsafeKey(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes")

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a signature of 64 bytes over the message.

        Raises:
            SignatureRefused: it does not fit.
        """
        try:
            public = ed25519.Ed25519PublicKey.from_public_bytes(self.public_bytes)
            public.verify(signature, message)
        except InvalidSignature:
            raise SignatureRefused("the signature does not fit") from None


@dataclass(frozen=True, slots=True, eq=False)
class LogSigningKey:
    """The private key of a log or of a witness.

    `successor` takes over from it; until then it signs beside it, so that either key verifies.
    `predecessor` is the key that this one took over from: what it signed still counts.
    """

    private: ed25519.Ed25519PrivateKey = field(repr=False)
    successor: "LogSigningKey | None" = field(default=None, repr=False)
    predecessor: LogVerifyingKey | None = field(default=None, repr=False)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted private key in PEM (PKCS #8, RFC 8410).

        Raises:
            UnsafeKey: not such a key.
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (TypeError, ValueError):
            raise UnsafeKey("not an unencrypted private key in PEM") from None
        if not isinstance(private, ed25519.Ed25519PrivateKey):
            raise UnsafeKey("the key of a log must be an Ed25519 key")
        return cls(private=private)

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key that 32 random bytes stand for (RFC 8032 section 5.1.5).

        Raises:
            UnsafeKey: not 32 bytes.
        """
        try:
            return cls(private=ed25519.Ed25519PrivateKey.from_private_bytes(seed))
        except ValueError:
            raise UnsafeKey("the seed of an Ed25519 key has 32 bytes") from None

    def sign(self, message: bytes) -> bytes:
        """The signature over the message: 64 bytes, the same each time."""
        return self.private.sign(message)

    @property
    def at_work(self) -> "tuple[LogSigningKey, ...]":
        """The keys that sign: this one, and the one that takes over."""
        return (self,) if self.successor is None else (self, self.successor)

    @property
    def accepted(self) -> tuple[bytes, ...]:
        """The public keys that a signature may be of: active, next, retired."""
        retired = () if self.predecessor is None else (self.predecessor.public_bytes,)
        return (*(key.public_bytes for key in self.at_work), *retired)

    @property
    def public_bytes(self) -> bytes:
        """The public key, raw: 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def verifying_key(self) -> LogVerifyingKey:
        """The public key that checks what this key signs."""
        return LogVerifyingKey(self.public_bytes)

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 in PEM, for a file that only its owner reads."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
