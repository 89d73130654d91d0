"""Sealed messages: a signed token inside a JWE (RFC 7516), RSA-OAEP-256 with A256GCM.

Sign first, then seal: only the recipient learns who says what. No compression, because the
length of compressed text tells about its content. What is sealed must fill a size class
(`padding`). Opening is the matter of recipients: `throughcare_receiver.sealed`.
"""

from collections.abc import Sequence
from typing import Any, cast

from jose import jwe

from app.crypto.errors import SealRefused
from app.crypto.padding import SIZE_CLASSES, is_padded
from app.crypto.sealing_keys import KEY_ENCRYPTION, EncryptionKey

__all__ = ["EncryptionKey", "seal"]

CONTENT_ENCRYPTION = "A256GCM"
CONTENT_TYPE = "JWT"


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
