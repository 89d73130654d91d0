"""Whether a person is in custody: what was reported, and a row that cannot be forged."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from app.cases import custody
from app.cases.custody import IN_CUSTODY, STARTED, STATE, Custody
from app.cases.fact import FactAltered
from app.crypto.key_ring import KeyRing
from tests.cases.conftest import AT

GRACE = 4


def test_who_is_on_leave_is_overdue_after_the_grace_period_and_not_before() -> None:
    state = Custody(leave=STARTED, leave_end=AT)
    assert not state.is_at_large(at=AT + timedelta(hours=3, minutes=59), grace_hours=GRACE)
    assert state.is_at_large(at=AT + timedelta(hours=4), grace_hours=GRACE)
    assert not Custody(leave=custody.RETURNED).is_at_large(
        at=AT + timedelta(days=9), grace_hours=GRACE
    )


def test_who_has_escaped_is_at_large_at_once() -> None:
    assert Custody(at_large="escaped").is_at_large(at=AT, grace_hours=GRACE)
    assert not IN_CUSTODY.is_at_large(at=AT, grace_hours=GRACE)


def test_what_was_reported_last_is_known_and_nothing_is_in_custody(
    filled: Connection, ring: KeyRing
) -> None:
    assert custody.of(filled, "person-1", ring=ring) == IN_CUSTODY
    for state in (Custody(leave=STARTED, leave_end=AT), Custody(at_large="escaped", died=True)):
        custody.keep(filled, "person-1", state, ring=ring)
        assert custody.of(filled, "person-1", ring=ring) == state
    assert custody.of(filled, "person-2", ring=ring) == IN_CUSTODY


@pytest.mark.parametrize(
    "forged",
    [
        {"at_large": None},
        {"at_large": "absconded"},
        {"leave": STARTED},
        {"leave_end": AT},
        {"died": True},
    ],
)
def test_a_row_that_was_altered_makes_the_decision_fail(
    filled: Connection, ring: KeyRing, forged: dict[str, object]
) -> None:
    custody.keep(filled, "person-1", Custody(at_large="escaped"), ring=ring)
    filled.execute(update(STATE).values(**forged))
    with pytest.raises(FactAltered):
        custody.of(filled, "person-1", ring=ring)


def test_the_row_of_one_person_says_nothing_of_another(filled: Connection, ring: KeyRing) -> None:
    custody.keep(filled, "person-1", Custody(at_large="escaped"), ring=ring)
    filled.execute(update(STATE).values(person_id="person-2"))
    with pytest.raises(FactAltered):
        custody.of(filled, "person-2", ring=ring)
