"""The request that asks a witness for its cosignature (C2SP tlog-witness, add-checkpoint). Pure.

old <size of the checkpoint that the witness cosigned last>
<base64 of a hash of the consistency proof from there>     none to 63 lines

<the signed note of the checkpoint>
"""

import base64
import re
from dataclasses import dataclass
from typing import Self

from app.access_log.checkpoint import DECIMAL
from app.access_log.merkle import HASH_BYTES
from app.access_log.note import NoteRefused, decode_base64
from app.problems import ThroughcareError

# Where the log asks, behind the address of a witness.
PATH = "/add-checkpoint"
# What a witness answers with where it cosigned another size last than it was told.
SIZE_TYPE = "text/x.tlog.size"
MAX_PROOF_LINES = 63
_OLD = re.compile(rf"old ({DECIMAL.pattern})", re.ASCII)


class RequestRefused(ThroughcareError):
    """The bytes are no such request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """A checkpoint to be cosigned, and the proof that it extends the one of `old_size`.

    Nothing of it has been checked but its form; `note` is not even known to be one.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def to_bytes(self) -> bytes:
        """As it is sent."""
        lines = (f"old {self.old_size}", *(base64.b64encode(one).decode() for one in self.proof))
        return ("\n".join(lines) + f"\n\n{self.note}").encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read a request. Raises RequestRefused."""
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise RequestRefused("expected UTF-8") from None
        first, *proof = head.split("\n")
        old = _OLD.fullmatch(first)
        if old is None or not blank:
            raise RequestRefused("expected the old size, a proof, an empty line and a checkpoint")
        if len(proof) > MAX_PROOF_LINES:
            raise RequestRefused(f"expected a proof of at most {MAX_PROOF_LINES} lines")
        return cls(old_size=int(old[1]), proof=tuple(map(_read_hash, proof)), note=note)


def _read_hash(line: str) -> bytes:
    try:
        node = decode_base64(line)
    except NoteRefused:
        raise RequestRefused("a line of the proof is the base64 of a hash") from None
    if len(node) != HASH_BYTES:
        raise RequestRefused(f"a hash has {HASH_BYTES} bytes")
    return node
