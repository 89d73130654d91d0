"""Receipts: what a log promised, signed; nothing else passes as one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from app.access_log.note import NoteRefused, Verifier, sign_note
from app.access_log.receipt import (
    Receipt,
    ReceiptRefused,
    from_header,
    open_receipt,
    sign_receipt,
    signer_of,
    to_header,
)
from app.crypto.log_signing import LogSigningKey

ORIGIN = "exchange.example/log"
KEY, OTHER_KEY = LogSigningKey.from_seed(bytes(32)), LogSigningKey.from_seed(b"\1" * 32)
LOG = Verifier.of(ORIGIN, KEY)
RECEIPT = Receipt(
    origin=ORIGIN,
    entry_id="0" * 32,
    leaf_hash=b"\2" * 32,
    body_sha256=b"\3" * 32,
    expected_by=datetime(2027, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
)
NOTE = sign_receipt(RECEIPT, KEY)


def test_a_receipt_is_read_back_as_it_was_signed() -> None:
    assert open_receipt(NOTE, [LOG]) == RECEIPT
    assert from_header(to_header(NOTE)) == NOTE
    assert to_header(NOTE).isascii()


def test_a_receipt_fits_a_header_of_any_server() -> None:
    assert len(to_header(NOTE)) < 700


@given(st.integers(0, len(NOTE) - 1))
def test_every_character_of_a_receipt_counts(place: int) -> None:
    altered = "B" if NOTE[place] != "B" else "C"
    with pytest.raises(NoteRefused):
        open_receipt(NOTE[:place] + altered + NOTE[place + 1 :], [LOG])


def test_another_key_or_the_checkpoint_s_own_name_signs_no_receipt() -> None:
    for note in (
        sign_receipt(RECEIPT, OTHER_KEY),
        sign_note(RECEIPT.to_text(), name=ORIGIN, key=KEY),
    ):
        with pytest.raises(NoteRefused):
            open_receipt(note, [LOG])


def test_a_receipt_of_one_log_is_none_of_another_that_is_known_too() -> None:
    elsewhere = Verifier.of("other.example/log", OTHER_KEY)
    forged = sign_note(RECEIPT.to_text(), name=signer_of("other.example/log"), key=OTHER_KEY)
    with pytest.raises(ReceiptRefused, match="another log"):
        open_receipt(forged, [LOG, elsewhere])


def test_no_checkpoint_passes_as_a_receipt_and_no_receipt_as_a_checkpoint() -> None:
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), KEY)
    with pytest.raises(NoteRefused):
        open_receipt(checkpoint, [LOG])
    with pytest.raises(NoteRefused):
        open_checkpoint(NOTE, [LOG])


@pytest.mark.parametrize(
    "text",
    [
        RECEIPT.to_text() + "more\n",
        RECEIPT.to_text().replace("v1", "v2"),
        RECEIPT.to_text().replace("0" * 32, "0" * 31),
        RECEIPT.to_text().replace("2027", "twenty"),
        RECEIPT.to_text().replace("Z", "+00:00"),
    ],
)
def test_a_receipt_has_one_way_of_writing(text: str) -> None:
    with pytest.raises(ReceiptRefused):
        Receipt.from_text(text)


@pytest.mark.parametrize(
    "value", ["", "é", "####", to_header(NOTE) + "=", to_header(NOTE)[:-3] + " "]
)
def test_a_header_that_holds_no_receipt_is_refused(value: str) -> None:
    with pytest.raises(NoteRefused):
        open_receipt(from_header(value), [LOG])


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    east = RECEIPT.expected_by.astimezone(timezone(timedelta(hours=1)))
    text = Receipt.from_text(RECEIPT.to_text()).to_text()
    assert text == RECEIPT.to_text()
    assert Receipt.from_text(text).expected_by == east
