"""Case assignments: offered, accepted or declined, ended; in this order and in no other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from app.cases import assignments
from app.cases import steps as versions
from app.cases.assignments import DECLINED, ENDED, OFFERED, Offer
from app.cases.fact import ACCEPTED, Fact
from app.database import Database
from app.problems import Conflict, NotFound
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)

Step = Callable[[Connection], None]


def offer(
    connection: Connection,
    assignment_id: str = "a-1",
    *,
    person_id: str = "person-1",
    agency_id: str = "welfare-1",
    standing_acceptance: bool = False,
    at: datetime = AT,
) -> str:
    """The prison offers a case."""
    new = Offer(
        assignment_id=assignment_id,
        person_id=person_id,
        agency_id=agency_id,
        by_agency="prison-1",
        by_officer="o-1",
    )
    return assignments.offer(
        connection, new, ring=RING, standing_acceptance=standing_acceptance, at=at
    )


def get(connection: Connection) -> Fact:
    """The assignment as it stands."""
    return assignments.get(connection, "a-1", ring=RING)


def accept(connection: Connection) -> None:
    """The agency accepts."""
    decide(connection, ACCEPTED)


def decline(connection: Connection) -> None:
    """The agency declines."""
    decide(connection, DECLINED)


def decide(connection: Connection, status: str) -> None:
    """The agency answers."""
    assignments.decide(
        connection, get(connection), ring=RING, status=status, officer="o-2", at=LATER
    )


def end(connection: Connection) -> None:
    """Somebody ends it."""
    assignments.end(
        connection, get(connection), ring=RING, agency="prison-1", officer="o-3", at=LATER
    )


def counts(
    connection: Connection, agency_id: str = "welfare-1", *, person_id: str = "person-1"
) -> bool:
    """Whether decisions find the case assigned to this agency."""
    return assignments.is_accepted(connection, ring=RING, person_id=person_id, agency_id=agency_id)


def status(connection: Connection) -> str:
    """What stands."""
    return get(connection).status


def taken(connection: Connection) -> list[tuple[str, str, str, datetime]]:
    """The steps that were taken: to where, by whom, when."""
    found = versions.of(connection, ["a-1"])["a-1"]
    return [(one.status, one.by_agency, one.by_officer, one.at) for one in found]


def test_an_offer_counts_only_once_it_is_accepted(filled: Connection) -> None:
    assert offer(filled) == OFFERED
    assert not counts(filled)
    accept(filled)
    assert counts(filled)
    assert taken(filled) == [
        (OFFERED, "prison-1", "o-1", AT),
        (ACCEPTED, "welfare-1", "o-2", LATER),
    ]


def test_an_acceptance_counts_for_this_person_and_this_agency_only(filled: Connection) -> None:
    offer(filled)
    accept(filled)
    assert not counts(filled, "police-1")
    assert not counts(filled, "prison-1")
    assert not counts(filled, person_id="person-2")


def test_a_standing_acceptance_counts_at_once(filled: Connection) -> None:
    assert offer(filled, standing_acceptance=True) == ACCEPTED
    assert counts(filled)
    assert taken(filled) == [(ACCEPTED, "prison-1", "o-1", AT)]


@pytest.mark.parametrize(
    ("steps", "stands", "counted"),
    [
        ((), OFFERED, False),
        ((accept,), ACCEPTED, True),
        ((decline,), DECLINED, False),
        ((accept, end), ENDED, False),
    ],
)
def test_each_step_leads_to_its_state(
    filled: Connection, steps: tuple[Step, ...], stands: str, *, counted: bool
) -> None:
    offer(filled)
    for step in steps:
        step(filled)
    assert status(filled) == stands
    assert counts(filled) is counted


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ((), end),
        ((accept,), accept),
        ((accept,), decline),
        ((decline,), accept),
        ((decline,), decline),
        ((decline,), end),
        ((accept, end), accept),
        ((accept, end), decline),
        ((accept, end), end),
    ],
)
def test_a_step_out_of_order_is_a_conflict_and_changes_nothing(
    filled: Connection, before: tuple[Step, ...], wrong: Step
) -> None:
    offer(filled)
    for step in before:
        step(filled)
    stood = (get(filled), taken(filled))
    with pytest.raises(Conflict):
        wrong(filled)
    assert (get(filled), taken(filled)) == stood


def test_what_was_never_offered_cannot_be_found(filled: Connection) -> None:
    with pytest.raises(NotFound):
        get(filled)


def test_a_case_is_referred_to_an_agency_once_at_a_time(filled: Connection) -> None:
    offer(filled)
    with pytest.raises(Conflict):
        offer(filled, "a-2")
    accept(filled)
    with pytest.raises(Conflict):
        offer(filled, "a-2", standing_acceptance=True)
    # Another agency, another person: their own referrals.
    assert offer(filled, "a-3", agency_id="police-1") == OFFERED
    assert offer(filled, "a-4", person_id="person-2") == OFFERED


def test_an_ended_assignment_counts_no_more_whatever_was_tried_before(filled: Connection) -> None:
    offer(filled, standing_acceptance=True)
    with pytest.raises(Conflict):
        offer(filled, "a-2", standing_acceptance=True)
    end(filled)
    assert not counts(filled)


@pytest.mark.parametrize("last", [decline, end])
def test_a_closed_case_can_be_referred_anew(filled: Connection, last: Step) -> None:
    offer(filled)
    if last is end:
        accept(filled)
    last(filled)
    assert offer(filled, "a-2") == OFFERED


def test_of_two_referrals_at_once_one_stands(filled_database: Database) -> None:
    def attempt(number: int) -> str:
        try:
            return filled_database.run_blocking(lambda c: offer(c, f"a-{number}"))
        except Conflict:
            return "conflict"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(attempt, range(8)))
    assert outcomes == ["conflict"] * 7 + ["offered"]


def test_of_two_answers_at_once_one_stands(filled_database: Database) -> None:
    filled_database.run_blocking(offer)

    def attempt(step: Step) -> str:
        try:
            filled_database.run_blocking(step)
        except Conflict:
            return "conflict"
        return "done"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(attempt, [accept, decline] * 4))
    assert outcomes == ["conflict"] * 7 + ["done"]


def test_open_offers_are_the_agencys_own_and_come_oldest_first(filled: Connection) -> None:
    offer(filled, "a-2", person_id="person-2", at=LATER)
    offer(filled, "a-1")
    offer(filled, "a-3", agency_id="police-1")
    assert [row.assignment_id for row in assignments.open_offers(filled, "welfare-1")] == [
        "a-1",
        "a-2",
    ]
    accept(filled)
    assert [row.assignment_id for row in assignments.open_offers(filled, "welfare-1")] == ["a-2"]
    assert assignments.open_offers(filled, "prison-1") == []
