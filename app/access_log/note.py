"""Signed notes (C2SP signed-note): text, a blank line, and a line for each signature. Pure.

    text that ends in a newline

    — <name> <base64 of key id and signature>

Only Ed25519 signatures (type 0x01) are made and checked here; those of witnesses (type 0x04) are
in `cosignature`. Lines of other keys are carried and ignored, as the format asks.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar, Self

from app.crypto.errors import SignatureRefused
from app.crypto.log_signing import PUBLIC_KEY_BYTES, LogSigningKey, LogVerifyingKey
from app.problems import ThroughcareError

ED25519 = b"\x01"
VKEY_PARTS = 3
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
# A verifier must read at least 16 signatures and should have a limit. A post-quantum
# signature takes up to 5 kB, so both limits leave room for witnesses to come.
MAX_SIGNATURES = 100
MAX_NOTE_CHARACTERS = 1_000_000
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
EM_DASH = "\N{EM DASH}"


class NoteRefused(ThroughcareError):
    """The note is malformed, or no known key has signed it, or a known key's signature is wrong."""


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A named Ed25519 key for signatures of one type (C2SP: vkey)."""

    # The byte that tells the type of its signatures.
    TYPE: ClassVar[bytes]

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise ValueError(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes")

    @property
    def key_id(self) -> bytes:
        """SHA-256 over name, newline, the byte of the type and key; its first 4 bytes."""
        identified = self.name.encode() + b"\n" + self.TYPE + self.public_key
        return sha256(identified).digest()[:KEY_ID_BYTES]

    @classmethod
    def of(cls, name: str, key: LogSigningKey) -> Self:
        """What checks the signatures of `key` under `name`."""
        return cls(name, key.public_bytes)

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """Read `<name>+<key id, 8 hex digits>+<base64 of type and key>`. Raises NoteRefused."""
        parts = vkey.split("+", maxsplit=2)  # base64 may hold further ones
        if len(parts) != VKEY_PARTS:
            raise NoteRefused("expected a verifier key, written as name+hash+key")
        name, stated, encoded = parts
        material = decode_base64(encoded)
        if material[:1] != cls.TYPE:
            raise NoteRefused(f"the verifier key is not of type 0x{cls.TYPE.hex()}")
        try:
            key = cls(name, material[1:])
        except ValueError:
            raise NoteRefused("the verifier key has no valid name or key") from None
        if key.key_id.hex() != stated:
            raise NoteRefused("the verifier key's id does not belong to its name and key")
        return key

    def to_vkey(self) -> str:
        """What `from_vkey` reads, and what stands in the agreement between agencies."""
        encoded = base64.b64encode(self.TYPE + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


class Verifier(NamedKey):
    """A key that notes are checked with."""

    __slots__ = ()
    TYPE = ED25519


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note that at least one known key has signed. `signers` are the names of those."""

    text: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line, not yet checked: who is said to have signed, and with what."""

    name: str
    key_id: bytes
    value: bytes

    def to_line(self) -> str:
        """The line with its newline."""
        encoded = base64.b64encode(self.key_id + self.value).decode()
        return f"{EM_DASH} {self.name} {encoded}\n"


def sign_note(text: str, *, name: str, key: LogSigningKey) -> str:
    """The note of a text, signed by the key, and by the one that takes over from it.

    The text ends in a newline.
    """
    _check_characters(text)
    if not text.endswith("\n"):
        raise NoteRefused("the text of a note ends in a newline")
    return f"{text}\n" + "".join(_sign(text, name, one) for one in key.at_work)


def open_note(note: str, verifiers: Sequence[Verifier]) -> OpenedNote:
    """Check every signature of a known key and return the text. Raises NoteRefused.

    One wrong signature of a known key refuses the whole note, whatever others have signed.
    """
    text, signatures = split_note(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signers: list[str] = []
    for signature in signatures:
        if verifier := known.get((signature.name, signature.key_id)):
            _check_signature(verifier, text, signature.value)
            signers.append(signature.name)
    if not signers:
        raise NoteRefused("no known key has signed the note")
    return OpenedNote(text, tuple(signers))


def split_note(note: str) -> tuple[str, tuple[Signature, ...]]:
    """The text with its final newline, and the signatures, none of them checked.

    Raises NoteRefused for what is no note, and for two signatures of one key.
    """
    text, lines = _split_lines(note)
    signatures = tuple(_parse_signature(line) for line in lines)
    if len({(signature.name, signature.key_id) for signature in signatures}) != len(signatures):
        raise NoteRefused("two signatures of one key")
    return text, signatures


def decode_base64(text: str) -> bytes:
    """Base 64 of RFC 4648, section 4, in its one canonical writing. Raises NoteRefused."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("expected base64") from None
    if base64.b64encode(data).decode() != text:
        raise NoteRefused("expected canonical base64")
    return data


def _sign(text: str, name: str, key: LogSigningKey) -> str:
    """The signature line of one key."""
    return Signature(name, _key_id(name, key), key.sign(text.encode())).to_line()


@lru_cache(maxsize=32)
def _key_id(name: str, key: LogSigningKey) -> bytes:
    """The id of a key of ours under a name: the same for each of many receipts."""
    return Verifier.of(name, key).key_id


def _split_lines(note: str) -> tuple[str, list[str]]:
    """The text with its final newline, and the signature lines without theirs."""
    if len(note) > MAX_NOTE_CHARACTERS:
        raise NoteRefused("the note is too long")
    _check_characters(note)
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise NoteRefused("a note is text, a blank line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused("the note has too many signatures")
    return head + "\n", lines


def _parse_signature(line: str) -> Signature:
    """Name, key id and signature of a signature line."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        _check_name(name)
    except ValueError:
        raise NoteRefused("a signature line names its key") from None
    blob = decode_base64(encoded)
    if dash != EM_DASH or len(blob) <= KEY_ID_BYTES:
        raise NoteRefused("a signature line is a dash, a name, and key id with signature")
    return Signature(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def _check_signature(verifier: Verifier, text: str, signature: bytes) -> None:
    if len(signature) != SIGNATURE_BYTES:
        raise NoteRefused("an Ed25519 signature has 64 bytes")
    try:
        LogVerifyingKey(verifier.public_key).verify(text.encode(), signature)
    except SignatureRefused:
        raise NoteRefused(f"the signature of {verifier.name} is wrong") from None


def _check_name(name: str) -> None:
    """Raise ValueError unless non-empty and without spaces, control characters and plus."""
    if not name or "+" in name or any(letter.isspace() or letter < " " for letter in name):
        raise ValueError("a key name is not empty and has no space and no plus")


def _check_characters(text: str) -> None:
    if _CONTROL.search(text):
        raise NoteRefused("a note has no control characters")
