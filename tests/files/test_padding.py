"""Padding: content survives, lengths fall in classes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.crypto.at_rest import seal
from app.files.catalogue import SECTIONS
from app.files.padding import SMALLEST, padded


@given(st.text(max_size=9_000))
def test_padded_json_is_the_same_json_at_a_length_of_its_class(text: str) -> None:
    content = json.dumps(text).encode()
    grown = padded(content)
    assert json.loads(grown) == text
    assert len(grown) in {SMALLEST << doublings for doublings in range(8)}
    assert len(grown) == SMALLEST or len(grown) < 2 * len(content)


def test_two_sections_fit_a_page_of_sqlite_and_one_stays_in_its_row_on_postgresql() -> None:
    sealed = seal(bytes(32), padded(b"{}"), b"", nonce=bytes(12))
    row = 32 + max(map(len, SECTIONS)) + 8 + len(sealed)  # person, section, version
    assert 2 * (row + 16) <= 4_096 - 8
    assert row + 24 + 8 <= 2_032  # TOAST_TUPLE_THRESHOLD; head of a row, and of its values
