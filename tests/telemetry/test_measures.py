"""Measures of this process: what is refused is counted, and what nobody knows has no name."""

import pytest

from app.api.limits import RateLimit
from app.capacity import Capacity
from app.problems import Overloaded, TooManyRequests
from app.telemetry import measures
from app.telemetry.measures import MEASURES


def count(name: str, **labels: str) -> float:
    return MEASURES.get_sample_value(name, labels) or 0.0


def test_refusals_for_asking_too_much_are_counted_without_whom() -> None:
    before = count("throughcare_rate_limit_refusals_total")
    limit = RateLimit(per_minute=1, burst=1, seconds=lambda: 0.0)
    limit.take("probation-1")
    with pytest.raises(TooManyRequests):
        limit.take("probation-1")
    assert count("throughcare_rate_limit_refusals_total") == before + 1


def test_refusals_for_want_of_room_are_counted_without_whom() -> None:
    before = count("throughcare_overload_refusals_total")
    with pytest.raises(Overloaded):
        Capacity(total=1).enter("probation-1", urgent=False)
    assert count("throughcare_overload_refusals_total") == before + 1


def test_a_method_that_nobody_knows_is_not_repeated() -> None:
    measures.note_request("none", "P-17", "405", 0.1)
    name = "throughcare_request_seconds_count"
    assert count(name, route="none", method="other", status="405") > 0
    assert count(name, route="none", method="P-17", status="405") == 0


def test_a_decision_that_fails_is_none() -> None:
    before = count("throughcare_decision_seconds_count")
    with pytest.raises(LookupError), measures.deciding():
        raise LookupError
    with measures.deciding():
        pass
    assert count("throughcare_decision_seconds_count") == before + 1
