"""Conditions on a change (RFC 9110), and rules between fields that tell nothing of others."""

import pytest

from app.access_log.vocabulary import Outcome
from tests.api.exchange import Exchange, Speaker, is_problem

NEED = {"employment_need": {"value": "job_search"}}
OTHER_NEED = {"employment_need": {"value": "none"}}
STALE = '"00000000000000000000000000000000"'
VETO = {"veto_status": {"value": "yes"}}
UNTRIED = {"legal_status": {"value": "untried"}}
SENTENCED = {"legal_status": {"value": "sentenced"}}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def court(exchange: Exchange) -> Speaker:
    return exchange.agency("court_panel")


@pytest.fixture
def reference(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, {"needs": NEED})


def test_a_change_without_a_condition_is_refused(
    exchange: Exchange, prison: Speaker, reference: str
) -> None:
    before = exchange.stored()
    is_problem(prison.put(reference, {"needs": OTHER_NEED}), 428, "precondition-required")
    is_problem(prison.patch(reference, "needs", OTHER_NEED), 428, "precondition-required")
    assert exchange.stored() == before
    for entry in exchange.entries(agency_id=prison.id)[-2:]:
        assert entry.sections["circumstances"]["outcome"] == Outcome.REFUSED
        assert entry.sections["fields"] == {"reason": "precondition-required"}


@pytest.mark.parametrize("tag", [STALE, '"', "", "W/*", "no tag at all"])
def test_a_change_of_another_state_is_refused(
    exchange: Exchange, prison: Speaker, reference: str, tag: str
) -> None:
    before = exchange.stored()
    answer = prison.put(reference, {"needs": OTHER_NEED}, if_match=tag)
    is_problem(answer, 412, "precondition-failed")
    answer = prison.patch(reference, "needs", OTHER_NEED, if_match=tag)
    is_problem(answer, 412, "precondition-failed")
    assert exchange.stored() == before
    last = exchange.entries(agency_id=prison.id)[-1]
    assert last.sections["fields"] == {"reason": "precondition-failed"}


def test_a_tag_works_once(prison: Speaker, reference: str) -> None:
    etag = prison.get(reference).headers["etag"]
    first = prison.patch(reference, "needs", OTHER_NEED, if_match=etag)
    assert first.status_code == 200
    is_problem(prison.patch(reference, "needs", NEED, if_match=etag), 412, "precondition-failed")
    # With the tag of the answer it goes on, without reading in between.
    etag = first.headers["etag"]
    assert prison.patch(reference, "needs", NEED, if_match=etag).status_code == 200


def test_any_of_several_tags_will_do(prison: Speaker, reference: str) -> None:
    etag = prison.get(reference).headers["etag"]
    tags = f"{STALE}, {etag}"
    assert prison.patch(reference, "needs", OTHER_NEED, if_match=tags).status_code == 200


def test_a_weak_tag_is_no_condition_for_a_change(prison: Speaker, reference: str) -> None:
    etag = prison.get(reference).headers["etag"]
    answer = prison.patch(reference, "needs", OTHER_NEED, if_match=f"W/{etag}")
    is_problem(answer, 412, "precondition-failed")


def test_if_none_match_keeps_what_is_there(
    exchange: Exchange, prison: Speaker, reference: str
) -> None:
    before = exchange.stored()
    answer = prison.put(reference, {"needs": OTHER_NEED}, if_none_match="*")
    is_problem(answer, 412, "precondition-failed")
    etag = prison.get(reference).headers["etag"]
    answer = prison.put(reference, {"needs": OTHER_NEED}, if_none_match=etag, if_match="*")
    is_problem(answer, 412, "precondition-failed")
    # Another state than the excluded one: still no change without If-Match.
    answer = prison.put(reference, {"needs": OTHER_NEED}, if_none_match=STALE)
    is_problem(answer, 428, "precondition-required")
    assert exchange.stored() == before
    assert prison.put("FRESH", {"needs": NEED}, if_none_match="*").status_code == 201


def test_no_state_matches_what_does_not_exist(exchange: Exchange, prison: Speaker) -> None:
    before = exchange.stored()
    for tag in ("*", STALE):
        answer = prison.put("NOWHERE", {"needs": NEED}, if_match=tag)
        is_problem(answer, 412, "precondition-failed")
    assert exchange.stored() == before


