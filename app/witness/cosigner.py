"""Judging a checkpoint against what was cosigned before, and cosigning it (C2SP tlog-witness)."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.access_log.add_checkpoint import AddCheckpoint, RequestRefused
from app.access_log.checkpoint import Checkpoint, open_checkpoint
from app.access_log.cosignature import Witness, cosign
from app.access_log.merkle import EMPTY_ROOT, ProofRefused, verify_consistency
from app.access_log.note import NoteRefused, Verifier, split_note
from app.crypto.log_signing import LogSigningKey
from app.problems import ThroughcareError
from app.witness.evidence import Evidence, EvidenceFolder, contradiction
from app.witness.memory import Memory

LOGGER: Final = logging.getLogger("throughcare.witness")


class UnknownLog(ThroughcareError):
    """The witness cosigns no log of this name."""


class NotSigned(ThroughcareError):
    """None of the keys of the log has signed the checkpoint, or one of them wrongly."""


class OtherHistory(ThroughcareError):
    """The witness cosigned another checkpoint last. `size` is that one's."""

    def __init__(self, size: int, detail: str) -> None:
        super().__init__(detail)
        self.size = size


class NotProved(ThroughcareError):
    """The proof does not lead from what was cosigned last to the checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Cosigner:
    """One key, one memory, and the keys of the logs by their origin. For any number of threads."""

    name: str
    key: LogSigningKey
    logs: Mapping[str, Sequence[Verifier]]
    memory: Memory
    evidence: EvidenceFolder
    clock: Callable[[], datetime]
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def witness(self) -> Witness:
        """What its cosignatures are checked with."""
        return Witness.of(self.name, self.key)

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature for a request; what it cosigns is remembered, durably, before.

        Raises:
            RequestRefused, UnknownLog, NotSigned, OtherHistory, NotProved.
            ConfigurationError: the memory, or evidence, cannot be written.
        """
        request = AddCheckpoint.from_bytes(body)
        text, offered = self._opened(request.note)
        # INVARIANT: between the look at what is held and its exchange nobody else has a turn;
        # else the slower of two would put a smaller checkpoint over a larger one.
        with self._turn:
            held_note = self.memory.held(offered.origin)
            held = _read(held_note, offered.origin)
            try:
                _check(request, offered, held)
            except ThroughcareError:
                self._keep(request, offered, held, held_note)
                raise
            line = cosign(text, name=self.name, key=self.key, time=int(self.clock().timestamp()))
            if held_note is None or offered.size > held.size:
                self.memory.hold(offered.origin, self._signed_by_log(request.note) + line)
            self.evidence.settle(request.note)
        return line

    def _opened(self, note: str) -> tuple[str, Checkpoint]:
        """The text and the checkpoint of a note that its log has signed."""
        try:
            text, _ = split_note(note)
            origin = Checkpoint.from_text(text).origin
        except NoteRefused as error:
            raise RequestRefused(str(error)) from None
        if origin not in self.logs:
            raise UnknownLog("no log of this name is witnessed here")
        try:
            return text, open_checkpoint(note, self.logs[origin])
        except NoteRefused as error:
            raise NotSigned(str(error)) from None

    def _signed_by_log(self, note: str) -> str:
        """The note with the signatures that were checked, and no others: anybody may add lines."""
        text, signatures = split_note(note)
        known = {(one.name, one.key_id) for one in self.logs[Checkpoint.from_text(text).origin]}
        lines = (one.to_line() for one in signatures if (one.name, one.key_id) in known)
        return f"{text}\n{''.join(lines)}"

    def _keep(
        self, request: AddCheckpoint, offered: Checkpoint, held: Checkpoint, held_note: str | None
    ) -> None:
        """Keep what was refused, if it says anything about the log."""
        # Whoever does not know yet what is held brings a proof from elsewhere.
        is_elsewhere = offered.size > held.size and request.old_size != held.size
        kind = contradiction(held, offered, request.proof)
        if held_note is None or is_elsewhere or kind is None:
            return
        evidence = Evidence(
            held=held_note,
            offered=self._signed_by_log(request.note),
            proof=request.proof,
            at=self.clock(),
        )
        file = self.evidence.keep(evidence, kind)
        LOGGER.warning(
            "%s: refused %s, size %d after %d: %s",
            kind.upper(),
            offered.origin,
            offered.size,
            held.size,
            file or "not kept, there are enough of these",
        )


def _read(note: str | None, origin: str) -> Checkpoint:
    """The checkpoint of a note of our own memory; before the first, that of the empty log."""
    if note is None:
        return Checkpoint(origin, 0, EMPTY_ROOT)
    return Checkpoint.from_text(split_note(note)[0])


def _check(request: AddCheckpoint, offered: Checkpoint, held: Checkpoint) -> None:
    """Raise unless the request proves that what is offered extends what is held."""
    if request.old_size > offered.size:
        raise RequestRefused("the old size is larger than the checkpoint")
    if request.old_size != held.size:
        raise OtherHistory(held.size, "another size was cosigned last")
    if offered.size == held.size and offered.root != held.root:
        raise OtherHistory(held.size, "another root was cosigned for this size")
    try:
        verify_consistency(
            old_size=held.size,
            new_size=offered.size,
            old_root=held.root,
            new_root=offered.root,
            proof=request.proof,
        )
    except ProofRefused as error:
        raise NotProved(str(error)) from None
