"""Referrals: the custodian offers, the addressee answers, and what has ended counts no more."""

import pytest

from app.access_log.vocabulary import Outcome
from app.cases.assignments import DECLINED, ENDED, OFFERED
from app.cases.fact import ACCEPTED
from tests.api.exchange import Exchange, Speaker, is_problem, without_date

ASSIGNMENTS = "/v1/case-assignments"
UNKNOWN = f"{ASSIGNMENTS}/{'0' * 32}"


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def coordination(exchange: Exchange) -> Speaker:
    """It reads and writes by its case alone, so that an accepted case shows."""
    return exchange.agency("reintegration_unit")


@pytest.fixture
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison)


def offer(prison: Speaker, person: str, agency: Speaker) -> str:
    answer = prison.post(ASSIGNMENTS, {"reference": person, "agency": agency.id})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == OFFERED
    assert answer.json()["reference"] is None
    return f"{ASSIGNMENTS}/{answer.json()['assignment_id']}"


def test_an_offer_counts_once_it_is_accepted(
    prison: Speaker, coordination: Speaker, person: str
) -> None:
    path = offer(prison, person, coordination)
    listed = coordination.call("GET", ASSIGNMENTS)
    assert {"assignment_id": path[-32:], "status": OFFERED, "reference": None} in listed.json()[
        "assignments"
    ]
    assert person not in listed.text
    accepted = coordination.post(f"{path}/acceptance").json()
    assert accepted["status"] == ACCEPTED
    assert coordination.get(accepted["reference"]).status_code == 200
    assert path[-32:] not in coordination.call("GET", ASSIGNMENTS).text


