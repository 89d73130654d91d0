from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.profile import Profile
from app.releases.working_days import Holidays

DAYS = st.dates(date(2020, 1, 1), date(2120, 1, 1))


@pytest.mark.parametrize(
    "day",
    [
        date(2027, 1, 4),  # in lieu of Saturday 2 January
        date(2027, 2, 17),
        date(2027, 3, 29),  # western Easter Monday
        date(2027, 5, 3),  # eastern Easter Monday, and in lieu of Saturday 1 May
        date(2027, 5, 10),  # in lieu of Sunday 9 May
        date(2027, 12, 27),  # in lieu of Saturday 25 December
    ],
)
def test_the_days_off_of_kosovo_in_2027(xk: Profile, day: date) -> None:
    assert not xk.holidays.is_working_day(day)
    assert xk.holidays.is_working_day(date(2027, 5, 4))


def test_only_what_the_whole_country_keeps_is_off_in_bosnia(ba: Profile) -> None:
    assert not ba.holidays.is_working_day(date(2028, 1, 3))
    assert not ba.holidays.is_working_day(date(2026, 5, 1))
    assert ba.holidays.is_working_day(date(2027, 3, 1))


def test_a_leap_day_can_be_a_holiday() -> None:
    holidays = Holidays(every_year=frozenset({"02-29"}))
    assert holidays.previous_working_day(date(2028, 2, 29)) == date(2028, 2, 28)
    assert holidays.previous_working_day(date(2029, 3, 1)) == date(2029, 3, 1)


@pytest.mark.parametrize("day", ["1-1", "13-01", "01-32", "01/01", ""])
def test_a_day_that_is_not_written_as_month_and_day_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match="MM-DD"):
        Holidays(every_year=frozenset({day}))


@given(day=DAYS)
def test_nothing_is_a_working_day_between_a_day_and_its_neighbours(
    profile: Profile, day: date
) -> None:
    holidays = profile.holidays
    previous, following = holidays.previous_working_day(day), holidays.next_working_day(day)
    assert previous <= day < following
    assert holidays.is_working_day(previous)
    assert holidays.is_working_day(following)
    between = (previous + timedelta(n) for n in range(1, (following - previous).days))
    assert not any(holidays.is_working_day(other) for other in between if other != day)
