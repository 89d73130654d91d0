"""Deciding facts from end to end: each opens exactly its cells, over HTTP, to its beneficiary."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from app.administration import designations, registry
from app.administration.fact_rules import TRANSFER_TEST
from tests.api.exchange import (
    RELEASE,
    Exchange,
    Speaker,
    is_problem,
    sections_of,
    without_convictions,
    without_date,
)

DIGEST = "0" * 64
LAST_DAY = (RELEASE + timedelta(days=30)).isoformat()
CHILD, RELATIVE = "child-1", "relative-1"
CONTACT = "custody.emergency_contact"
SECTIONS = without_convictions(sections_of("correctional_service"))
SECTIONS["custody"]["emergency_contact"] = {
    "value": {
        "category": "relative",
        "name": "Teuta Wexample",
        "relation": "sibling",
        "phone": "+38344000000",
        "reference": RELATIVE,
    }
}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def second(exchange: Exchange, prison: Speaker) -> Speaker:
    """Another officer of the prison."""
    world = exchange.world
    officer = f"{prison.id}-second"

    def work(connection: Connection) -> None:
        registry.register_officer(
            connection,
            world.service.house,
            agency_id=prison.id,
            officer_id=officer,
            function="officer",
            at=world.clock(),
        )

    world.service.database.run_blocking(work)
    configuration = replace(world.agencies[prison.id].configuration, officer=officer)
    return replace(prison, client=world.client(configuration))


@pytest.fixture
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, SECTIONS)


def fields_of(agency: Speaker, reference: str) -> set[str]:
    """What the agency reads now."""
    answer = agency.get(reference)
    if answer.status_code == 404:
        return set()
    released = answer.json()["released"]
    return {f"{section}.{name}" for section, fields in released.items() for name in fields}


def fact(agency: Speaker, path: str, content: dict[str, Any], status: str) -> str:
    """State a fact; the address at which it goes on."""
    answer = agency.post(f"/v1/{path}", content)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == status
    again = agency.post(f"/v1/{path}", content)
    assert again.json() == answer.json()
    return f"/v1/{path}/{answer.json()['fact_id']}"


def done(agency: Speaker, path: str, status: int = 204) -> None:
    answer = agency.post(path)
    assert answer.status_code == status, answer.text


def section(name: str, *fields: str) -> set[str]:
    return {f"{name}.{one}" for one in fields}


IDENTITY = section(
    "identity", "person_ref", "full_name", "date_of_birth", "sex_gender", "nationality_codes"
)


def test_a_linked_child_opens_the_case_and_that_child_alone(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    protection = exchange.some("child_protection_authority")
    other = exchange.agency("child_protection_authority")
    mine, others = (exchange.refer(prison, person, one) for one in (protection, other))
    born = {
        "category": "child",
        "family": "Wexample",
        "given": ["A"],
        "date_of_birth": "2015-01-01",
    }
    children = [{**born, "reference": CHILD}, {**born, "given": ["B"], "reference": "child-2"}]
    other.write(others, "children", {"child_identities": {"value": children}})
    assert not fields_of(protection, mine)
    stated = {"reference": mine, "agency": protection.id, "child": CHILD}
    link = fact(protection, "child-links", stated, "proposed")
    assert not fields_of(protection, mine)
    done(prison, f"{link}/confirmation", 200)
    opened = fields_of(protection, mine)
    assert opened >= IDENTITY
    assert not {path for path in opened if path.startswith(("health.", "risk_assessment."))}
    assert child_names(protection, mine) == ["A"]
    assert not fields_of(other, others)  # it wrote them down, and is not linked to any
    done(protection, f"{link}/end")
    assert not fields_of(protection, mine)


def child_names(agency: Speaker, reference: str) -> list[str]:
    named = agency.get(reference).json()["released"]["children"]["child_identities"]
    return [one["given"][0] for one in named.get("value", [])]


def test_an_order_opens_the_sections_that_it_names(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    police, court = exchange.some("police_ct"), exchange.some("court_panel")
    mine, courts = (exchange.refer(prison, person, one) for one in (police, court))
    assert fields_of(police, mine) == set()
    order = {
        "agency": police.id,
        "parts": ["identity"],
        "case_number": "K 17/2027",
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    }
    at_once = fact(court, "court-orders", {"reference": courts, **order}, "in-force")
    assert fields_of(police, mine) == IDENTITY | {"identity.national_id_number"}
    done(court, f"{at_once}/end")
    assert fields_of(police, mine) == set()
    custody = {"reference": person, **order, "parts": ["custody"]}
    proposed = fact(prison, "court-orders", custody, "proposed")
    is_problem(prison.post(f"{proposed}/confirmation"), 403, "forbidden")
    assert fields_of(police, mine) == set()
    done(second, f"{proposed}/confirmation", 200)
    assert fields_of(police, mine) == section(
        "custody",
        "establishment_code",
        "admission_datetime",
        "conduct_summary",
        "disciplinary_sanctions",
    )


def test_a_registered_victim_opens_the_release(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    support = exchange.some("victim_support_service")
    mine = exchange.refer(prison, person, support)
    own = fields_of(support, mine)
    assert {path.partition(".")[0] for path in own} == {"victim_protection"}
    registered = fact(support, "victim-registrations", {"reference": mine}, "in-force")
    opened = fields_of(support, mine) - own
    assert {path.partition(".")[0] for path in opened} == {
        "identity",
        "sentence",
        "release",
        "supervision",
    }
    # Not even the custodian learns that a victim has opted in.
    assert "victim-registration" not in prison.get(f"{person}/facts").text
    is_problem(prison.post(f"{registered}/end"), 404, "not-found")
    done(support, f"{registered}/end")
    assert fields_of(support, mine) == own


def test_a_transfer_opens_with_the_second_signature(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    gateway = exchange.some("international_gateway")
    mine = exchange.refer(prison, person, gateway)
    answers = dict.fromkeys(TRANSFER_TEST, True)
    asked = {
        "reference": person,
        "agency": gateway.id,
        "answers": answers,
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    }
    denied = {**asked, "answers": {**answers, TRANSFER_TEST[0]: False}}
    assert prison.post("/v1/transfer-approvals", denied).json()["status"] == "denied"
    approval = fact(prison, "transfer-approvals", asked, "proposed")
    is_problem(prison.post(f"{approval}/confirmation"), 403, "forbidden")
    assert fields_of(gateway, mine) == set()
    done(second, f"{approval}/confirmation", 200)
    opened = fields_of(gateway, mine)
    assert opened >= IDENTITY
    assert not {path for path in opened if path.startswith(("health.", "family.", "children."))}
    done(second, f"{approval}/end")
    assert fields_of(gateway, mine) == set()


def test_a_relatives_own_consent_opens_the_contact_and_no_one_elses(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    unit, welfare = exchange.some("reintegration_unit"), exchange.some("social_welfare_centre")
    mine, welfares = (exchange.refer(prison, person, one) for one in (unit, welfare))
    before = fields_of(unit, mine)
    consent = {
        "reference": welfares,
        "recipient_agency": unit.id,
        "purpose": "reintegration_coordination",
        "field": CONTACT,
        "relative": RELATIVE,
        "text_version": "2027-1",
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    }
    another = fact(welfare, "relative-consents", {**consent, "relative": "other"}, "in-force")
    assert contact(unit, mine) == {"recorded": False}
    done(welfare, f"{another}/withdrawal")
    given = fact(welfare, "relative-consents", consent, "in-force")
    assert fields_of(unit, mine) == before | {CONTACT}
    assert contact(unit, mine)["recorded"]
    done(prison, f"{given}/withdrawal")
    assert fields_of(unit, mine) == before


def contact(agency: Speaker, reference: str) -> dict[str, Any]:
    field = agency.get(reference).json()["released"]["custody"]["emergency_contact"]
    return {name: field[name] for name in ("recorded", "value") if name in field}


def test_a_designation_counts_once_the_administrator_confirmed_it(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    unit = exchange.agency("reintegration_unit")
    mine = exchange.refer(prison, person, unit)
    before = fields_of(unit, mine)
    proposal = {"evidence_sha256": DIGEST, "expires_on": LAST_DAY}
    proposed = fact(unit, "designations", proposal, "proposed")
    assert fields_of(unit, mine) == before
    world, fact_id = exchange.world, proposed.rpartition("/")[2]
    world.service.database.run_blocking(
        lambda c: designations.confirm(c, world.service.house, fact_id, at=world.clock())
    )
    opened = fields_of(unit, mine) - before
    assert {path.partition(".")[0] for path in opened} == {
        "plan",
        "risk_assessment",
        "extremism_status",
        "security_intelligence",
    }
    is_problem(exchange.some("police_ct").post(f"{proposed}/end"), 404, "not-found")
    done(unit, f"{proposed}/end")
    assert fields_of(unit, mine) == before


# The facts as they are listed.


def test_the_custodian_and_an_auditor_list_the_facts_with_their_versions(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    police = exchange.some("police_ct")
    mine = exchange.refer(prison, person, police)
    employment = exchange.some("employment_service")
    consent = exchange.consent(prison, person, employment, "identity.full_name")
    prison.post(f"/v1/consents/{consent}/withdrawal")
    listed = prison.get(f"{person}/facts").json()["facts"]
    told = {one["kind"]: (one["status"], one["counts"]) for one in listed}
    assert told == {"case-assignment": ("accepted", True), "consent": ("ended", False)}
    versions = {one["kind"]: [step["status"] for step in one["versions"]] for one in listed}
    assert versions == {
        "case-assignment": ["offered", "accepted"],
        "consent": ["in-force", "ended"],
    }
    person_id = exchange.entries(agency_id=prison.id)[-1].sections["subject"]["person"]
    auditor = exchange.some("oversight_auditor")
    assert auditor.get(f"{person_id}/facts").json()["facts"] == listed
    assert "Wexample" not in auditor.get(f"{person_id}/facts").text
    for reader, reference in ((police, mine), (police, person_id), (auditor, person)):
        answer = reader.get(f"{reference}/facts")
        is_problem(answer, 404, "not-found")
        assert without_date(answer) == without_date(reader.get("nobody/facts"))
    last = exchange.entries(agency_id=auditor.id)[-1]
    assert last.sections["fields"]["reason"] == "not-found"


# Referral codes.


def code(agency: Speaker, reference: str, purpose: str = "social_support") -> str:
    answer = agency.post("/v1/referral-codes", {"reference": reference, "purpose": purpose})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def test_a_code_opens_the_case_once(exchange: Exchange, prison: Speaker, person: str) -> None:
    welfare = exchange.agency("social_welfare_centre")
    text = code(prison, person)
    redeemed = welfare.post("/v1/referral-codes/redemptions", {"code": text.lower()})
    assert redeemed.status_code == 200, redeemed.text
    mine = redeemed.json()["reference"]
    assert fields_of(welfare, mine) >= IDENTITY
    listed = welfare.call("GET", "/v1/cases").json()["cases"]
    assert mine in {one["reference"] for one in listed}
    again = welfare.post("/v1/referral-codes/redemptions", {"code": text})
    unknown = welfare.post("/v1/referral-codes/redemptions", {"code": "0000-0000-0000-0000-0"})
    is_problem(again, 404, "not-found")
    assert without_date(again) == without_date(unknown)
    mistyped = welfare.post("/v1/referral-codes/redemptions", {"code": "0000-0000-0000-0000-1"})
    is_problem(mistyped, 422, "invalid-input")
    # The centre has the case now, and may send the person on.
    exchange.world.clock.advance(days=1)
    expired = code(welfare, mine, "employment_support")
    exchange.world.clock.advance(days=14)
    employment = exchange.some("employment_service")
    late = employment.post("/v1/referral-codes/redemptions", {"code": expired})
    assert without_date(late) == without_date(again)


def test_who_guesses_is_stopped(exchange: Exchange, prison: Speaker, person: str) -> None:
    guesser = exchange.agency("social_welfare_centre")
    good = code(prison, person)
    guess = {"code": "0000-0000-0000-0000-0"}
    answers = [guesser.post("/v1/referral-codes/redemptions", guess) for _ in range(11)]
    assert [one.status_code for one in answers] == [404] * 10 + [429]
    is_problem(
        guesser.post("/v1/referral-codes/redemptions", {"code": good}), 429, "too-many-attempts"
    )
    exchange.world.clock.advance(hours=1)
    assert guesser.post("/v1/referral-codes/redemptions", {"code": good}).status_code == 200


STATING: dict[str, Callable[[str], dict[str, Any]]] = {
    "child-links": lambda agency: {"agency": agency, "child": CHILD},
    "court-orders": lambda agency: {
        "agency": agency,
        "parts": ["identity"],
        "case_number": "1",
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    },
    "victim-registrations": lambda _: {},
}


@pytest.mark.parametrize("path", STATING)
def test_nobody_and_somebody_unknown_look_the_same_to_who_may_not_state_it(
    exchange: Exchange, person: str, path: str
) -> None:
    stranger = exchange.some("police_local")
    answers = [
        stranger.post(f"/v1/{path}", {"reference": one, **STATING[path](stranger.id)})
        for one in (person, "nobody")
    ]
    is_problem(answers[0], 404, "not-found")
    assert without_date(answers[0]) == without_date(answers[1])
    assert "Quokka" not in stranger.post(f"/v1/{path}", {"Quokka": 1}).text
