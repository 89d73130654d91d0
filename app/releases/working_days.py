"""Working days of a country: weekends, holidays, days off in lieu. Pure."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from app.releases.easter import eastern_easter, western_easter

ONE_DAY = timedelta(days=1)
MONDAY, SATURDAY = 0, 5  # date.weekday(); the weekend is Saturday and Sunday in all profiles
_MONTH_AND_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """The holidays of a profile.

    `every_year` holds "MM-DD"; the two Easter sets count days after Easter Sunday;
    `announced` holds the days that a government names year by year. With
    `monday_in_lieu` a holiday on a weekend makes the next Monday a day off.
    Raises ValueError for a day that is not written MM-DD.
    """

    every_year: frozenset[str] = frozenset()
    western_easter: frozenset[int] = frozenset()
    eastern_easter: frozenset[int] = frozenset()
    announced: frozenset[date] = frozenset()
    monday_in_lieu: bool = False

    def __post_init__(self) -> None:
        for day in self.every_year:
            if not _MONTH_AND_DAY.fullmatch(day):
                raise ValueError(f"every_year: expected MM-DD, found {day!r}")

    def is_holiday(self, day: date) -> bool:
        """Whether the day itself is a holiday, on a weekend or not."""
        return (
            day in self.announced
            or f"{day:%m-%d}" in self.every_year
            or (day - western_easter(day.year)).days in self.western_easter
            or (day - eastern_easter(day.year)).days in self.eastern_easter
        )

    def is_working_day(self, day: date) -> bool:
        """Whether agencies work on the day."""
        if day.weekday() >= SATURDAY or self.is_holiday(day):
            return False
        return not self._is_in_lieu(day)

    def previous_working_day(self, day: date) -> date:
        """The day itself when it is a working day, else the last working day before it."""
        while not self.is_working_day(day):
            day -= ONE_DAY
        return day

    def next_working_day(self, day: date) -> date:
        """The first working day after the day."""
        return _next_working_day(self, day)

    def _is_in_lieu(self, day: date) -> bool:
        if not self.monday_in_lieu or day.weekday() != MONDAY:
            return False
        return self.is_holiday(day - ONE_DAY) or self.is_holiday(day - 2 * ONE_DAY)


# Every read asks for that after today.
@lru_cache(maxsize=1_024)
def _next_working_day(holidays: Holidays, day: date) -> date:
    day += ONE_DAY
    while not holidays.is_working_day(day):
        day += ONE_DAY
    return day
