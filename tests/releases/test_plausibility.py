"""What counts as a turn of a release, and how many are too many."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.changes import ReleaseFacts
from app.releases.plausibility import Limits, turns

NOTHING = ReleaseFacts()
PLANNED = ReleaseFacts(planned_release_date=date(2027, 5, 1))
MOVED = ReleaseFacts(planned_release_date=date(2027, 6, 1))
LEFT = ReleaseFacts(
    planned_release_date=date(2027, 5, 1),
    actual_release_datetime=datetime(2027, 5, 1, 8, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NOTHING, PLANNED, False),
        (PLANNED, PLANNED, False),
        (PLANNED, MOVED, True),
        (PLANNED, NOTHING, True),
        (PLANNED, LEFT, True),
        (NOTHING, LEFT, True),
        (LEFT, LEFT, False),
    ],
)
def test_a_turn_is_what_was_announced_and_is_so_no_more(
    before: ReleaseFacts, after: ReleaseFacts, *, expected: bool
) -> None:
    assert turns(before, after) is expected


def test_the_flood_of_2015_is_too_much_and_an_ordinary_day_is_not() -> None:
    limits = Limits()
    assert limits.exceeded(1_891, 14_600)
    assert not limits.exceeded(40, 14_600)


@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_few_persons_are_never_too_many(turned: int, population: int) -> None:
    limits = Limits(largest_share=0.05, least_count=20)
    assert limits.exceeded(turned, population) == (turned > 20 and turned > 0.05 * population)