def test_the_tag_of_one_is_not_moved_by_what_it_cannot_see(
    exchange: Exchange, prison: Speaker, court: Speaker, reference: str
) -> None:
    courts = exchange.refer(prison, reference, court)
    court.write(courts, "sentence", UNTRIED)
    tag_of_court = court.get(courts).headers["etag"]
    prison.write(reference, "residence_contact", {"personal_phone": {"value": "+38344000001"}})
    assert court.get(courts).headers["etag"] == tag_of_court
    # Nor does the answer to a change count the changes of others.
    answer = court.patch(courts, "sentence", SENTENCED, if_match=tag_of_court)
    assert answer.json() == {"created": False, "changed": ["sentence"]}
    tag_of_prison = prison.get(reference).headers["etag"]
    victims = exchange.agency("victim_support_service")
    victims.write(
        exchange.refer(prison, reference, victims),
        "victim_protection",
        {"victim_notification_required": {"value": True}},
    )
    assert prison.get(reference).headers["etag"] == tag_of_prison


def test_nobody_untried_is_recorded_as_an_extremist(
    exchange: Exchange, prison: Speaker, court: Speaker, reference: str
) -> None:
    courts = exchange.refer(prison, reference, court)
    level = {"risk_level_ve": {"value": "low"}}
    before = exchange.stored()
    for _ in range(2):
        answer = prison.patch(reference, "extremism_status", VETO, if_match="*")
        is_problem(answer, 422, "invalid-input")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/veto_status"]
        answer = prison.put(
            reference, {"extremism_status": VETO, "risk_assessment": level}, if_match="*"
        )
        assert {one["pointer"] for one in answer.json()["errors"]} == {
            "/sections/extremism_status/veto_status",
            "/sections/risk_assessment/risk_level_ve",
        }
        assert exchange.stored() == before
        last = exchange.entries(agency_id=prison.id)[-1]
        assert last.sections["fields"] == {"reason": "invalid-input"}
        court.write(courts, "sentence", UNTRIED)
        before = exchange.stored()


def test_a_new_file_cannot_call_anybody_an_extremist(exchange: Exchange, prison: Speaker) -> None:
    before = exchange.stored()
    answer = prison.put("UNTRIED", {"extremism_status": VETO})
    is_problem(answer, 422, "invalid-input")
    assert exchange.stored() == before


def test_a_court_learns_nothing_of_what_its_decision_contradicts(
    exchange: Exchange, prison: Speaker, court: Speaker
) -> None:
    answers = []
    for recorded in ({}, VETO):
        reference = exchange.person(prison, {"needs": NEED})
        courts = exchange.refer(prison, reference, court)
        court.write(courts, "sentence", SENTENCED)
        if recorded:
            prison.write(reference, "extremism_status", recorded)
        changed = court.patch(courts, "sentence", UNTRIED, if_match="*")
        removed = court.patch(courts, "sentence", {"legal_status": None}, if_match="*")
        replaced = court.put(courts, {"sentence": UNTRIED}, if_match="*")
        answers.append([(one.status_code, one.content) for one in (changed, removed, replaced)])
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} == {200}


def test_a_contradicted_value_shows_to_nobody_and_hinders_nobody(
    exchange: Exchange, prison: Speaker, court: Speaker, reference: str
) -> None:
    courts = exchange.refer(prison, reference, court)
    court.write(courts, "sentence", SENTENCED)
    prison.write(reference, "extremism_status", VETO)
    extremism = prison.get(reference).json()["released"]["extremism_status"]
    assert extremism["veto_status"]["value"] == "yes"

    tag = prison.get(reference).headers["etag"]
    court.write(courts, "sentence", UNTRIED)
    view = prison.get(reference)
    assert view.headers["etag"] != tag
    assert view.json()["released"]["extremism_status"]["veto_status"]["recorded"] is False
    assert "yes" not in view.text
    # Its owner goes on with the rest, cannot state it again, and removes it.
    stage = {"disengagement_stage": {"value": "offered"}}
    assert prison.patch(reference, "extremism_status", stage, if_match="*").status_code == 200
    assert prison.patch(reference, "needs", OTHER_NEED, if_match="*").status_code == 200
    answer = prison.patch(reference, "extremism_status", VETO, if_match="*")
    is_problem(answer, 422, "invalid-input")
    gone = prison.patch(reference, "extremism_status", {"veto_status": None}, if_match="*")
    assert gone.json()["changed"] == ["extremism_status"]
    court.write(courts, "sentence", SENTENCED)
    extremism = prison.get(reference).json()["released"]["extremism_status"]
    assert extremism["veto_status"]["recorded"] is False
