"""Content keys, encrypted to whoever shall open what they seal (RFC 7518, section 4.3)."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.crypto.at_rest import KEY_BYTES
from app.crypto.errors import DecryptionFailed
from app.crypto.sealing_keys import EncryptionKey

_OAEP: Final = padding.OAEP(
    mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
)


def close(key: bytes, recipient: EncryptionKey) -> bytes:
    """Encrypt a key of 32 bytes (RSA-OAEP-256)."""
    return recipient.public.encrypt(key, _OAEP)


def open_with(private: rsa.RSAPrivateKey, encrypted: bytes) -> bytes:
    """The key that `close` encrypted, 32 bytes.

    Raises:
        DecryptionFailed: it was altered, or encrypted to somebody else.
    """
    try:
        key = private.decrypt(encrypted, _OAEP)
    except ValueError:
        raise DecryptionFailed("the content key does not open") from None
    if len(key) != KEY_BYTES:
        raise DecryptionFailed("the content key has another length")
    return key
