"""CSV files: what makes a file unusable, and what costs one row."""

import pytest

from app.imports.outcomes import Converted, RowError, UnusableFile
from tests.imports.conftest import Convert

HEADER = b"number,release,home,note\n"
GOOD = b"A1,01/02/2031,homeless,\n"


def test_records_that_span_lines_are_named_by_their_first_line(convert_csv: Convert) -> None:
    answers = convert_csv(HEADER + b'A1,01/02/2031,,"two\nlines"\nA2,,,\n' + b"A3,01/02/2031,,\n")
    assert [answer.line for answer in answers] == [2, 4, 5]
    assert isinstance(answers[1], RowError)


def test_empty_lines_count_and_are_passed_over(convert_csv: Convert) -> None:
    answers = convert_csv(b"\n" + HEADER + b"\r\n" + GOOD + b"\n")
    assert [answer.line for answer in answers] == [4]


def test_line_ends_of_windows_are_read(convert_csv: Convert) -> None:
    answers = convert_csv((HEADER + GOOD).replace(b"\n", b"\r\n"))
    assert isinstance(answers[0], Converted)


def test_a_file_of_a_header_alone_holds_no_rows(convert_csv: Convert) -> None:
    assert convert_csv(HEADER) == []


@pytest.mark.parametrize("row", [b"A1,01/02/2031,\n", b"A1,01/02/2031,,,\n", b" \n"])
def test_a_row_with_another_number_of_cells_is_refused(convert_csv: Convert, row: bytes) -> None:
    answers = convert_csv(HEADER + GOOD.replace(b"A1", b"A0") + row + GOOD)
    assert isinstance(answers[1], RowError)
    assert answers[1].line == 3
    assert answers[1].message.startswith("Expected 4 cells; found ")
    assert isinstance(answers[2], Converted)


def test_bytes_that_are_not_utf_8_cost_their_row_only(convert_csv: Convert) -> None:
    answers = convert_csv(HEADER + b"A1,01/02/2031,caf\xe9,\n" + GOOD)
    assert answers[0] == RowError(2, "Column 'home': Expected text in UTF-8")
    assert isinstance(answers[1], Converted)


def test_a_nul_character_costs_its_row_even_in_an_ignored_column(convert_csv: Convert) -> None:
    answers = convert_csv(HEADER + b"A1,01/02/2031,,a\0b\n" + GOOD)
    assert answers[0] == RowError(2, "Column 'note': Expected text without NUL characters")
    assert isinstance(answers[1], Converted)


def test_a_quote_that_does_not_close_says_how_far_it_was_read(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b'A1,01/02/2031,"homeless,\n' + GOOD + GOOD)
    assert isinstance(answer, RowError)
    assert answer.line == 2
    assert answer.message.endswith("the record was read to line 4")


def test_rows_after_a_broken_quote_are_read_again(convert_csv: Convert) -> None:
    answers = convert_csv(HEADER + b'A1,01/02/2031,"home"less,\n' + GOOD)
    assert isinstance(answers[0], RowError)
    assert answers[0].line == 2
    assert isinstance(answers[1], Converted)


def test_a_cell_that_never_ends_is_refused(convert_csv: Convert) -> None:
    answers = convert_csv(HEADER + b"A1,01/02/2031,," + b"x" * 200_000 + b"\n" + GOOD)
    assert isinstance(answers[0], RowError)
    assert "131072 characters" in answers[0].message
    assert isinstance(answers[1], Converted)


def unusable(convert_csv: Convert, data: bytes) -> str:
    with pytest.raises(UnusableFile) as refused:
        convert_csv(data)
    return refused.value.detail


@pytest.mark.parametrize("data", [b"", b"\n\n"], ids=["nothing", "empty lines"])
def test_an_empty_file_is_unusable(convert_csv: Convert, data: bytes) -> None:
    assert unusable(convert_csv, data) == "line 1: The file is empty"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_makes_a_file_unusable(convert_csv: Convert, encoding: str) -> None:
    data = (HEADER + GOOD).decode().encode(encoding)
    assert "byte order mark" in unusable(convert_csv, data)


def test_a_header_must_have_every_mapped_column(convert_csv: Convert) -> None:
    assert "these columns too: 'home', 'release'" in unusable(convert_csv, b"number,note\nA1,\n")


def test_an_ignored_column_may_be_missing(convert_csv: Convert) -> None:
    assert isinstance(convert_csv(b"home,release,number\n,01/02/2031,A1\n")[0], Converted)


def test_all_unexpected_columns_of_a_header_are_named_at_once(convert_csv: Convert) -> None:
    said = unusable(convert_csv, b"\nnumber,cell,release,home,wing\n")
    assert said == (
        "line 2: Columns that are neither mapped nor ignored by the mapping: 'cell', 'wing'"
    )


def test_a_file_without_a_header_shows_no_value_as_a_name(convert_csv: Convert) -> None:
    assert "Arben" not in unusable(convert_csv, b"A1,01/02/2031,,Arben K.\n")


def test_a_header_must_not_repeat_a_column(convert_csv: Convert) -> None:
    said = unusable(convert_csv, b"number,release,home,release\n")
    assert said == "line 1: Columns that stand in the header more than once: 'release'"


@pytest.mark.parametrize(
    ("separator", "called"), [(b";", "semicolons"), (b"\t", "tabs"), (b"|", "vertical bars")]
)
def test_a_file_with_another_separator_is_told_so(
    convert_csv: Convert, separator: bytes, called: str
) -> None:
    said = unusable(convert_csv, (HEADER + GOOD).replace(b",", separator))
    assert said.endswith(f". Columns are separated by commas; here {called} seem to do it")


@pytest.mark.parametrize("name", [b"no\0te", b"n\xf6te"], ids=["NUL", "not UTF-8"])
def test_a_header_is_text(convert_csv: Convert, name: bytes) -> None:
    assert "In the header" in unusable(convert_csv, b"number,release,home," + name + b"\n")


def test_a_header_with_a_broken_quote_is_unusable(convert_csv: Convert) -> None:
    assert "quotes" in unusable(convert_csv, b'number,"release\n' + GOOD)
