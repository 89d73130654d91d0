"""The receipt of a disclosure: the log's signed word that it has recorded exactly this. Pure.

A receipt is a JSON object:

    leaf      base64 of the entry as it stands in the log
    openings  {section: {"content": JSON text, "salt": base64}}: what the leaf commits to
    batch     signed note: the entries that were recorded together, as a small tree (RFC 6962)
    index     of this entry in that tree
    path      base64 hashes that lead from the entry to the root of that tree

and the text of the batch's note has six lines: `<origin>/receipts`, `throughcare-receipts/v1`,
the second at which it was signed, the seconds after which the entry is in the log at the
latest, the number of entries, and the root. The note bears the name `<origin>/receipts`, so
that it can never pass for a checkpoint.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from throughcare_receiver.encoding import decode_base64, read_json_object
from throughcare_receiver.errors import Malformed, ReceiptRefused
from throughcare_receiver.merkle import leaf_hash, verify_inclusion
from throughcare_receiver.note import LogKey, open_note, read_decimal, read_hash

NOTE_SUFFIX: Final = "/receipts"
FORMAT: Final = "throughcare-receipts/v1"
LEAF_VERSION: Final = 1
CLOCK_SECONDS: Final = 300
"""How old a receipt may be when it comes, and how far the clocks may differ."""

_MEMBERS: Final = frozenset({"leaf", "openings", "batch", "index", "path"})
_SECTIONS: Final = ("circumstances", "actor", "subject", "grounds", "payload")
_NOTE_LINES: Final = 6
_RELEASING: Final = frozenset({"released", "attempted"})  # a push is recorded before its attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What was disclosed to us, as we received it.

    Attributes:
        client_id: our own.
        reference: of the inmate file.
        purpose: that we gave.
        body: the exact bytes, as they came.
        released: paths of the fields in it (`section.field`); None leaves them unchecked.
    """

    client_id: str
    reference: str
    purpose: str
    body: bytes
    released: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt that holds. From `due_at` on the log must prove that `leaf_hash` is in it."""

    entry_id: str
    leaf_hash: bytes
    issued_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class _Batch:
    issued_at: datetime
    due_at: datetime
    size: int
    root: bytes


def check_receipt(receipt: bytes, *, disclosed: Disclosed, log: LogKey, at: datetime) -> Receipt:
    """Check that the log has recorded what was disclosed to us.

    Keep the result (`NotificationStore.keep_receipt`): one receipt stands for one disclosure,
    and the log still owes the proof that the entry is in it.

    Raises:
        ReceiptRefused: it is no receipt, or one of another disclosure.
        NoteRefused, InclusionRefused: the log has not signed it.
    """
    members = _read(receipt)
    leaf = _bytes(members["leaf"])
    batch = _open_batch(_text(members["batch"]), log, at=at)
    _check_path(members, leaf, batch)
    commitments, entry_id = _read_leaf(leaf, log)
    _check_sections(_open_sections(members["openings"], commitments), disclosed)
    return Receipt(
        entry_id=entry_id,
        leaf_hash=leaf_hash(leaf),
        issued_at=batch.issued_at,
        due_at=batch.due_at,
    )


def _read(receipt: bytes) -> dict[str, Any]:
    try:
        members = read_json_object(receipt)
    except Malformed as error:
        raise ReceiptRefused(f"the receipt is {error}") from None
    if members.keys() != _MEMBERS:
        raise ReceiptRefused("a receipt holds leaf, openings, batch, index and path")
    return members


def _open_batch(note: str, log: LogKey, *, at: datetime) -> _Batch:
    name = log.name + NOTE_SUFFIX
    lines = open_note(note, log.named(name)).removesuffix("\n").split("\n")
    if len(lines) != _NOTE_LINES or lines[:2] != [name, FORMAT]:
        raise ReceiptRefused("the batch is of another form")
    issued, delay, size = (read_decimal(line) for line in lines[2:5])
    if abs(at.timestamp() - issued) > CLOCK_SECONDS:
        raise ReceiptRefused("the receipt is not of now")
    issued_at = datetime.fromtimestamp(issued, tz=UTC)
    try:
        due_at = issued_at + timedelta(seconds=delay)
    except OverflowError:
        raise ReceiptRefused("the receipt promises nothing in our time") from None
    return _Batch(issued_at, due_at, size, read_hash(lines[5]))


def _check_path(members: Mapping[str, Any], leaf: bytes, batch: _Batch) -> None:
    index, path = members["index"], members["path"]
    if type(index) is not int or not isinstance(path, list):
        raise ReceiptRefused("expected the index and the path of the entry")
    hashes = [_bytes(text) for text in path]
    verify_inclusion(leaf_hash(leaf), index=index, size=batch.size, proof=hashes, root=batch.root)


def _read_leaf(leaf: bytes, log: LogKey) -> tuple[dict[str, bytes], str]:
    """The commitments of an entry by section, and its id."""
    try:
        members = read_json_object(leaf)
    except Malformed as error:
        raise ReceiptRefused(f"the entry is {error}") from None
    commitments, entry_id = members.get("commitments"), members.get("id")
    if members.get("version") != LEAF_VERSION or not isinstance(commitments, dict):
        raise ReceiptRefused("the entry is of another form")
    if members.get("origin") != log.name:
        raise ReceiptRefused("the entry is of another log")
    return {name: _bytes(text) for name, text in commitments.items()}, _text(entry_id)


def _open_sections(openings: object, commitments: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """The sections that the receipt opens, each held to what the entry commits to."""
    if not isinstance(openings, dict) or not openings.keys() <= commitments.keys():
        raise ReceiptRefused("the receipt opens what the entry does not hold")
    return {name: _open(opening, commitments[name]) for name, opening in openings.items()}


def _open(opening: object, commitment: bytes) -> dict[str, Any]:
    if not isinstance(opening, dict) or opening.keys() != {"content", "salt"}:
        raise ReceiptRefused("an opening holds content and salt")
    content, salt = _text(opening["content"]).encode(), _bytes(opening["salt"])
    if not hmac.compare_digest(hmac.digest(salt, content, "sha256"), commitment):
        raise ReceiptRefused("the entry commits to something else")
    try:
        return read_json_object(content)
    except Malformed as error:
        raise ReceiptRefused(f"a section is {error}") from None


def _check_sections(sections: Mapping[str, Mapping[str, Any]], disclosed: Disclosed) -> None:
    missing = [name for name in _SECTIONS if name not in sections]
    if missing:
        raise ReceiptRefused(f"the receipt does not open {', '.join(missing)}")
    payload = sections["payload"]
    _expect("circumstances", sections["circumstances"].get("outcome") in _RELEASING)
    _expect("actor", sections["actor"].get("client") == disclosed.client_id)
    _expect("subject", sections["subject"].get("reference") == disclosed.reference)
    _expect("grounds", sections["grounds"].get("purpose") == disclosed.purpose)
    _expect("payload", payload.get("sha256") == sha256(disclosed.body).hexdigest())
    _expect("payload", payload.get("length") == len(disclosed.body))
    if disclosed.released is not None:
        _expect("fields", _recorded(sections.get("fields", {})) == sorted(disclosed.released))


def _recorded(fields: Mapping[str, Any]) -> list[str] | None:
    """The paths of the fields that the entry says were released."""
    released = fields.get("released")
    if not isinstance(released, list):
        return None
    paths = [one.get("field") for one in released if isinstance(one, dict)]
    return sorted(path for path in paths if isinstance(path, str))


def _expect(section: str, holds: bool) -> None:  # noqa: FBT001 - a finding, not an option
    if not holds:
        raise ReceiptRefused(f"{section}: the entry records another disclosure than this")


def _bytes(value: object) -> bytes:
    try:
        return decode_base64(_text(value))
    except Malformed as error:
        raise ReceiptRefused(f"expected base64, this is {error}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ReceiptRefused("expected text")
    return value
