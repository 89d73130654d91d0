"""Receipts: the log's signed promise that a disclosure stands in it. Pure.

A receipt is a signed note of five lines, so that whoever checks checkpoints can check it too:

    throughcare receipt v1
    <origin of the log>
    <id of the entry> <leaf hash, base64>
    <SHA-256 of the body, base64>
    <time by which a checkpoint covers the entry, RFC 3339>

It names no person. It is signed with the log's key under a name of its own, so that no receipt
passes as a checkpoint, and no checkpoint as a receipt.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.access_log.instants import format_instant
from app.access_log.note import NoteRefused, Verifier, decode_base64, open_note, sign_note
from app.crypto.log_signing import LogSigningKey

TITLE = "throughcare receipt v1"
HEADER = "Disclosure-Receipt"
# A sequencer that was killed is back long before; later, the entry counts as missing.
PROMISED_WITHIN = timedelta(hours=1)
HASH_BYTES = 32
_ENTRY_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_LINES = 5


class ReceiptRefused(NoteRefused):
    """The note is signed but is no receipt of the expected log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is promised: the entry with this leaf, about a body of this hash, by this time."""

    origin: str
    entry_id: str
    leaf_hash: bytes
    body_sha256: bytes
    expected_by: datetime

    def to_text(self) -> str:
        """The text of the note."""
        leaf, body = (
            base64.b64encode(part).decode() for part in (self.leaf_hash, self.body_sha256)
        )
        by = format_instant(self.expected_by)
        return f"{TITLE}\n{self.origin}\n{self.entry_id} {leaf}\n{body}\n{by}\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text of a note. Raises ReceiptRefused."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) != _LINES or lines[0] != TITLE:
            raise ReceiptRefused("a receipt has five lines, the first of which says so")
        entry_id, _, leaf = lines[2].partition(" ")
        hashes = decode_base64(leaf), decode_base64(lines[3])
        if not _ENTRY_ID.fullmatch(entry_id) or any(len(one) != HASH_BYTES for one in hashes):
            raise ReceiptRefused("a receipt names an entry, and hashes of 32 bytes")
        try:
            expected_by = datetime.fromisoformat(lines[4])
        except ValueError:
            raise ReceiptRefused("a receipt ends with a time") from None
        receipt = cls(
            origin=lines[1],
            entry_id=entry_id,
            leaf_hash=hashes[0],
            body_sha256=hashes[1],
            expected_by=expected_by,
        )
        if expected_by.tzinfo is None or receipt.to_text() != text:
            raise ReceiptRefused("a receipt has one way of writing")
        return receipt


def signer_of(origin: str) -> str:
    """The name under which the key of a log signs receipts."""
    return f"{origin}/receipts"


def receipt_verifier(log: Verifier) -> Verifier:
    """What checks the receipts of a log whose checkpoints this verifier checks."""
    return Verifier(signer_of(log.name), log.public_key)


def sign_receipt(receipt: Receipt, key: LogSigningKey) -> str:
    """The signed note of a receipt."""
    return sign_note(receipt.to_text(), name=signer_of(receipt.origin), key=key)


def open_receipt(note: str, logs: Sequence[Verifier]) -> Receipt:
    """The receipt of a note that one of these logs has signed. Raises NoteRefused."""
    opened = open_note(note, [receipt_verifier(log) for log in logs])
    receipt = Receipt.from_text(opened.text)
    if signer_of(receipt.origin) not in opened.signers:
        raise ReceiptRefused("the receipt is of another log than the one that signed it")
    return receipt


def to_header(note: str) -> str:
    """A note as the value of a header: base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(note.encode()).rstrip(b"=").decode()


def from_header(value: str) -> str:
    """What `to_header` wrote. Raises ReceiptRefused."""
    try:
        text = value.encode("ascii")
        note = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        decoded = note.decode()
    except ValueError:
        raise ReceiptRefused("the header holds no receipt") from None
    if to_header(decoded) != value:
        raise ReceiptRefused("the header has one way of writing")
    return decoded
