"""What is unusual beside a past: more than chance and habit explain, and nothing less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.volume import deviations


def test_a_past_of_one_number_leaves_room_for_chance() -> None:
    # Of a Poisson count with mean 10 every sixth is 13 or more: that is one deviation.
    assert deviations(13, [10] * 20) == pytest.approx(0.87, abs=0.01)
    assert deviations(10, [10] * 20) == 0


def test_a_varied_past_makes_much_usual() -> None:
    assert deviations(40, [5, 10, 20, 30, 40] * 4) < 2
    assert deviations(40, [9, 10, 10, 10, 11] * 4) > 3.5


def test_a_few_wild_days_do_not_make_everything_usual() -> None:
    assert deviations(60, [10] * 12 + [500] * 8) > 3.5


def test_nothing_is_unusual_beside_nothing() -> None:
    with pytest.raises(ValueError, match="a past"):
        deviations(1, [])


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(0, 1000), st.integers(1, 100))
def test_more_is_never_less_unusual(past: list[int], count: int, more: int) -> None:
    assert deviations(count + more, past) > deviations(count, past)
