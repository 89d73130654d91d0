"""Texts have one accepted form, and both sides of the exchange agree which."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.crypto import encoding as server
from app.crypto.errors import Malformed as ServerMalformed
from throughcare_receiver.encoding import decode_base64, decode_base64url, read_json_object
from throughcare_receiver.errors import Malformed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
)
def test_what_readers_could_take_differently_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_json_object(text)


def test_an_object_is_read_as_it_stands() -> None:
    text = '{"a": [1, -9007199254740991, 0.5, true, null, "é"], "b": {"a": {}}}'
    assert read_json_object(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "A A", "AA\n", "é", "+/+/", "A" * 5])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64url(text)


@pytest.mark.parametrize("text", ["A", "AA", "AB==", "AA==\n", "-_-_", "é", "AA=="[:3]])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64(text)
    assert decode_base64("AA==") == b"\0"


@given(VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30))
@example(b'{"a": 1e5, "b": 1E400}')
def test_sender_and_recipient_read_json_alike(text: bytes) -> None:
    try:
        expected = server.read_json_object(text)
    except ServerMalformed:
        with pytest.raises(Malformed):
            read_json_object(text)
        return
    assert read_json_object(text) == expected


@given(st.text("AZaz09-_=+ é", max_size=8))
def test_sender_and_recipient_read_base64url_alike(text: str) -> None:
    try:
        expected = server.decode_base64url(text)
    except ServerMalformed:
        with pytest.raises(Malformed):
            decode_base64url(text)
        return
    assert decode_base64url(text) == expected
