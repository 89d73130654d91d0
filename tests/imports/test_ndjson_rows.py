"""NDJSON files: each line is one strict JSON object, or costs its row."""

import pytest

from app.imports.ndjson_rows import MAX_LINE_BYTES
from app.imports.outcomes import Converted, RowError, UnusableFile
from tests.imports.conftest import Convert

GOOD = b'{"number": "A1", "release": "01/02/2031", "home": null}\n'


def test_lines_are_counted_with_the_empty_ones(convert_ndjson: Convert) -> None:
    (answer,) = convert_ndjson(b"\n\r\n" + GOOD)
    assert isinstance(answer, Converted)
    assert answer.line == 3


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'"A1"',
        b'{"number": "A1"',
        b'{"number": "A1", "number": "A2"}',
        b'{"number": NaN}',
        b'{"number": 1e999}',
        b'{"number": "\\ud800"}',
        b'{"number": "caf\xe9"}',
        b'{"number": "a\0b"}',
        b'{"note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"note": ' + b"9" * 5000 + b"}",
    ],
    ids=range(11),
)
def test_a_line_that_is_no_strict_json_object_costs_its_row(
    convert_ndjson: Convert, line: bytes
) -> None:
    answers = convert_ndjson(GOOD.replace(b"A1", b"A0") + line + b"\n" + GOOD)
    assert isinstance(answers[1], RowError)
    assert answers[1].line == 2
    assert answers[1].message.startswith("Expected one JSON object in UTF-8")
    assert isinstance(answers[2], Converted)


@pytest.mark.parametrize("first", [b"number,release,home", b'"number","release"', b"[{", b"[]"])
def test_a_file_of_another_format_is_refused_once(convert_ndjson: Convert, first: bytes) -> None:
    with pytest.raises(UnusableFile, match="line 2: This is no NDJSON"):
        convert_ndjson(b"\n" + first + b"\n" + GOOD)


def test_an_unexpected_member_is_named_by_its_position(convert_ndjson: Convert) -> None:
    (answer,) = convert_ndjson(b'{"number": "A1", "Arben K.": 1}')
    assert answer == RowError(1, "Member 2 is neither mapped nor ignored by the mapping")


def test_a_value_of_another_type_is_refused(convert_ndjson: Convert) -> None:
    (answer,) = convert_ndjson(b'{"number": "A1", "release": 20310102}')
    assert answer == RowError(1, "Column 'release': Expected a string")


def test_a_line_that_never_ends_is_refused_unread(convert_ndjson: Convert) -> None:
    answers = convert_ndjson(b'{"note": "' + b"x" * MAX_LINE_BYTES + b'"}\n' + GOOD)
    assert answers[0] == RowError(1, f"Expected at most {MAX_LINE_BYTES} bytes in a line")
    assert isinstance(answers[1], Converted)


@pytest.mark.parametrize("data", [b"", b"\n\n"], ids=["nothing", "empty lines"])
def test_an_empty_file_is_unusable(convert_ndjson: Convert, data: bytes) -> None:
    with pytest.raises(UnusableFile, match="empty"):
        convert_ndjson(data)


def test_a_byte_order_mark_makes_a_file_unusable(convert_ndjson: Convert) -> None:
    with pytest.raises(UnusableFile, match="byte order mark"):
        convert_ndjson(b"\xef\xbb\xbf" + GOOD)
