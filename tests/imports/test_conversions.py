"""Each conversion reads in exactly one way, or refuses."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.conversions import CodeColumn, DateColumn, IntegerColumn, TextColumn, is_empty
from app.imports.outcomes import Unfit

AMERICAN = DateColumn(conversion="date", column="c", required=True, format="%m/%d/%Y")
CODE = CodeColumn(conversion="code", column="c", required=True, table={"Yes": "yes"})
INTEGER = IntegerColumn(conversion="integer", column="c", required=True)
TEXT = TextColumn(conversion="text", column="c", required=True)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31)))
def test_a_date_is_read_as_it_was_written(day: date) -> None:
    assert AMERICAN.convert(day.strftime("%m/%d/%Y")) == day.isoformat()


@pytest.mark.parametrize(
    "cell",
    [
        "02/30/2031",
        "30/12/2031",
        "1/2/2031",
        "01/02/31",
        "2031-01-02",
        "01/02/2031x",
        "01/ 2/2031",
        "\u0660\u0661/02/2031",
    ],
)
def test_a_date_of_another_format_or_of_no_calendar_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="written like 12/30/2031"):
        AMERICAN.convert(cell)


def test_spaces_around_a_date_are_dropped() -> None:
    assert AMERICAN.convert(" 01/02/2031 ") == "2031-01-02"


@pytest.mark.parametrize("format_", ["%m/%d/%y", "%d %b %Y", "%m/%d", "%Y-%m-%d %H", "%Y%Y%m%d"])
def test_a_date_format_that_can_be_misread_is_refused(format_: str) -> None:
    with pytest.raises(ValueError, match="%Y, %m and %d once"):
        DateColumn(conversion="date", column="c", required=True, format=format_)


def test_a_code_is_what_its_table_says() -> None:
    assert CODE.convert(" Yes ") == "yes"


@pytest.mark.parametrize("cell", ["yes", "", "No"])
def test_what_the_table_does_not_list_is_refused(cell: str) -> None:
    with pytest.raises(Unfit, match="one of the 1 texts"):
        CODE.convert(cell)


@given(st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1))
def test_a_whole_number_is_read_as_it_was_written(number: int) -> None:
    assert INTEGER.convert(str(number)) == number
    assert INTEGER.convert(number) == number


@pytest.mark.parametrize("cell", ["", "1.0", "1e3", "1_000", "0x10", "\u0661", "9" * 16, True, 1.0])
def test_what_is_no_whole_number_is_refused(cell: object) -> None:
    with pytest.raises(Unfit, match="whole number"):
        INTEGER.convert(cell)


def test_a_text_is_kept_without_the_spaces_around_it() -> None:
    assert TEXT.convert(" a b ") == "a b"


@pytest.mark.parametrize("cell", [1, True, [], {}])
def test_a_text_is_a_string(cell: object) -> None:
    with pytest.raises(Unfit, match="a string"):
        TEXT.convert(cell)


@pytest.mark.parametrize(
    ("cell", "empty"), [(None, True), ("", True), (" \t", True), ("0", False), (0, False)]
)
def test_a_cell_that_says_nothing_is_empty(cell: Any, empty: bool) -> None:  # noqa: ANN401, FBT001 - parameters of a test
    assert is_empty(cell) is empty
