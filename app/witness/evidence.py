"""What two signed checkpoints of one log say about it, and the files that keep them.

A checkpoint holds no time, and a request to a witness is not authenticated: anybody can send an
honest old checkpoint, or an honest new one with a proof of nonsense. So this is evidence:

    fork      one size, two roots. The two signed notes prove it.
    rewrite   the proof that came leads to the newer root, and from another older one than the
              log had signed. The two signed notes and the proof prove it.

And these are questions to the log, which an honest one can answer from its leaves:

    rollback  a smaller checkpoint than the witness holds: the log was set back, or somebody sent
              an honest old one.
    unproved  a larger one whose proof leads nowhere: the log cannot prove it, or somebody sent
              nonsense with it.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Self

from app.access_log.checkpoint import Checkpoint, open_checkpoint
from app.access_log.cosignature import Witness, cosignatures
from app.access_log.merkle import ProofRefused, proven_roots
from app.access_log.note import NoteRefused, Verifier, decode_base64, split_note
from app.problems import ThroughcareError
from app.receiver.private_files import replace_private_file

# Of each kind. One proves as much as many, and anybody can send what is a question.
MOST_FILES = 100


class EvidenceRefused(ThroughcareError):
    """The file is no evidence: damaged, not signed by these keys, or its notes agree."""


class Kind(StrEnum):
    """What it is evidence of."""

    FORK = "fork"
    REWRITE = "rewrite"
    ROLLBACK = "rollback"
    UNPROVED = "unproved"

    @property
    def proves(self) -> bool:
        """Whether it shows that the log broke its promise; else it asks."""
        return self in (Kind.FORK, Kind.REWRITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two notes of one log. `held` bears the witness's cosignature, `proof` came with `offered`."""

    held: str
    offered: str
    proof: tuple[bytes, ...]
    at: datetime

    def to_json(self) -> str:
        """What `from_json` reads."""
        proof = [base64.b64encode(node).decode() for node in self.proof]
        content = {"held": self.held, "offered": self.offered, "proof": proof}
        return json.dumps({**content, "at": self.at.isoformat()}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a file of evidence; nothing of it has been checked. Raises EvidenceRefused."""
        try:
            content = json.loads(text)
            return cls(
                held=str(content["held"]),
                offered=str(content["offered"]),
                proof=tuple(decode_base64(node) for node in content["proof"]),
                at=datetime.fromisoformat(content["at"]),
            )
        except (KeyError, TypeError, ValueError, RecursionError, NoteRefused):
            raise EvidenceRefused("the file is not of the form of evidence") from None

    def judge(
        self, log: Sequence[Verifier], witness: Witness
    ) -> tuple[Kind, Checkpoint, Checkpoint]:
        """What it proves to whoever has these keys; what was held, and what was offered.

        Raises EvidenceRefused.
        """
        try:
            held, offered = (open_checkpoint(note, log) for note in (self.held, self.offered))
            cosigned = cosignatures(self.held, [witness])
        except NoteRefused as error:
            raise EvidenceRefused(str(error)) from None
        if not cosigned:
            raise EvidenceRefused("the witness has not cosigned what it says it held")
        kind = contradiction(held, offered, self.proof)
        if kind is None:
            raise EvidenceRefused("the two checkpoints agree")
        return kind, held, offered


def contradiction(held: Checkpoint, offered: Checkpoint, proof: Sequence[bytes]) -> Kind | None:
    """What two checkpoints, each signed by its log, show of it; None where they agree."""
    if held.origin != offered.origin or held == offered:
        return None
    if held.size == offered.size:
        return Kind.FORK
    return Kind.ROLLBACK if held.size > offered.size else _judge_larger(held, offered, proof)


def _judge_larger(held: Checkpoint, offered: Checkpoint, proof: Sequence[bytes]) -> Kind | None:
    if held.size == 0:  # every tree extends the empty one
        return Kind.UNPROVED if proof else None
    try:
        old, new = proven_roots(
            old_size=held.size, new_size=offered.size, old_root=held.root, proof=proof
        )
    except ProofRefused:
        return Kind.UNPROVED
    if new != offered.root:
        return Kind.UNPROVED
    return None if old == held.root else Kind.REWRITE


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """Files named by kind and by the SHA-256 of the text of the note that was refused."""

    path: Path

    def keep(self, evidence: Evidence, kind: Kind) -> Path | None:
        """Keep it, durably; the file, or None where there are enough of its kind.

        Raises ConfigurationError where it cannot be written.
        """
        file = self._file(kind, evidence.offered)
        if not file.exists():
            if len(list(self.path.glob(f"{kind}-*.json"))) >= MOST_FILES:
                return None
            replace_private_file(file, evidence.to_json().encode())
        return file

    def settle(self, note: str) -> None:
        """The question about this note is answered: it was proved to extend what was held."""
        self._file(Kind.UNPROVED, note).unlink(missing_ok=True)

    def _file(self, kind: Kind, note: str) -> Path:
        text, _ = split_note(note)
        return self.path / f"{kind}-{sha256(text.encode()).hexdigest()}.json"
