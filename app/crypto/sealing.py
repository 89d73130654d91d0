"""Sealed messages: a signed token inside a JWE (RFC 7516), RSA-OAEP-256 with A256GCM.

Sign first, then seal: only the recipient learns who says what. No compression, because the
length of compressed text tells about its content. What is sealed must fill a size class
(`padding`). `jose` encrypts; opening is done here, on the `cryptography` package, after the
header has been held to the one form that this package itself writes.
"""

import secrets
from collections.abc import Sequence
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jose import jwe

from app.crypto.encoding import decode_base64url, read_json_object, split_segments
from app.crypto.errors import Malformed, SealRefused
from app.crypto.padding import SIZE_CLASSES, is_padded
from app.crypto.sealing_keys import KEY_ENCRYPTION, DecryptionKey, EncryptionKey

__all__ = [
    "MAX_SEALED_LENGTH",
    "DecryptionKey",
    "EncryptionKey",
    "recipient_kid",
    "seal",
    "unseal",
]

CONTENT_ENCRYPTION = "A256GCM"
CONTENT_TYPE = "JWT"

MAX_SEALED_LENGTH = 96 * 1024
"""Longest sealed message in characters: the largest class in base64url, key and header."""

_CONTENT_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_MEMBERS = frozenset({"alg", "enc", "cty", "kid"})
_OAEP = rsa_padding.OAEP(
    mgf=rsa_padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
)


def seal(
    content: str, recipient: EncryptionKey, *, size_classes: Sequence[int] = SIZE_CLASSES
) -> str:
    """Encrypt a signed and padded token to its recipient.

    The length of the result depends on the size class and the recipient's key alone.

    Raises:
        SealRefused: the content does not fill a size class.
    """
    if not content.isascii() or not is_padded(len(content), size_classes=size_classes):
        raise SealRefused("the content must be a token that fills a size class")
    sealed = jwe.encrypt(
        content,
        # jose takes a prepared public key, which its stubs do not say; a JWK is parsed each time.
        cast("Any", recipient.public),
        encryption=CONTENT_ENCRYPTION,
        algorithm=KEY_ENCRYPTION,
        cty=CONTENT_TYPE,
        kid=recipient.kid,
    )
    return sealed.decode("ascii")


def recipient_kid(sealed: str) -> str:
    """The id of the key that a message is sealed to, for a recipient that has several.

    Raises:
        SealRefused: the message is not in the one accepted form.
    """
    try:
        return _header_kid(_split(sealed)[0])
    except Malformed as error:
        raise SealRefused(f"the message is {error}") from None


def unseal(sealed: str, key: DecryptionKey) -> str:
    """Open a sealed message and return the signed token inside, which is still to be verified.

    Raises:
        SealRefused: not in the one accepted form, sealed to another key, or altered.
    """
    try:
        segments = _split(sealed)
        if _header_kid(segments[0]) != key.kid:
            raise SealRefused("the message is sealed to another key")
        return _open(segments, key)
    except Malformed as error:
        raise SealRefused(f"the message is {error}") from None


def _split(sealed: str) -> list[str]:
    return split_segments(sealed, count=5, max_length=MAX_SEALED_LENGTH)


def _header_kid(segment: str) -> str:
    """The `kid` of a header, once the header is exactly what `seal` writes."""
    header = read_json_object(decode_base64url(segment))
    if header.keys() != _HEADER_MEMBERS:
        raise SealRefused("the header must hold alg, enc, cty and kid, and nothing else")
    if (header["alg"], header["enc"]) != (KEY_ENCRYPTION, CONTENT_ENCRYPTION):
        raise SealRefused(f"a message must be sealed with {KEY_ENCRYPTION} and A256GCM")
    if header["cty"] != CONTENT_TYPE:
        raise SealRefused("a sealed message must hold a token")
    kid = header["kid"]
    if not isinstance(kid, str):
        raise SealRefused("the kid of a sealed message must be text")
    return kid


def _open(segments: list[str], key: DecryptionKey) -> str:
    header = segments[0].encode("ascii")
    encrypted_key, nonce, ciphertext, tag = (decode_base64url(part) for part in segments[1:])
    if (len(nonce), len(tag)) != (_NONCE_BYTES, _TAG_BYTES):
        raise SealRefused("the message does not open")
    content_key = _content_key(encrypted_key, key)
    try:
        content = AESGCM(content_key).decrypt(nonce, ciphertext + tag, header)
        return content.decode("ascii")
    except (InvalidTag, UnicodeDecodeError):
        raise SealRefused("the message does not open") from None


def _content_key(encrypted_key: bytes, key: DecryptionKey) -> bytes:
    """The content key, or a random one that opens nothing (RFC 7516 section 11.5).

    Whoever sends altered messages must not learn whether the first step failed or the second.
    """
    substitute = secrets.token_bytes(_CONTENT_KEY_BYTES)
    try:
        content_key = key.private.decrypt(encrypted_key, _OAEP)
    except ValueError:
        return substitute
    return content_key if len(content_key) == _CONTENT_KEY_BYTES else substitute
