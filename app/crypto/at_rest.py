"""Data at rest: AES-256-GCM (NIST SP 800-38D), wrapped data keys, and blind indices.

A nonce must never be used twice under one key. Random nonces keep that promise for up to
2**32 messages under one key (SP 800-38D section 8.3); a key that would serve more is rotated.
"""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.crypto.encoding import encode_base64url
from app.crypto.errors import DecryptionFailed, UnsafeKey

KEY_BYTES = 32
"""Length of every symmetric key here."""

NONCE_BYTES = 12
"""Length of a nonce, stored in front of its ciphertext."""

_TAG_BYTES = 16

# Keeps a wrapped key from passing as a sealed value under the same key, and the other way.
_WRAPPED_KEY = b"wrapped data key\x00"

# Makes of one key another one that serves authentication codes alone.
_AUTHENTICATION = b"authentication of rows"


def seal(key: bytes, plaintext: bytes, associated_data: bytes, *, nonce: bytes) -> bytes:
    """Encrypt; the result is nonce, ciphertext and 16 bytes of tag.

    Args:
        key: 32 bytes.
        plaintext: what is to be hidden; its length shows.
        associated_data: what the value belongs to. It is not stored, and opening it
            elsewhere fails.
        nonce: 12 random bytes, never used before under this key.

    Raises:
        UnsafeKey: the key has another length.
        ValueError: the nonce has another length.
    """
    _require_key(key)
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def unseal(key: bytes, blob: bytes, associated_data: bytes) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        DecryptionFailed: other key, other associated data, or altered bytes.
        UnsafeKey: the key has another length.
    """
    return opener(key)(blob, associated_data)


def opener(key: bytes) -> Callable[[bytes, bytes], bytes]:
    """What decrypts one thing after another that `seal` made under this key: see `unseal`."""
    _require_key(key)
    decrypt = AESGCM(key).decrypt

    def unsealed(blob: bytes, associated_data: bytes) -> bytes:
        if len(blob) < NONCE_BYTES + _TAG_BYTES:
            raise DecryptionFailed("the ciphertext is cut short")
        try:
            return decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], associated_data)
        except InvalidTag:
            raise DecryptionFailed("the ciphertext does not open") from None

    return unsealed


def wrap(
    key_encryption_key: bytes, data_key: bytes, associated_data: bytes, *, nonce: bytes
) -> bytes:
    """Encrypt a data key of 32 bytes under a key-encryption key. Otherwise as `seal`."""
    _require_key(data_key)
    return seal(key_encryption_key, data_key, _WRAPPED_KEY + associated_data, nonce=nonce)


def unwrap(key_encryption_key: bytes, blob: bytes, associated_data: bytes) -> bytes:
    """The data key that `wrap` encrypted. Otherwise as `unseal`."""
    return unseal(key_encryption_key, blob, _WRAPPED_KEY + associated_data)


def blind_index(key: bytes, *parts: str) -> str:
    """A keyed fingerprint by which a value is found again without being stored.

    HMAC-SHA256 over the parts in UTF-8, each with its length in front, so that parts cannot
    run into one another; 43 characters of base64url. A plain hash would not do: all national
    ids of nine digits can be tried within minutes.

    Raises:
        UnsafeKey: the key has another length than 32 bytes.
    """
    _require_key(key)
    return _fingerprint(key, parts)


def authentication_code(key: bytes, *parts: str) -> str:
    """A code that only the holder of the key can make: what it stands beside was not altered.

    HMAC-SHA256 as in `blind_index`, under a key derived from this one, so that no index that
    is stored anywhere is ever such a code; 43 characters of base64url.

    Raises:
        UnsafeKey: the key has another length than 32 bytes.
    """
    _require_key(key)
    return _fingerprint(hmac.digest(key, _AUTHENTICATION, hashlib.sha256), parts)


def _fingerprint(key: bytes, parts: tuple[str, ...]) -> str:
    encoded = [part.encode("utf-8") for part in parts]
    message = b"".join(len(part).to_bytes(8, "big") + part for part in encoded)
    return encode_base64url(hmac.digest(key, message, hashlib.sha256))


def _require_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise UnsafeKey(f"a symmetric key has {KEY_BYTES} bytes")
