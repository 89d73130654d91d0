import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.encoding import (
    MAX_DEPTH,
    decode_base64url,
    encode_base64url,
    encoded_length,
    read_json_object,
    split_segments,
    write_json,
)
from app.crypto.errors import Malformed

EXACT = 2**53 - 1

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# RFC 4648 section 10, without padding, and RFC 7515 appendix C.
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (bytes([3, 236, 255, 224, 193]), "A-z_4ME"),
    ],
)
def test_base64url_follows_the_published_vectors(data: bytes, text: str) -> None:
    assert encode_base64url(data) == text
    assert decode_base64url(text) == data
    assert encoded_length(len(data)) == len(text)


@given(st.binary(max_size=200))
def test_base64url_gives_back_what_it_was_given(data: bytes) -> None:
    text = encode_base64url(data)
    assert decode_base64url(text) == data
    assert encoded_length(len(data)) == len(text)


@given(st.text(max_size=40))
def test_each_base64url_text_that_is_read_is_the_only_one_of_its_bytes(text: str) -> None:
    try:
        data = decode_base64url(text)
    except Malformed:
        return
    assert encode_base64url(data) == text


@pytest.mark.parametrize(
    "text", ["Zh", "Zm9=", "Zg==", "Zm 8", "Zm8\n", "Zm+8", "Zm/8", "Z", "Zm8é", "Zm9v!Zm9v"]
)
def test_base64url_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64url(text)


def test_segments_are_counted_and_measured() -> None:
    assert split_segments("a.b.c", count=3, max_length=5) == ["a", "b", "c"]
    for token in ("a.b", "a.b.c.d", "a.b.é"):
        with pytest.raises(Malformed, match="not 3 segments"):
            split_segments(token, count=3, max_length=100)
    with pytest.raises(Malformed, match="longer than 4"):
        split_segments("a.b.c", count=3, max_length=4)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_a_json_object_gives_back_what_was_written(value: dict[str, Any]) -> None:
    assert read_json_object(write_json(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":9007199254740992}',
        '{"a":-9007199254740992}',
        '{"a":' + "9" * 5000 + "}",
        r'{"a":"\ud800"}',
        r'{"\udfff":1}',
        "{'a':1}",
        "[1]",
        '"text"',
        "null",
        "",
        "{} {}",
        "\ufeff{}",
    ],
)
def test_text_that_readers_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_json_object(text.encode())


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(Malformed):
        read_json_object(b'{"a":"\xff"}')


@pytest.mark.parametrize("opening", ['{"a":', '{"a":['])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1_000, 30_000])
def test_deep_nesting_is_refused_and_never_a_recursion_error(opening: str, depth: int) -> None:
    closing = {'{"a":': "}", '{"a":[': "]}"}[opening]
    with pytest.raises(Malformed):
        read_json_object((opening * depth + "1" + closing * depth).encode())


def test_the_deepest_nesting_is_read() -> None:
    value: dict[str, Any] = {"a": 1}
    for _ in range(MAX_DEPTH - 1):
        value = {"a": value}
    assert read_json_object(json.dumps(value).encode()) == value


def test_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": float("nan")})
