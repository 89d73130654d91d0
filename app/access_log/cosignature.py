"""Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature, cosignature/v1, Ed25519). Pure.

A witness signs two lines and the text of the checkpoint:

    cosignature/v1
    time <POSIX seconds>
    <the text of the note, with its final newline>

Its signature line holds the key id, the time (8 bytes, big-endian) and the signature (64 bytes).
It says: at that time this was the largest tree of this log that I had seen, and it extended
every smaller one that I had seen before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access_log.note import (
    SIGNATURE_BYTES,
    NamedKey,
    NoteRefused,
    Signature,
    split_note,
)
from app.crypto.errors import SignatureRefused
from app.crypto.log_signing import LogSigningKey, LogVerifyingKey
from app.problems import ThroughcareError

COSIGNATURE = b"\x04"
TIME_BYTES = 8
MAX_TIME = 2**63 - 1  # the specification's own bound


class QuorumMissing(ThroughcareError):
    """Fewer of the named witnesses than agreed have cosigned the note."""


class Witness(NamedKey):
    """A key that cosignatures are checked with."""

    __slots__ = ()
    TYPE = COSIGNATURE


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A checked cosignature. `time` is in POSIX seconds, by the witness's own clock."""

    witness: Witness
    time: int
    line: str


def cosign(text: str, *, name: str, key: LogSigningKey, time: int) -> str:
    """The signature line, with its newline, of a witness under the text of a checkpoint.

    `time` is in POSIX seconds. One key serves one name: what is signed does not say the name.
    """
    value = time.to_bytes(TIME_BYTES, "big") + key.sign(_message(text, time))
    return Signature(name, Witness.of(name, key).key_id, value).to_line()


def cosignatures(note: str, witnesses: Sequence[Witness]) -> tuple[Cosignature, ...]:
    """What these witnesses have signed on the note, in the note's order.

    Lines of unknown keys are ignored. Raises NoteRefused for what is no note, and where the
    signature of a named witness is wrong. The log's own signature is not looked at.
    """
    text, signatures = split_note(note)
    known = {(witness.name, witness.key_id): witness for witness in witnesses}
    return tuple(
        _check(witness, text, signature)
        for signature in signatures
        if (witness := known.get((signature.name, signature.key_id)))
    )


def require_quorum(
    note: str, witnesses: Sequence[Witness], *, quorum: int
) -> tuple[Cosignature, ...]:
    """What these witnesses have signed, if at least `quorum` of them have.

    A key counts once, whatever names it bears. Raises QuorumMissing, and NoteRefused as
    `cosignatures` does.
    """
    found = cosignatures(note, witnesses)
    signed = len({cosignature.witness.public_key for cosignature in found})
    if signed < quorum:
        raise QuorumMissing(f"{signed} of the {len(witnesses)} witnesses signed, {quorum} must")
    return found


def _check(witness: Witness, text: str, signature: Signature) -> Cosignature:
    if len(signature.value) != TIME_BYTES + SIGNATURE_BYTES:
        raise NoteRefused("a cosignature is a time of 8 bytes and a signature of 64")
    time = int.from_bytes(signature.value[:TIME_BYTES], "big")
    if time > MAX_TIME:
        raise NoteRefused("the time of a cosignature is below 2**63")
    try:
        LogVerifyingKey(witness.public_key).verify(
            _message(text, time), signature.value[TIME_BYTES:]
        )
    except SignatureRefused:
        raise NoteRefused(f"the cosignature of {witness.name} is wrong") from None
    return Cosignature(witness, time, signature.to_line())


def _message(text: str, time: int) -> bytes:
    """What a witness signs (tlog-cosignature, "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()
