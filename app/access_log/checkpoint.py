"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of the log as a signed note. Pure."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from app.access_log.merkle import HASH_BYTES
from app.access_log.note import NoteRefused, Verifier, decode_base64, open_note, sign_note
from app.crypto.log_signing import LogSigningKey

# ASCII decimal without extra leading zeros; 19 digits hold every size below 2**63.
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class CheckpointRefused(NoteRefused):
    """The note is signed but is no checkpoint of the expected log."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: `size` leaves under `root`. `origin` names the log."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The text of the note: three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text of a note; extension lines are carried by the note and not read.

        Raises CheckpointRefused.
        """
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < len(("origin", "size", "root")) or not all(lines):
            raise CheckpointRefused("a checkpoint has three lines at least, and none is empty")
        origin, size, root = lines[0], lines[1], decode_base64(lines[2])
        if not DECIMAL.fullmatch(size):
            raise CheckpointRefused("the size of a checkpoint is a decimal number")
        if len(root) != HASH_BYTES:
            raise CheckpointRefused("the root of a checkpoint has 32 bytes")
        return cls(origin, int(size), root)


def sign_checkpoint(checkpoint: Checkpoint, key: LogSigningKey) -> str:
    """The signed note of a checkpoint; the key's name is the log's origin."""
    return sign_note(checkpoint.to_text(), name=checkpoint.origin, key=key)


def verifiers_of(origin: str, key: LogSigningKey) -> tuple[Verifier, ...]:
    """What checks the checkpoints of a log, also while its key changes."""
    return tuple(Verifier(origin, public) for public in key.accepted)


def open_checkpoint(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint of a note that the log itself has signed.

    A witness's signature alone does not do: among the keys that signed, one must bear the
    log's own name. Raises NoteRefused, or CheckpointRefused where that key is missing.
    """
    opened = open_note(note, verifiers)
    checkpoint = Checkpoint.from_text(opened.text)
    if checkpoint.origin not in opened.signers:
        raise CheckpointRefused("the checkpoint is of another origin than the key that signed it")
    return checkpoint
