"""The date of Easter, western and eastern (Meeus, Astronomical Algorithms, chapter 8). Pure."""

from datetime import date, timedelta
from functools import cache


@cache
def western_easter(year: int) -> date:
    """Easter Sunday of the western churches in the Gregorian year."""
    golden, century, rest = year % 19, year // 100, year % 100
    solar, leap = divmod(century, 4)
    lunar = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - solar - lunar + 15) % 30
    weekday = (32 + 2 * leap + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def eastern_easter(year: int) -> date:
    """Easter Sunday of the Orthodox churches, as a Gregorian date."""
    moon = (19 * (year % 19) + 15) % 30
    weekday = (2 * (year % 4) + 4 * (year % 7) - moon + 34) % 7
    month, day = divmod(moon + weekday + 114, 31)
    # The result is a date of the Julian calendar, which lags by this many days.
    lag = year // 100 - year // 400 - 2
    return date(year, month, day + 1) + timedelta(days=lag)
