"""Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint) of the access log. Pure.

    text that ends in a newline

    — <name> <base64 of key id and signature>

The signatures that count are the log's own (Ed25519, type 0x01): while it changes its key there
are two, and whoever knows one of the keys can check the note. Those of witnesses are carried and
left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from throughcare_receiver.encoding import decode_base64
from throughcare_receiver.errors import Malformed, NoteRefused
from throughcare_receiver.merkle import HASH_BYTES

MAX_CHARACTERS: Final = 1_000_000
MAX_SIGNATURES: Final = 100

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_PUBLIC_KEY_BYTES: Final = 32
_DASH: Final = "\N{EM DASH}"
_NAME: Final = re.compile(r"[^\s+]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogKey:
    """The log's name and public key, as they stand in the agreement between agencies."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise NoteRefused("the name of a key holds no space and no plus sign")
        if len(self.public_key) != _PUBLIC_KEY_BYTES:
            raise NoteRefused(f"an Ed25519 public key has {_PUBLIC_KEY_BYTES} bytes")

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """Read `<name>+<key id, 8 hex digits>+<base64 of type and key>`. Raises NoteRefused."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = _decoded(encoded)
        if material[:1] != _ED25519:
            raise NoteRefused("the verifier key is not of the Ed25519 type")
        key = cls(name, material[1:])
        if key.key_id.hex() != key_id:
            raise NoteRefused("the verifier key's id does not belong to its name and key")
        return key

    @property
    def key_id(self) -> bytes:
        """SHA-256 over name, newline, 0x01 and key; its first 4 bytes."""
        material = self.name.encode() + b"\n" + _ED25519 + self.public_key
        return sha256(material).digest()[:_KEY_ID_BYTES]

    def named(self, name: str) -> "LogKey":
        """The same key under the name that it signs something else with."""
        return LogKey(name, self.public_key)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: `size` entries under `root`. `origin` names the log."""

    origin: str
    size: int
    root: bytes


def open_note(note: str, keys: Sequence[LogKey]) -> tuple[str, frozenset[str]]:
    """The text of a note, with its final newline, and the names of the keys that signed it.

    One signature of one of the keys will do. A wrong one of any of them refuses the note.
    Raises NoteRefused.
    """
    text, lines = _split(note)
    signers = frozenset(key.name for key in keys if _has_signed(key, text, lines))
    if not signers:
        raise NoteRefused("no key that we know has signed the note")
    return text, signers


def open_checkpoint(note: str, log: Sequence[LogKey]) -> Checkpoint:
    """The checkpoint that the log has signed; lines after its third are left alone.

    Raises NoteRefused.
    """
    text, signers = open_note(note, log)
    origin, size, root, *_ = [*text.removesuffix("\n").split("\n"), "", ""]
    if origin not in signers:
        raise NoteRefused("the checkpoint is of another log")
    return Checkpoint(origin, read_decimal(size), read_hash(root))


def read_hash(text: str) -> bytes:
    """A hash of 32 bytes in base64. Raises NoteRefused."""
    data = _decoded(text)
    if len(data) != HASH_BYTES:
        raise NoteRefused(f"a hash has {HASH_BYTES} bytes")
    return data


def read_decimal(text: str) -> int:
    """A decimal number below 2**63 without leading zeros. Raises NoteRefused."""
    if not _DECIMAL.fullmatch(text):
        raise NoteRefused("expected a decimal number")
    return int(text)


def _split(note: str) -> tuple[str, list[str]]:
    """The text with its final newline, and the signature lines without theirs."""
    if len(note) > MAX_CHARACTERS or _CONTROL.search(note):
        raise NoteRefused("the note is too long or holds control characters")
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteRefused("a note is text, a blank line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES or not all(line.startswith(f"{_DASH} ") for line in lines):
        raise NoteRefused("the note has other lines than signatures, or too many")
    return head + "\n", lines


def _has_signed(key: LogKey, text: str, lines: Sequence[str]) -> bool:
    """Whether the key is among those that signed; refused where its signature does not fit."""
    prefix = f"{_DASH} {key.name} "
    signatures = [
        signature
        for key_id, signature in (_signature(line) for line in lines if line.startswith(prefix))
        if key_id == key.key_id
    ]
    if not signatures:
        return False
    if len(signatures) > 1:
        raise NoteRefused("the note holds two signatures of one key")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signatures[0], text.encode())
    except (InvalidSignature, ValueError):
        raise NoteRefused("the signature of the note does not fit") from None
    return True


def _signature(line: str) -> tuple[bytes, bytes]:
    """Key id and signature of a signature line."""
    data = _decoded(line.rpartition(" ")[2])
    return data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except Malformed as error:
        raise NoteRefused(str(error)) from None
