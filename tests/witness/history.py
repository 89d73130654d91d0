"""Histories of a log, and requests put together by hand from the text of the specifications."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.access_log.note import Verifier

ORIGIN = "exchange.example/log"


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def leaf(name: str) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + name.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root, word for word as RFC 6962 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = max(2**power for power in range(8) if 2**power < len(leaves))
    return node(root(leaves[:split]), root(leaves[split:]))


@dataclass(frozen=True)
class Log:
    """A log with a key, whose entries are named by letters."""

    origin: str = ORIGIN
    private: Ed25519PrivateKey = field(
        default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    )

    @property
    def key(self) -> bytes:
        """The public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def verifier(self) -> Verifier:
        """As it stands in the agreement."""
        return Verifier(self.origin, self.key)

    def text(self, entries: str) -> str:
        """The text of the checkpoint over these entries."""
        return f"{self.origin}\n{len(entries)}\n{encoded(root([*map(leaf, entries)]))}\n"

    def note(self, entries: str) -> str:
        """The signed checkpoint over these entries."""
        text = self.text(entries)
        key_id = sha256(self.origin.encode() + b"\n\x01" + self.key).digest()[:4]
        line = encoded(key_id + self.private.sign(text.encode()))
        return f"{text}\n— {self.origin} {line}\n"

    def request(self, old: int, proof: Sequence[bytes], entries: str) -> bytes:
        """The body that asks for a cosignature."""
        lines = "".join(f"{encoded(one)}\n" for one in proof)
        return f"old {old}\n{lines}\n{self.note(entries)}".encode()


LOG = Log()
A, B, C, D, X, Y = map(leaf, "abcdxy")
# The proofs of RFC 6962, section 2.1.2, for the trees of these tests.
FROM_2_TO_3 = (C,)
FROM_3_TO_4 = (C, D, node(A, B))
FROM_2_TO_4 = (node(C, D),)
