"""Cases are listed by the caller's own references, and nobody is listed of whom it may not know."""

from collections import Counter

import httpx
import pytest

from app.access_log.vocabulary import Operation
from tests.api.exchange import RELEASE, Exchange, Sections, Speaker, is_problem

HERE, ELSEWHERE = "XK-GJILAN", "XK-PEJA"


def released_to(municipality: str) -> Sections:
    return {
        "release": {"planned_release_date": {"value": RELEASE.isoformat()}},
        "residence_contact": {"return_municipality_code": {"value": municipality}},
    }


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def police(exchange: Exchange) -> Speaker:
    return exchange.agency("police_local", municipalities=(HERE,))


@pytest.fixture(scope="module")
def known(exchange: Exchange, prison: Speaker, police: Speaker) -> set[str]:
    persons = [exchange.person(prison, released_to(HERE)) for _ in range(5)]
    return {exchange.refer(prison, one, police) for one in persons}


@pytest.fixture(scope="module")
def hidden(exchange: Exchange, prison: Speaker, police: Speaker) -> set[str]:
    persons = [exchange.person(prison, released_to(ELSEWHERE)) for _ in range(5)]
    return {exchange.refer(prison, one, police) for one in persons}


def pages(agency: Speaker, limit: int) -> list[httpx.Response]:
    found = [agency.call("GET", f"/v1/cases?limit={limit}")]
    while (following := found[-1].json()["next"]) is not None:
        assert len(found) < 50
        found.append(agency.call("GET", f"/v1/cases?limit={limit}&after={following}"))
    return found


def listed(found: list[httpx.Response]) -> list[str]:
    return [case["reference"] for page in found for case in page.json()["cases"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 200])
def test_pages_hold_everybody_once_and_nobody_whom_the_caller_may_not_know(
    police: Speaker, known: set[str], hidden: set[str], limit: int
) -> None:
    found = pages(police, limit)
    assert Counter(listed(found)) == Counter(known)
    assert all(len(page.json()["cases"]) <= limit for page in found)
    # Not even as the cursor that goes on behind one of them.
    assert not [one for page in found for one in hidden if one in page.text]


def test_what_is_listed_can_be_read_and_what_is_not_cannot(
    police: Speaker, known: set[str], hidden: set[str]
) -> None:
    assert {police.get(one).status_code for one in known} == {200}
    assert {police.get(one).status_code for one in hidden} == {404}


def test_each_listed_person_makes_an_entry_and_a_hidden_one_none(
    exchange: Exchange, police: Speaker, known: set[str], hidden: set[str]
) -> None:
    assert hidden
    before = len(exchange.entries(agency_id=police.id, operation=Operation.CONSULTATION))
    assert set(listed(pages(police, 200))) == known
    entries = exchange.entries(agency_id=police.id, operation=Operation.CONSULTATION)[before:]
    assert len({one.sections["subject"]["person"] for one in entries}) == len(known)
    assert {one.sections["fields"]["reason"] for one in entries} == {"case-listed"}


def test_a_case_that_ended_is_listed_no_more(exchange: Exchange, prison: Speaker) -> None:
    children = exchange.agency("child_protection_authority")
    accepted = exchange.accepted(prison, exchange.person(prison), children)
    assert listed(pages(children, 5)) == [accepted["reference"]]
    prison.post(f"/v1/case-assignments/{accepted['assignment_id']}/end")
    assert listed(pages(children, 5)) == []


def test_who_writes_what_it_may_not_read_finds_its_cases(
    exchange: Exchange, prison: Speaker
) -> None:
    clinic = exchange.agency("health_provider")
    own = exchange.refer(prison, exchange.person(prison), clinic)
    assert listed(pages(clinic, 5)) == [own]
    assert clinic.get(own).status_code == 404


def test_a_custodian_finds_its_files_by_its_own_references(exchange: Exchange) -> None:
    prison = exchange.agency("correctional_service")
    references = {exchange.person(prison) for _ in range(4)}
    assert set(listed(pages(prison, 3))) == references


def test_a_cursor_works_for_its_agency_alone(
    exchange: Exchange, police: Speaker, known: set[str]
) -> None:
    assert known
    cursor = police.call("GET", "/v1/cases?limit=1").json()["next"]
    assert police.call("GET", f"/v1/cases?after={cursor}").status_code == 200
    other = exchange.agency("police_local")
    for agency, after in ((other, cursor), (police, cursor[:-2]), (police, "00"), (police, "abc")):
        answer = agency.call("GET", f"/v1/cases?after={after}")
        is_problem(answer, 422, "invalid-input")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/query/after"]
        assert after not in answer.text


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("after=Z", "/query/after"),
        ("after=", "/query/after"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=ten", "/query/limit"),
        ("limit=99999999999999999999999999", "/query/limit"),
        ("person=anybody", "/query/person"),
    ],
)
def test_a_bad_query_is_refused_by_name(police: Speaker, query: str, pointer: str) -> None:
    answer = police.call("GET", f"/v1/cases?{query}")
    is_problem(answer, 422, "invalid-input")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
