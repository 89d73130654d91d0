"""Consents: taken by those who may, for what the person may consent to, gone at the next call."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.administration.consents import DAYS_AFTER_RELEASE, DAYS_WITHOUT_RELEASE
from app.files.catalogue import FIELDS
from app.policy.roles import CONSENT_ROLES, ROLE_PURPOSES
from tests.api.exchange import (
    RELEASE,
    Exchange,
    Sections,
    Speaker,
    is_problem,
    statement,
    without_date,
)
from tests.world import START

CONSENTS = "/v1/consents"
NAME = "identity.full_name"
TODAY = START.date()
SECTIONS: Sections = {
    "identity": {"full_name": {"value": {"family": "Berisha", "given": ["Arben"]}}},
    "residence_contact": {"return_municipality_code": {"value": "XK-GJILAN"}},
    "release": {"planned_release_date": {"value": RELEASE.isoformat()}},
}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def employment(exchange: Exchange) -> Speaker:
    return exchange.agency("employment_service")


@pytest.fixture
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, SECTIONS)


def pointers(answer: httpx.Response) -> list[str]:
    is_problem(answer, 422, "invalid-input")
    return [one["pointer"] for one in answer.json()["errors"]]


def test_a_consent_opens_its_fields_to_its_agency_and_a_withdrawal_closes_them_at_once(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    own = exchange.refer(prison, person, employment)
    other = exchange.agency("employment_service")
    others = exchange.refer(prison, person, other)
    is_problem(employment.get(own), 404, "not-found")
    consent = exchange.consent(prison, person, employment, NAME)
    released = employment.get(own).json()["released"]
    assert list(released) == ["identity"]
    assert list(released["identity"]) == ["full_name"]
    is_problem(other.get(others), 404, "not-found")
    assert prison.post(f"{CONSENTS}/{consent}/withdrawal").status_code == 204
    is_problem(employment.get(own), 404, "not-found")
    statuses = [
        one.sections["fields"]["status"]
        for one in exchange.entries()
        if one.sections.get("fields", {}).get("id") == consent
    ]
    assert statuses == ["given", "withdrawn"]


def test_a_consent_ends_with_its_last_day(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    own = exchange.refer(prison, person, employment)
    last = exchange.world.clock().date() + timedelta(days=1)
    prison.post(CONSENTS, statement(person, employment, NAME, expires_on=last.isoformat()))
    exchange.world.clock.advance(days=1)
    assert employment.get(own).status_code == 200
    exchange.world.clock.advance(days=1)
    is_problem(employment.get(own), 404, "not-found")


def test_a_welfare_centre_with_the_case_takes_consents_and_passes_on_withdrawals(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    own = exchange.refer(prison, person, employment)
    welfare = exchange.some("social_welfare_centre")
    welfares = exchange.refer(prison, person, welfare)
    consent = exchange.consent(welfare, welfares, employment, NAME)
    assert employment.get(own).status_code == 200
    # Either of them hears the person.
    assert prison.post(f"{CONSENTS}/{consent}/withdrawal").status_code == 204
    is_problem(employment.get(own), 404, "not-found")
    consent = exchange.consent(prison, person, employment, NAME)
    assert welfare.post(f"{CONSENTS}/{consent}/withdrawal").status_code == 204
    is_problem(employment.get(own), 404, "not-found")


def asserters(exchange: Exchange, prison: Speaker, person: str) -> dict[str, tuple[Any, ...]]:
    """Who may not take this person's consent: the agency, its reference, what it is told."""
    roles = (
        "employment_service",
        "police_local",
        "probation_service",
        "court_panel",
        "health_provider",
        "oversight_auditor",
    )
    found: dict[str, tuple[Any, ...]] = {}
    for role in roles:
        agency = exchange.some(role)
        found[role] = (agency, exchange.refer(prison, person, agency), 403, "forbidden")
    found["another prison"] = (
        exchange.agency("correctional_service"), person, 404, "not-found",
    )  # fmt: skip
    ended = exchange.agency("social_welfare_centre")
    accepted = exchange.accepted(prison, person, ended)
    prison.post(f"/v1/case-assignments/{accepted['assignment_id']}/end")
    found["a centre whose case ended"] = (ended, accepted["reference"], 404, "not-found")
    offered = exchange.agency("social_welfare_centre")
    prison.post("/v1/case-assignments", {"reference": person, "agency": offered.id})
    found["a centre with an offer"] = (offered, person, 404, "not-found")
    return found


