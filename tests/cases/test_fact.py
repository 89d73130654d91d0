"""A fact and its code: whatever a row says is borne out, and nothing else is."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases.fact import Fact, FactAltered, Kind, Status, code_of, require_genuine
from app.cases.known import Known, known
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
FACT = Fact(
    fact_id="f-1",
    kind=Kind.COURT_ORDER,
    person_id="person-1",
    agency_id="police-1",
    status=Status.IN_FORCE,
    purpose="social_support",
    parts=("identity", "custody"),
    element="child-1",
    last_day=date(2027, 6, 30),
    expires_at=AT + timedelta(days=1),
    by_agency="prison-1",
    by_officer="o-1",
)
OTHERS: dict[str, tuple[Any, ...]] = {
    "parts": (("identity",), ("identity", "custody", ""), ("identitycustody",), ()),
    "last_day": (date(2027, 7, 1), None),
    "expires_at": (AT, None),
}
TEXTS = st.text(max_size=6)
FACTS = st.builds(
    Fact,
    fact_id=TEXTS,
    kind=st.sampled_from([kind.value for kind in Kind]),
    person_id=st.none() | TEXTS,
    agency_id=TEXTS,
    status=st.sampled_from([status.value for status in Status]),
    purpose=st.none() | TEXTS,
    parts=st.lists(TEXTS, max_size=3).map(tuple),
    element=st.none() | TEXTS,
    last_day=st.none() | st.dates(),
    expires_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    by_agency=TEXTS,
    by_officer=TEXTS,
)
# A machine that is busy is no finding.
EXAMPLES = settings(max_examples=50, deadline=None)


def test_a_row_as_it_was_written_is_genuine() -> None:
    assert require_genuine(RING, FACT, code_of(RING, FACT)) is FACT


@pytest.mark.parametrize("name", [field.name for field in fields(Fact)])
def test_no_member_can_be_changed_under_its_code(name: str) -> None:
    for value in OTHERS.get(name, ("other", "", "none")):
        with pytest.raises(FactAltered):
            require_genuine(RING, replace(FACT, **{name: value}), code_of(RING, FACT))


@EXAMPLES
@given(FACTS, FACTS)
def test_two_facts_have_one_code_only_if_they_say_the_same(first: Fact, second: Fact) -> None:
    assert (code_of(RING, first) == code_of(RING, second)) is (first == second)


@pytest.mark.parametrize("code", [None, "", "0" * 43])
def test_what_no_key_has_made_is_not_genuine(code: str | None) -> None:
    with pytest.raises(FactAltered):
        require_genuine(RING, FACT, code)
    other = replace(RING, blind_index=bytes(32))
    with pytest.raises(FactAltered):
        require_genuine(RING, FACT, code_of(other, FACT))


@EXAMPLES
@given(st.lists(FACTS, max_size=5), st.sampled_from(["", "social_support"]))
def test_without_a_fact_nothing_more_is_known(facts: list[Fact], purpose: str) -> None:
    say = known(facts, purpose=purpose, at=AT, today=AT.date())
    for left_out in range(len(facts)):
        fewer = facts[:left_out] + facts[left_out + 1 :]
        less = known(fewer, purpose=purpose, at=AT, today=AT.date())
        for field in fields(Known):
            assert getattr(less, field.name) <= getattr(say, field.name)


def test_what_is_proposed_denied_or_ended_counts_as_absent() -> None:
    for status in Status:
        say = known(
            [replace(FACT, status=status)], purpose="social_support", at=AT, today=AT.date()
        )
        assert bool(say.court_orders) is (status is Status.IN_FORCE)


def test_a_fact_for_another_purpose_counts_as_absent() -> None:
    assert known([FACT], purpose="family_support", at=AT, today=AT.date()) == Known()
