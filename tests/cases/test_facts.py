"""Facts at rest: one for each thing that is said, moved once at a time, their words sealed."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from app.cases import facts, steps
from app.cases.fact import Fact, Kind, Status
from app.cases.facts import FACT, NewFact
from app.database import Database
from app.problems import Conflict, NotFound
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
EMERGENCY = Fact(
    fact_id="f-1",
    kind=Kind.EMERGENCY_ACCESS,
    person_id="person-1",
    agency_id="welfare-1",
    status=Status.IN_FORCE,
    parts=("health.self_harm_alert",),
    expires_at=AT + timedelta(hours=24),
    by_agency="prison-1",
    by_officer="o-1",
)
REASON = "PLANTED-REASON-4711"


def state(connection: Connection, fact: Fact = EMERGENCY, *, at: datetime = AT) -> Fact:
    new = NewFact(fact=fact, details={"reason": REASON})
    return facts.state(connection, new, ring=RING, at=at, random=secrets.token_bytes)


def end(connection: Connection, fact: Fact) -> Fact:
    return facts.move(
        connection, fact, ring=RING, after=Status.ENDED, agency="prison-1", officer="o-2", at=AT
    )


def test_a_fact_is_found_as_it_was_stated_under_its_kind_alone(filled: Connection) -> None:
    assert state(filled) == EMERGENCY
    assert facts.get(filled, "f-1", Kind.EMERGENCY_ACCESS, ring=RING) == EMERGENCY
    with pytest.raises(NotFound):
        facts.get(filled, "f-1", Kind.COURT_ORDER, ring=RING)


def test_its_words_are_sealed_and_open_for_the_review(filled: Connection) -> None:
    state(filled)
    assert REASON not in repr(filled.execute(select(FACT)).all())
    [kept] = facts.unreviewed(filled, custodian="prison-1", ring=RING)
    assert kept.details == {"reason": REASON}
    assert facts.unreviewed(filled, custodian="welfare-1", ring=RING) == []


def test_one_whose_time_is_over_does_not_stand_in_the_way(filled: Connection) -> None:
    state(filled)
    later = AT + timedelta(hours=24)
    again = replace(EMERGENCY, fact_id="f-2", expires_at=later + timedelta(hours=24))
    assert state(filled, again, at=later - timedelta(seconds=1)).fact_id == "f-1"
    assert state(filled, again, at=later).fact_id == "f-2"
    taken = steps.of(filled, ["f-1"])["f-1"]
    assert [one.status for one in taken] == ["in-force", "ended"]


def test_what_has_ended_moves_no_more(filled: Connection) -> None:
    fact = state(filled)
    ended = end(filled, fact)
    for stale in (fact, ended):
        with pytest.raises(Conflict):
            end(filled, stale)


def test_of_many_who_state_the_same_at_once_one_fact_stands(filled_database: Database) -> None:
    def attempt(number: int) -> str:
        fact = replace(EMERGENCY, fact_id=f"f-{number}", by_officer=f"o-{number}")
        return filled_database.run_blocking(lambda c: state(c, fact)).fact_id

    with ThreadPoolExecutor(8) as threads:
        told = set(threads.map(attempt, range(8)))
    count = select(func.count()).select_from(FACT)
    assert filled_database.read_blocking(lambda c: c.scalar(count)) == 1
    assert len(told) == 1


def test_of_many_who_end_it_at_once_one_does(filled_database: Database) -> None:
    fact = filled_database.run_blocking(state)

    def attempt(_: int) -> str:
        try:
            filled_database.run_blocking(lambda c: end(c, fact))
        except Conflict:
            return "conflict"
        return "ended"

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(attempt, range(8))) == ["conflict"] * 7 + ["ended"]
