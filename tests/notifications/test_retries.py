"""When an attempt is made again."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notifications.retries import GIVE_UP, LONGEST, NEAR, wait

TODAY = date(2027, 3, 3)
FAR = date(2027, 9, 1)
BASE = timedelta(seconds=30)

ATTEMPTS = st.integers(1, 10_000)
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(ATTEMPTS, FRACTIONS)
def test_a_wait_is_bounded_for_ever(attempts: int, fraction: float) -> None:
    chosen = wait(attempts, base=BASE, fraction=fraction, release=FAR, today=TODAY)
    assert BASE / 2 <= chosen <= LONGEST


@given(FRACTIONS)
def test_the_whole_lasts_longer_than_a_long_weekend(fraction: float) -> None:
    total, attempts = timedelta(), 0
    while total <= GIVE_UP:
        attempts += 1
        total += wait(attempts, base=BASE, fraction=fraction, release=FAR, today=TODAY)
    assert total > timedelta(hours=75)
    assert attempts < 60


@given(ATTEMPTS, FRACTIONS, st.integers(-3, 3), st.none() | st.integers(0, 999_999))
def test_nothing_about_a_release_that_is_near_waits_longer_than_an_hour(
    attempts: int, fraction: float, days: int, retry_after: int | None
) -> None:
    release = TODAY + timedelta(days=days)
    chosen = wait(
        attempts,
        base=BASE,
        fraction=fraction,
        retry_after=retry_after,
        release=release,
        today=TODAY,
    )
    assert chosen <= NEAR


@given(ATTEMPTS, FRACTIONS, st.integers(0, 999_999))
def test_a_receiver_that_asks_for_time_gets_it_within_limits(
    attempts: int, fraction: float, retry_after: int
) -> None:
    chosen = wait(
        attempts, base=BASE, fraction=fraction, retry_after=retry_after, release=FAR, today=TODAY
    )
    assert chosen >= min(timedelta(seconds=retry_after), LONGEST)
    assert chosen <= LONGEST


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920)])
def test_each_failure_doubles_the_wait(attempts: int, seconds: int) -> None:
    shortest = wait(attempts, base=BASE, fraction=0.0, today=TODAY)
    longest = wait(attempts, base=BASE, fraction=0.999999, today=TODAY)
    assert shortest == timedelta(seconds=seconds / 2)
    assert shortest < longest < timedelta(seconds=seconds)
