"""Proofs as files (C2SP tlog-proof): an entry's place, its path to the root, the checkpoint. Pure.

c2sp.org/tlog-proof@v1
index 73894
<hash, base64>      from the sibling of the leaf upwards, a line each

<checkpoint, as it was signed>
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, open_checkpoint
from app.access_log.note import NoteRefused, Verifier, decode_base64

FORMAT = "c2sp.org/tlog-proof@v1"
EXTRA = "extra "
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


class ProofFileRefused(NoteRefused):
    """The file is no proof of this format."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry stands at `index` of the log whose checkpoint `note` is."""

    index: int
    hashes: tuple[bytes, ...]
    note: str

    def to_text(self) -> str:
        """The file."""
        lines = [base64.b64encode(one).decode() for one in self.hashes]
        return "\n".join([FORMAT, f"index {self.index}", *lines, "", self.note])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a file; `extra` data is passed over, as nobody vouches for it.

        Raises ProofFileRefused.
        """
        head, found, note = text.partition("\n\n")
        lines = head.split("\n")
        if not found or lines[0] != FORMAT:
            raise ProofFileRefused("a proof begins with its format, and ends with a checkpoint")
        rest = lines[2:] if len(lines) > 1 and lines[1].startswith(EXTRA) else lines[1:]
        index = _INDEX.fullmatch(rest[0]) if rest else None
        if index is None:
            raise ProofFileRefused("a proof names the index of its entry")
        return cls(int(index[1]), tuple(decode_base64(line) for line in rest[1:]), note)


def verify_proof(
    proof: InclusionProof, leaf_hash: bytes, verifiers: Sequence[Verifier]
) -> Checkpoint:
    """Hold a leaf hash to a proof; the checkpoint that covers it.

    Raises NoteRefused for a checkpoint that the log did not sign, ProofRefused for a path that
    does not lead to its root.
    """
    checkpoint = open_checkpoint(proof.note, verifiers)
    merkle.verify_inclusion(
        leaf_hash,
        index=proof.index,
        size=checkpoint.size,
        proof=proof.hashes,
        root=checkpoint.root,
    )
    return checkpoint
