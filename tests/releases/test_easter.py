from datetime import date

import pytest

from app.releases.easter import eastern_easter, western_easter

# Dates as the churches published them.
PUBLISHED = [
    (2000, "2000-04-23", "2000-04-30"),
    (2008, "2008-03-23", "2008-04-27"),
    (2011, "2011-04-24", "2011-04-24"),
    (2019, "2019-04-21", "2019-04-28"),
    (2021, "2021-04-04", "2021-05-02"),
    (2024, "2024-03-31", "2024-05-05"),
    (2025, "2025-04-20", "2025-04-20"),
    (2026, "2026-04-05", "2026-04-12"),
    (2027, "2027-03-28", "2027-05-02"),
    (2038, "2038-04-25", "2038-04-25"),
]


@pytest.mark.parametrize(("year", "western", "eastern"), PUBLISHED)
def test_easter_falls_on_the_published_days(year: int, western: str, eastern: str) -> None:
    assert western_easter(year) == date.fromisoformat(western)
    assert eastern_easter(year) == date.fromisoformat(eastern)


def test_easter_is_a_sunday_and_the_eastern_is_never_the_earlier_one() -> None:
    for year in range(1900, 2300):
        assert western_easter(year).weekday() == eastern_easter(year).weekday() == 6
        assert western_easter(year) <= eastern_easter(year)
