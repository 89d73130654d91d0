"""Terms: they run from a release that was recorded, in days of the legal time zone."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retention.schedule import Due, Term

TODAY = date(2027, 3, 3)
TERM = Term(days=365, today=TODAY)


@pytest.mark.parametrize(("days_ago", "due"), [(366, Due.ENDED), (365, Due.RUNNING)])
def test_a_term_ends_after_its_last_day(days_ago: int, due: Due) -> None:
    assert TERM.of(released=TODAY - timedelta(days=days_ago), planned=None) is due


def test_a_planned_day_ends_nothing_and_is_told_once_it_is_long_past() -> None:
    assert TERM.of(released=None, planned=TODAY - timedelta(days=365)) is Due.RUNNING
    long_past = TERM.of(released=None, planned=TODAY - timedelta(days=366))
    assert long_past is Due.RELEASE_NOT_RECORDED


def test_a_file_without_days_runs() -> None:
    assert TERM.of(released=None, planned=None) is Due.RUNNING


@given(released=st.dates(date(2000, 1, 1), date(2100, 1, 1)), days=st.integers(1, 36_500))
def test_a_longer_term_never_ends_earlier(released: date, days: int) -> None:
    if Term(days=days, today=TODAY).of(released=released, planned=None) is Due.RUNNING:
        longer = Term(days=days + 1, today=TODAY)
        assert longer.of(released=released, planned=None) is Due.RUNNING