def test_nobody_else_takes_a_consent_or_withdraws_it(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    everybody = asserters(exchange, prison, person)
    own = exchange.refer(prison, person, employment)
    consent = exchange.consent(prison, person, employment, NAME)
    before = exchange.stored()
    for who, (agency, reference, status, slug) in everybody.items():
        answer = agency.post(CONSENTS, statement(reference, employment, NAME))
        is_problem(answer, status, slug)
        last = exchange.entries(agency_id=agency.id)[-1]
        assert last.sections["fields"] == {"fact": "consent", "reason": slug}, who
        answers = [agency.post(f"{CONSENTS}/{one}/withdrawal") for one in (consent, "0" * 32)]
        is_problem(answers[0], 404, "not-found")
        assert without_date(answers[0]) == without_date(answers[1])
        last = exchange.entries(agency_id=agency.id)[-1]
        assert last.sections["fields"] == {"fact": "consent", "reason": "not-found"}, who
    assert exchange.stored() == before
    assert employment.get(own).status_code == 200


def test_nobody_takes_a_consent_in_its_own_favour(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    welfare = exchange.some("social_welfare_centre")
    welfares = exchange.refer(prison, person, welfare)
    own = statement(welfares, welfare, "health.disability_accommodation", purpose="social_support")
    is_problem(welfare.post(CONSENTS, own), 403, "forbidden")
    mine = exchange.refer(prison, person, employment)
    is_problem(employment.post(CONSENTS, statement(mine, employment, NAME)), 403, "forbidden")


@pytest.mark.parametrize("role", sorted(ROLE_PURPOSES))
def test_only_who_helps_can_be_given_a_consent(
    exchange: Exchange, prison: Speaker, person: str, role: str
) -> None:
    agency = exchange.some(role)
    before = exchange.stored()
    given = statement(person, agency, NAME, purpose=ROLE_PURPOSES[role][0])
    answer = prison.post(CONSENTS, given)
    if role in CONSENT_ROLES:
        assert answer.status_code == 201
    else:
        assert pointers(answer) == ["/recipient_agency"]
        assert exchange.stored() == before


def test_a_consent_names_a_registered_agency_and_a_purpose_of_its_role(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    before = exchange.stored()
    for changed, pointer in (
        ({"purpose": "social_support"}, ["/purpose"]),
        ({"purpose": "anything"}, ["/purpose"]),
        ({"recipient_agency": "no-such-agency"}, ["/recipient_agency", "/purpose"]),
    ):
        answer = prison.post(CONSENTS, statement(person, employment, NAME, **changed))
        assert pointers(answer) == pointer
        assert "no-such-agency" not in answer.text
    assert exchange.stored() == before


OTHERS = (
    "family.family_contact_person",
    "children.child_identities",
    "custody.emergency_contact",
    "security_intelligence.non_association_markers",
    "supervision.contact_prohibitions",
    "victim_protection.victim_contact_ref",
)


@pytest.mark.parametrize("field", OTHERS)
def test_the_person_cannot_consent_for_another(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str, field: str
) -> None:
    before = exchange.stored()
    answer = prison.post(CONSENTS, statement(person, employment, NAME, field))
    assert pointers(answer) == ["/fields/1"]
    assert exchange.stored() == before


def test_an_unknown_field_is_named_by_its_place(
    prison: Speaker, employment: Speaker, person: str
) -> None:
    fields = [NAME, "identity.ethnicity", "Markword", NAME]
    answer = prison.post(CONSENTS, statement(person, employment, *fields))
    assert pointers(answer) == ["/fields/1", "/fields/2"]
    assert "Markword" not in answer.text


def test_a_consent_may_name_every_field_of_the_persons_own(
    prison: Speaker, employment: Speaker, person: str
) -> None:
    own = [path for path in FIELDS if path not in OTHERS and "victim" not in path]
    assert prison.post(CONSENTS, statement(person, employment, *own)).status_code == 201


def expiry(prison: Speaker, employment: Speaker, person: str, day: date) -> list[str]:
    given = statement(person, employment, NAME, expires_on=day.isoformat())
    answer = prison.post(CONSENTS, given)
    return [] if answer.status_code == 201 else pointers(answer)


def test_a_consent_ends_from_today_to_six_months_after_the_release(
    exchange: Exchange, prison: Speaker, employment: Speaker
) -> None:
    today = exchange.world.clock().date()
    day = timedelta(days=1)
    planned = {"planned_release_date": {"value": (today + 20 * day).isoformat()}}
    left = {"actual_release_datetime": {"value": f"{today - 100 * day}T09:00:00+01:00"}}
    long_ago = {"actual_release_datetime": {"value": f"{today - 300 * day}T09:00:00+01:00"}}
    for release, last in (
        (planned, today + 20 * day + timedelta(days=DAYS_AFTER_RELEASE)),
        ({**planned, **left}, today - 100 * day + timedelta(days=DAYS_AFTER_RELEASE)),
        ({}, today + timedelta(days=DAYS_WITHOUT_RELEASE)),
    ):
        person = exchange.person(prison, {"release": release})
        assert expiry(prison, employment, person, today - day) == ["/expires_on"]
        assert expiry(prison, employment, person, today) == []
        assert expiry(prison, employment, person, last) == []
        assert expiry(prison, employment, person, last + day) == ["/expires_on"]
    person = exchange.person(prison, {"release": long_ago})
    assert expiry(prison, employment, person, today) == ["/expires_on"]


def test_a_consent_is_withdrawn_once(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    consent = exchange.consent(prison, person, employment, NAME)
    assert prison.post(f"{CONSENTS}/{consent}/withdrawal").status_code == 204
    before = exchange.stored()
    is_problem(prison.post(f"{CONSENTS}/{consent}/withdrawal"), 409, "conflict")
    assert exchange.stored() == before


def test_a_consent_taken_twice_is_one_until_it_is_withdrawn(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    consent = exchange.consent(prison, person, employment, NAME)
    before = exchange.stored()
    assert exchange.consent(prison, person, employment, NAME) == consent
    assert exchange.stored() == before
    assert prison.post(f"{CONSENTS}/{consent}/withdrawal").status_code == 204
    assert exchange.consent(prison, person, employment, NAME) != consent


def test_a_withdrawal_leaves_other_consents(
    exchange: Exchange, prison: Speaker, employment: Speaker, person: str
) -> None:
    own = exchange.refer(prison, person, employment)
    skills = exchange.consent(prison, person, employment, "needs.vocational_skills", NAME)
    exchange.consent(prison, person, employment, NAME)
    prison.post(f"{CONSENTS}/{skills}/withdrawal")
    assert list(employment.get(own).json()["released"]) == ["identity"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("expires_on", "2027-02-30"),
        ("expires_on", "30.6.2027"),
        ("expires_on", 0),
        ("expires_on", None),
        ("expires_on", "2027-06-01T00:00:00Z"),
        ("fields", []),
        ("fields", "identity.full_name"),
        ("fields", [1]),
        ("evidence_sha256", "A" * 64),
        ("evidence_sha256", "0" * 63),
        ("purpose", "a\x00b"),
        ("text_version", ""),
        ("text_version", "a\nb"),
        ("recipient_agency", "x" * 65),
        ("reference", "../P-1"),
        ("note", "Markword"),
    ],
)
def test_a_bad_member_is_refused_by_name(
    exchange: Exchange,
    prison: Speaker,
    employment: Speaker,
    person: str,
    member: str,
    value: object,
) -> None:
    before = exchange.stored()
    answer = prison.post(CONSENTS, {**statement(person, employment, NAME), member: value})
    assert [one.split("/")[1] for one in pointers(answer)] == [member]
    assert "Markword" not in answer.text
    assert exchange.stored() == before
