"""Padding: content survives, lengths fall in classes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.files.padding import SMALLEST, padded


@given(st.text(max_size=9_000))
def test_padded_json_is_the_same_json_at_a_length_of_its_class(text: str) -> None:
    content = json.dumps(text).encode()
    grown = padded(content)
    assert json.loads(grown) == text
    assert len(grown) in {SMALLEST << doublings for doublings in range(8)}
    assert len(grown) == SMALLEST or len(grown) < 2 * len(content)
