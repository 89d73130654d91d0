"""Key-encryption keys: one wraps what is new, the others still open what they wrapped.

Each is named beside what hangs on it, so that a rotation can say what is left to be wrapped
anew. The next key is known to every process before any of them wraps with it: so a process
that was started before a rotation can read what one wrote that was started after it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from app.crypto import at_rest
from app.crypto.errors import DecryptionFailed

ID_DIGITS = 16
"""Length of the name of a key, in hexadecimal digits."""


def id_of(key: bytes) -> str:
    """Names a key-encryption key beside what it wrapped; tells nothing about it."""
    return hmac.digest(key, b"key id", hashlib.sha256).hex()[:ID_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEncryptionKeys:
    """The keys that wrap other keys, and seal the little that has no key of its own.

    Attributes:
        active_id: name of the key that wraps from now on.
        keys: all that open, by their names.
    """

    active_id: str
    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def of(cls, active: bytes, *others: bytes | None) -> Self:
        """Of the active key, 32 bytes, and of the others, as far as there are any."""
        keys = {id_of(key): key for key in (active, *others) if key is not None}
        return cls(active_id=id_of(active), keys=MappingProxyType(keys))

    def wrap(self, data_key: bytes, associated_data: bytes, *, nonce: bytes) -> bytes:
        """Encrypt a data key of 32 bytes under the active key: see `at_rest.wrap`."""
        return at_rest.wrap(self.keys[self.active_id], data_key, associated_data, nonce=nonce)

    def unwrap(self, key_id: str | None, blob: bytes, associated_data: bytes) -> bytes:
        """The data key that the named key wrapped. DecryptionFailed."""
        return at_rest.unwrap(self._named(key_id), blob, associated_data)

    def seal(self, plaintext: bytes, associated_data: bytes, *, nonce: bytes) -> bytes:
        """Encrypt under the active key: see `at_rest.seal`."""
        return at_rest.seal(self.keys[self.active_id], plaintext, associated_data, nonce=nonce)

    def unseal(self, key_id: str | None, blob: bytes, associated_data: bytes) -> bytes:
        """What the named key sealed. DecryptionFailed."""
        return at_rest.unseal(self._named(key_id), blob, associated_data)

    def _named(self, key_id: str | None) -> bytes:
        key = None if key_id is None else self.keys.get(key_id)
        if key is None:
            raise DecryptionFailed("the key-encryption key is not in the key ring")
        return key