def test_a_declined_offer_gives_no_reference(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    path = offer(prison, person, coordination)
    before = exchange.stored()["reference"]
    assert coordination.post(f"{path}/refusal").json() == {
        "assignment_id": path[-32:],
        "status": DECLINED,
        "reference": None,
    }
    assert exchange.stored()["reference"] == before
    # It may be offered again.
    assert offer(prison, person, coordination) != path


def test_standing_acceptance_opens_the_case_at_once(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    ready = exchange.agency("reintegration_unit", standing_acceptance=True)
    answer = prison.post(ASSIGNMENTS, {"reference": person, "agency": ready.id})
    assert answer.json()["status"] == ACCEPTED
    # The prison does not learn what the other calls the person.
    assert answer.json()["reference"] is None
    [case] = ready.call("GET", "/v1/cases").json()["cases"]
    assert case["reference"] not in answer.text
    assert ready.get(case["reference"]).status_code == 200


@pytest.mark.parametrize("who", ["prison", "coordination"])
def test_either_side_ends_a_case_and_it_stops_counting_at_once(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str, who: str
) -> None:
    accepted = exchange.accepted(prison, person, coordination)
    path = f"{ASSIGNMENTS}/{accepted['assignment_id']}/end"
    answer = {"prison": prison, "coordination": coordination}[who].post(path)
    assert answer.json()["status"] == ENDED
    assert answer.json()["reference"] is None
    is_problem(coordination.get(accepted["reference"]), 404, "not-found")
    changes = {"coordination_count": {"value": 1}}
    answer = coordination.patch(accepted["reference"], "coordination", changes, if_match="*")
    is_problem(answer, 404, "not-found")


def test_a_case_that_comes_back_has_the_reference_that_it_had(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    first = exchange.accepted(prison, person, coordination)
    prison.post(f"{ASSIGNMENTS}/{first['assignment_id']}/end")
    again = exchange.accepted(prison, person, coordination)
    assert again["reference"] == first["reference"]
    assert again["assignment_id"] != first["assignment_id"]


def test_an_agency_has_a_case_once(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    path = offer(prison, person, coordination)
    again = {"reference": person, "agency": coordination.id}
    is_problem(prison.post(ASSIGNMENTS, again), 409, "conflict")
    coordination.post(f"{path}/acceptance")
    is_problem(prison.post(ASSIGNMENTS, again), 409, "conflict")
    prison.post(f"{path}/end")
    last = exchange.entries(agency_id=prison.id)
    reasons = [one.sections["fields"].get("reason") for one in last]
    assert reasons.count("conflict") >= 2
    assert offer(prison, person, coordination)


@pytest.mark.parametrize("step", ["acceptance", "refusal", "end"])
def test_a_step_out_of_order_is_a_conflict(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str, step: str
) -> None:
    path = offer(prison, person, coordination)
    if step == "end":
        coordination.post(f"{path}/refusal")
    else:
        coordination.post(f"{path}/acceptance")
    before = exchange.stored()
    is_problem(coordination.post(f"{path}/{step}"), 409, "conflict")
    assert exchange.stored() == before
    last = exchange.entries(agency_id=coordination.id)[-1]
    assert last.sections["circumstances"]["outcome"] == Outcome.REFUSED


@pytest.mark.parametrize("step", ["acceptance", "refusal", "end"])
def test_to_all_others_an_assignment_does_not_exist(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str, step: str
) -> None:
    path = offer(prison, person, coordination)
    strangers = [
        exchange.some("reintegration_unit"),
        exchange.some("correctional_service"),
    ]
    if step == "end":
        coordination.post(f"{path}/acceptance")
    else:
        strangers.append(prison)
    before = exchange.stored()
    for stranger in strangers:
        told = len(exchange.entries(agency_id=stranger.id))
        answers = [stranger.post(f"{one}/{step}") for one in (path, UNKNOWN)]
        is_problem(answers[0], 404, "not-found")
        assert without_date(answers[0]) == without_date(answers[1])
        entries = exchange.entries(agency_id=stranger.id)[told:]
        assert [one.sections["fields"]["reason"] for one in entries] == ["not-found"] * 2
    assert exchange.stored() == before
    assert coordination.call("GET", ASSIGNMENTS).status_code == 200


def test_only_the_custodian_offers(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    probation = exchange.agency("probation_service")
    with_case = exchange.refer(prison, person, probation)
    other_prison = exchange.agency("correctional_service")
    ended = exchange.accepted(prison, person, coordination)
    prison.post(f"{ASSIGNMENTS}/{ended['assignment_id']}/end")
    before = exchange.stored()
    for agency, reference, expected in (
        (probation, with_case, (403, "forbidden")),
        (coordination, ended["reference"], (404, "not-found")),
        (probation, person, (404, "not-found")),
        (other_prison, person, (404, "not-found")),
        (coordination, "0" * 32, (404, "not-found")),
    ):
        answer = agency.post(ASSIGNMENTS, {"reference": reference, "agency": probation.id})
        is_problem(answer, *expected)
        last = exchange.entries(agency_id=agency.id)[-1]
        assert last.sections["fields"] == {"fact": "case-assignment", "reason": expected[1]}
    assert exchange.stored() == before


def test_who_has_no_part_in_a_case_cannot_tell_a_reference_from_an_invention(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    ended = exchange.accepted(prison, person, coordination)
    prison.post(f"{ASSIGNMENTS}/{ended['assignment_id']}/end")
    answers = [
        coordination.post(ASSIGNMENTS, {"reference": reference, "agency": prison.id})
        for reference in (ended["reference"], "0" * 32)
    ]
    assert without_date(answers[0]) == without_date(answers[1])


def test_a_case_goes_to_another_agency_that_is_registered(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    before = exchange.stored()
    for agency in ("no-such-agency", prison.id):
        answer = prison.post(ASSIGNMENTS, {"reference": person, "agency": agency})
        is_problem(answer, 422, "invalid-input")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/agency"]
        assert agency not in answer.text
    assert exchange.stored() == before


def test_every_step_is_on_record(
    exchange: Exchange, prison: Speaker, coordination: Speaker, person: str
) -> None:
    path = offer(prison, person, coordination)
    coordination.post(f"{path}/acceptance")
    coordination.post(f"{path}/end")
    steps = [
        (one.sections["actor"]["agency"], one.sections["fields"]["status"])
        for one in exchange.entries()
        if one.sections["fields"].get("id") == path[-32:]
    ]
    assert steps == [(prison.id, OFFERED), (coordination.id, ACCEPTED), (coordination.id, ENDED)]
