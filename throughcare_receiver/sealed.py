"""Opening a sealed message (JWE, RFC 7516): RSA-OAEP-256 with A256GCM, and nothing else. Pure.

The header is read before any key is used, and must be exactly the one that is agreed. So a
message cannot choose its algorithm, name a key of its own, or be a compressed bomb.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from throughcare_receiver.encoding import decode_base64url, read_json_object, split_segments
from throughcare_receiver.errors import EnvelopeRefused, Malformed, NotOpened, UnknownRecipientKey
from throughcare_receiver.keys import KEY_ENCRYPTION, DecryptionKey

CONTENT_ENCRYPTION: Final = "A256GCM"
CONTENT_TYPE: Final = "JWT"

MAX_SEALED_LENGTH: Final = 96 * 1024
"""Longest sealed message in characters: the largest size class in base64url, key and header."""

_MEMBERS: Final = frozenset({"alg", "enc", "cty", "kid"})
_CONTENT_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_OAEP: Final = padding.OAEP(
    mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
)


def unseal(sealed: str, keys: Mapping[str, DecryptionKey]) -> str:
    """Open a sealed message and return the signed token inside, which is still to be verified.

    Args:
        sealed: the compact serialisation.
        keys: ours by `kid`: while we rotate, the old one and the new one.

    Raises:
        EnvelopeRefused: not in the one accepted form.
        UnknownRecipientKey: sealed to a key that is not among ours.
        NotOpened: altered, or sealed to another key under the name of ours.
    """
    try:
        segments = split_segments(sealed, count=5, max_length=MAX_SEALED_LENGTH)
        kid = _checked_kid(read_json_object(decode_base64url(segments[0])))
        parts = [decode_base64url(segment) for segment in segments[1:]]
    except Malformed as error:
        raise EnvelopeRefused(f"the message is {error}") from None
    if kid not in keys:
        raise UnknownRecipientKey("the message is sealed to another key")
    return _open(parts, keys[kid], header=segments[0].encode("ascii"))


def _checked_kid(header: Mapping[str, Any]) -> str:
    """The `kid` of a header, once the header is exactly what is agreed.

    Exactly these members: so there is no `crit`, `jku`, `x5u`, `x5c`, `jwk` or `zip`.
    """
    if header.keys() != _MEMBERS:
        raise EnvelopeRefused("the header must hold alg, enc, cty and kid, and nothing else")
    if (header["alg"], header["enc"]) != (KEY_ENCRYPTION, CONTENT_ENCRYPTION):
        raise EnvelopeRefused(f"a message must be sealed with {KEY_ENCRYPTION} and A256GCM")
    if header["cty"] != CONTENT_TYPE:
        raise EnvelopeRefused("a sealed message must hold a token")
    kid = header["kid"]
    if not isinstance(kid, str):
        raise EnvelopeRefused("the kid of a sealed message must be text")
    return kid


def _open(parts: list[bytes], key: DecryptionKey, *, header: bytes) -> str:
    encrypted_key, nonce, ciphertext, tag = parts
    if (len(nonce), len(tag)) != (_NONCE_BYTES, _TAG_BYTES):
        raise NotOpened("the message does not open")
    cipher = AESGCM(_content_key(encrypted_key, key))
    try:
        return cipher.decrypt(nonce, ciphertext + tag, header).decode("ascii")
    except (InvalidTag, UnicodeDecodeError):
        raise NotOpened("the message does not open") from None


def _content_key(encrypted_key: bytes, key: DecryptionKey) -> bytes:
    """The content key, or a random one that opens nothing (RFC 7516, section 11.5).

    Whoever sends altered messages must not learn whether the first step failed or the second.
    """
    substitute = secrets.token_bytes(_CONTENT_KEY_BYTES)
    try:
        content_key = key.private.decrypt(encrypted_key, _OAEP)
    except ValueError:
        return substitute
    return content_key if len(content_key) == _CONTENT_KEY_BYTES else substitute
