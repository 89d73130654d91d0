"""Receipts: the log's signed word that a disclosure to us is on record, and what it recorded. Pure.

A receipt comes with the body, in the header `Disclosure-Receipt` of an answer or of a push, or
beside what was polled, as base64url of a signed note (C2SP) with five lines:

    throughcare receipt v1
    <origin of the log>
    <id of the entry> <leaf hash, base64>
    <SHA-256 of the body, base64>
    <time by which a checkpoint covers the entry, RFC 3339>

It is signed with the log's key under the name `<origin>/receipts`, so that it can never pass for
a checkpoint. What the entry says of the disclosure is at `/v1/disclosures/{entry}`: the leaf,
and the sections that it commits to.
"""

import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from throughcare_receiver.encoding import decode_base64, decode_base64url, read_json_object
from throughcare_receiver.errors import Malformed, ReceiptNotOfNow, ReceiptRefused
from throughcare_receiver.merkle import leaf_hash
from throughcare_receiver.note import LogKey, open_note, read_hash

TITLE: Final = "throughcare receipt v1"
NAME_SUFFIX: Final = "/receipts"
LEAF_VERSION: Final = 1

CLOCK: Final = timedelta(minutes=5)
"""How far the clocks may differ. A receipt whose time has passed belongs to something earlier."""

LONGEST_PROMISE: Final = timedelta(days=1)
"""The service promises an hour. One that promises a year promises nothing."""

_LINES: Final = 5
_ENTRY_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_OUTCOMES: Final = ("released", "attempted")  # a read or a poll; a push, before it is answered
_SECTIONS: Final = ("circumstances", "actor", "reference", "grounds", "fields", "payload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt that holds. From `due_at` on the log must prove that `leaf_hash` is in it.

    `note` is what the log signed: whoever is shown it can check the promise for themselves.
    """

    entry_id: str
    leaf_hash: bytes
    due_at: datetime
    note: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What was disclosed to us, as we received it.

    Attributes:
        client_id: our own.
        reference: of the inmate file.
        purpose: that we gave.
        body: the exact bytes, as they came.
        released: paths of the fields in it, `release.planned_release_date` for one.
    """

    client_id: str
    reference: str
    purpose: str
    body: bytes
    released: Collection[str]


def check_receipt(header: str, *, body: bytes, log: Sequence[LogKey], at: datetime) -> Receipt:
    """Check that the log has promised to hold this body's disclosure.

    Use nothing of a body without one. Keep the result (`NotificationStore.keep_receipt`): one
    receipt stands for one disclosure, and the log still owes the proof.

    Args:
        header: the value of `Disclosure-Receipt`.
        body: the exact bytes that came with it.
        log: names and keys from the agreement; more than one while the log changes its key.
        at: now, with its time zone.

    Raises:
        ReceiptRefused: it is no receipt, or one of another body.
        NoteRefused: the log has not signed it.
    """
    keys = [key.named(key.name + NAME_SUFFIX) for key in log]
    note = _note(header)
    text, signers = open_note(note, keys)
    lines = text.removesuffix("\n").split("\n")
    if len(lines) != _LINES or lines[0] != TITLE or lines[1] + NAME_SUFFIX not in signers:
        raise ReceiptRefused("the note is no receipt of this log")
    entry_id, _, leaf = lines[2].partition(" ")
    if not _ENTRY_ID.fullmatch(entry_id):
        raise ReceiptRefused("the receipt names no entry")
    if read_hash(lines[3]) != sha256(body).digest():
        raise ReceiptRefused("the receipt is of another body")
    return Receipt(
        entry_id=entry_id,
        leaf_hash=read_hash(leaf),
        due_at=_due_at(lines[4], at=at),
        note=note,
    )


def check_entry(
    document: bytes, *, receipt: Receipt, disclosed: Disclosed, log: Sequence[LogKey]
) -> None:
    """Check that the entry of a receipt records exactly what was disclosed to us.

    Args:
        document: the answer of `/v1/disclosures/{entry}`.
        receipt: that holds for the body.
        disclosed: what came.
        log: names and keys from the agreement.

    Raises:
        ReceiptRefused: the entry is another one, or records another disclosure.
    """
    try:
        members = read_json_object(document)
        leaf = _text(members.get("leaf")).encode()
        commitments = _commitments(read_json_object(leaf), log)
        if leaf_hash(leaf) != receipt.leaf_hash:
            raise ReceiptRefused("the entry is not the one that was promised")
        _check_sections(_open_sections(members.get("openings"), commitments), disclosed)
    except Malformed as error:
        raise ReceiptRefused(f"the entry is {error}") from None


def _note(header: str) -> str:
    try:
        return decode_base64url(header).decode()
    except (Malformed, UnicodeDecodeError):
        raise ReceiptRefused("the header holds no receipt") from None


def _due_at(text: str, *, at: datetime) -> datetime:
    try:
        due_at = datetime.fromisoformat(text if _INSTANT.fullmatch(text) else "").astimezone(UTC)
    except ValueError:
        raise ReceiptRefused("the receipt ends with a time") from None
    if not at - CLOCK <= due_at <= at + LONGEST_PROMISE + CLOCK:
        raise ReceiptNotOfNow("the receipt is not of now")
    return due_at


def _commitments(leaf: Mapping[str, Any], log: Sequence[LogKey]) -> dict[str, bytes]:
    """The commitments of an entry, by section."""
    commitments = leaf.get("commitments")
    if leaf.get("version") != LEAF_VERSION or not isinstance(commitments, dict):
        raise ReceiptRefused("the entry is of another form")
    if leaf.get("origin") not in [key.name for key in log]:
        raise ReceiptRefused("the entry is of another log")
    return {name: decode_base64(_text(text)) for name, text in commitments.items()}


def _open_sections(openings: object, commitments: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """The sections that are opened to us, each held to what the entry commits to."""
    if not isinstance(openings, dict) or not openings.keys() <= commitments.keys():
        raise ReceiptRefused("what is opened is not in the entry")
    missing = [name for name in _SECTIONS if name not in openings]
    if missing:
        raise ReceiptRefused(f"the entry does not open {', '.join(missing)}")
    return {name: _open(opening, commitments[name]) for name, opening in openings.items()}


def _open(opening: object, commitment: bytes) -> dict[str, Any]:
    if not isinstance(opening, dict):
        raise ReceiptRefused("an opening holds content and salt")
    content = _text(opening.get("content")).encode()
    salt = decode_base64(_text(opening.get("salt")))
    if not hmac.compare_digest(hmac.digest(salt, content, "sha256"), commitment):
        raise ReceiptRefused("the entry commits to something else")
    return read_json_object(content)


def _check_sections(sections: Mapping[str, Mapping[str, Any]], disclosed: Disclosed) -> None:
    payload = sections["payload"]
    _expect("circumstances", sections["circumstances"].get("outcome") in _OUTCOMES)
    _expect("actor", sections["actor"].get("client") == disclosed.client_id)
    _expect("reference", sections["reference"].get("reference") == disclosed.reference)
    _expect("grounds", sections["grounds"].get("purpose") == disclosed.purpose)
    _expect("fields", _recorded(sections["fields"]) == sorted(disclosed.released))
    _expect("payload", payload.get("sha256") == sha256(disclosed.body).hexdigest())
    _expect("payload", payload.get("length") == len(disclosed.body))


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


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ReceiptRefused("expected text")
    return value
