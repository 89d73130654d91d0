import pytest

from app.access_log import canonical_json


def test_members_are_sorted_and_nothing_is_spaced() -> None:
    assert canonical_json.encode({"b": [1, True, None], "a": "x"}) == b'{"a":"x","b":[1,true,null]}'


def test_text_is_escaped_as_rfc_8785_says() -> None:
    # RFC 8785, 3.2.2.2: the literal of its example, and short forms for control characters.
    text = '€$\u000f\nA\'B"\\\\"/'
    assert canonical_json.encode(text) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_a_number_that_other_readers_would_change_is_refused() -> None:
    assert canonical_json.encode(2**53 - 1) == b"9007199254740991"
    with pytest.raises(TypeError):
        canonical_json.encode(2**53)
