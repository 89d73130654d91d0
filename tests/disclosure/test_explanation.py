"""Who is told why: a recipient no more than its view shows, the custodian all, others nothing."""

import hashlib
from typing import Any

import httpx
import pytest

from app.access_log.vocabulary import Operation, Outcome
from app.disclosure.explanation import SMALLEST_ANSWER, SMALLEST_FULL_ANSWER
from app.files.catalogue import FIELDS
from tests.api.exchange import RELEASE, Exchange, Speaker, is_problem, without_date
from tests.disclosure.test_disclose import forms, planted

EXPLAINED = "/v1/inmate-files/{}/explanation"
LETTERS = {"none": "-", "existence": "E", "generalised": "G", "summary": "S", "full": "F"}
NAME = "identity.full_name"


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def extremist(exchange: Exchange, prison: Speaker) -> str:
    """Sentenced, with an extremism status and all else that a prison records; its reference."""
    reference = exchange.person(prison)
    court = exchange.some("court_panel")
    own = exchange.refer(prison, reference, court)
    for writer, name, role in ((court, own, court.role), (prison, reference, prison.role)):
        for section, fields in planted(role).items():
            writer.write(name, section, fields)
    assert prison.get(reference).json()["released"]["extremism_status"]["veto_status"]["recorded"]
    return reference


@pytest.fixture(scope="module")
def ordinary(exchange: Exchange, prison: Speaker) -> str:
    """Released on the same day to the same place; nothing else is recorded."""
    day = {"planned_release_date": {"value": RELEASE.isoformat()}}
    place = {"return_municipality_code": {"value": "XK-GJILAN"}}
    return exchange.person(prison, {"release": day, "residence_contact": place})


def asked(speaker: Speaker, reference: str, /, **query: str) -> httpx.Response:
    return speaker.call("GET", EXPLAINED.format(reference), params=query)


def explained(speaker: Speaker, reference: str, /, **query: str) -> dict[str, Any]:
    answer = asked(speaker, reference, **query)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def of_field(content: dict[str, Any], path: str) -> dict[str, Any]:
    (found,) = [field for field in content["fields"] if field["field"] == path]
    return found  # type: ignore[no-any-return]  # JSON


def unmet(content: dict[str, Any], policy: str) -> list[str]:
    return [c["words"] for c in content["policies"][policy]["conditions"] if not c["met"]]


@pytest.mark.parametrize(
    "role", ["probation_service", "police_local", "social_welfare_centre", "court_panel"]
)
def test_a_recipient_is_told_its_own_view_and_no_more_whoever_it_is_about(
    exchange: Exchange, prison: Speaker, extremist: str, ordinary: str, role: str
) -> None:
    agency = exchange.agency(role)
    told_of = {}
    for person in (extremist, ordinary):
        own = exchange.refer(prison, person, agency)
        view, answer = agency.get(own).json(), asked(agency, own)
        content = answer.json()
        assert [field["field"] for field in content["fields"]] == list(FIELDS)
        assert {f["field"]: LETTERS[f["form"]] for f in content["fields"]} == forms(view)
        withheld = {one["field"]: one["reason"] for one in view["withheld"]}
        assert {f["field"]: f["reason"] for f in content["fields"] if f["reason"]} == withheld
        assert content.keys() == {"reference", "purpose", "policy", "fields"}
        assert {key for field in content["fields"] for key in field} == {"field", "form", "reason"}
        assert len(answer.content) == SMALLEST_ANSWER
        told_of[person] = answer.content.replace(own.encode(), b"")
    assert told_of[extremist] == told_of[ordinary]


def test_a_consent_or_its_absence_shows_only_where_the_view_shows_it(
    exchange: Exchange, prison: Speaker, extremist: str, ordinary: str
) -> None:
    employment = exchange.agency("employment_service")
    told_of = []
    for person, fields in ((extremist, (NAME,)), (ordinary, (NAME, "needs.employment_need"))):
        own = exchange.refer(prison, person, employment)
        exchange.consent(prison, person, employment, *fields)
        content = explained(employment, own)
        told_of.append({field["field"]: field for field in content["fields"]})
        seen = {path for path, form in forms(employment.get(own).json()).items() if form != "-"}
        assert {path for path, one in told_of[-1].items() if not one["reason"]} == seen
    first, second = told_of
    assert {path for path in FIELDS if first[path] != second[path]} == {"needs.employment_need"}
    assert first["needs.employment_need"]["reason"] == "conditions_not_met"


def test_who_may_know_nothing_gets_the_same_nothing(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    elsewhere = exchange.agency("police_local", municipalities=("XK-PEJA",))
    children = exchange.agency("child_protection_authority")
    ended = exchange.accepted(prison, extremist, children)
    prison.post(f"/v1/case-assignments/{ended['assignment_id']}/end")
    auditor = exchange.agency("oversight_auditor")
    own = exchange.refer(prison, extremist, elsewhere)
    another = {"agency": children.id, "purpose": "child_protection"}
    expected = without_date(elsewhere.get("0" * 32))
    assert expected[0] == 404
    for answer in (
        asked(elsewhere, "0" * 32),
        asked(elsewhere, own),
        asked(elsewhere, own, **another),
        asked(elsewhere, "0" * 32, **another),
        asked(elsewhere, "0" * 32, agency="nobody", purpose="nothing"),
        asked(elsewhere, extremist),
        asked(children, ended["reference"]),
        asked(auditor, exchange.refer(prison, extremist, auditor)),
        asked(exchange.agency("correctional_service"), extremist),
    ):
        assert without_date(answer) == expected


def test_every_explanation_and_every_refusal_is_on_record(
    exchange: Exchange, prison: Speaker, ordinary: str
) -> None:
    police = exchange.agency("police_local")
    own = exchange.refer(prison, ordinary, police)
    before = len(exchange.entries(agency_id=police.id))
    answer = asked(police, own)
    asked(police, "0" * 32)
    asked(police, own, agency=prison.id, purpose="execute_sentence")
    given, *refused = exchange.entries(agency_id=police.id)[before:]
    assert given.id == answer.headers["disclosure-entry"]
    assert given.sections["circumstances"]["operation"] == Operation.CONSULTATION
    assert given.sections["circumstances"]["outcome"] == Outcome.RELEASED
    assert given.sections["fields"] == {"released": [], "withheld": [], "reason": "explained"}
    assert given.sections["payload"]["length"] == len(answer.content)
    assert given.sections["payload"]["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert "subject" in given.sections
    reasons = ["not-found", "forbidden"]
    assert [one.sections["fields"]["reason"] for one in refused] == reasons
    for one in refused:
        assert one.sections["circumstances"]["outcome"] == Outcome.REFUSED


def test_the_custodian_is_told_what_another_agency_gets_and_what_is_missing(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    centre = exchange.agency("social_welfare_centre", municipalities=("XK-GJILAN", "XK-VITI"))
    about = {"agency": centre.id, "purpose": "social_support"}
    before = explained(prison, extremist, **about)
    assert (before["agency"], before["role"]) == (centre.id, "social_welfare_centre")
    assert before["has_reference"] is False
    name = of_field(before, NAME)
    assert (name["form"], name["reason"]) == ("none", "conditions_not_met")
    permit = name["would_open"][0]["policy"]
    assert unmet(before, permit) == ["it accepted a referral of the person"]
    assert before["policies"][permit]["citation"]
    met = [c["words"] for c in before["policies"][permit]["conditions"] if c["met"]]
    assert "the person returns to its territory" in met

    own = exchange.refer(prison, extremist, centre)
    after = explained(prison, extremist, **about)
    assert after["has_reference"] is True
    assert {f["field"]: LETTERS[f["form"]] for f in after["fields"]} == forms(
        centre.get(own).json()
    )
    assert of_field(after, NAME)["released_by"] == [permit]
    assert unmet(after, permit) == []
    entry = exchange.entries(agency_id=prison.id)[-1]
    assert entry.sections["fields"]["about"] == about


def test_the_custodian_is_told_of_its_own_view_too(prison: Speaker, extremist: str) -> None:
    content = explained(prison, extremist)
    assert content["agency"] == prison.id
    assert {f["field"]: LETTERS[f["form"]] for f in content["fields"]} == forms(
        prison.get(extremist).json()
    )


def test_no_fact_of_the_case_stands_in_an_explanation(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    police = exchange.some("police_local")
    answer = asked(prison, extremist, agency=police.id, purpose="welfare_check")
    assert len(answer.content) == SMALLEST_FULL_ANSWER
    for text in ("XK-", RELEASE.isoformat(), "days_to_release", "Mark"):
        assert text not in answer.text


def test_whether_a_victim_wishes_to_know_is_not_for_the_custodian(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    support = exchange.some("victim_support_service")
    answer = asked(prison, extremist, agency=support.id, purpose="victim_safety")
    is_problem(answer, 403, "forbidden")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"agency": "nobody", "purpose": "social_support"}, "/agency"),
        ({"agency": "OWN", "purpose": "mentoring"}, "/purpose"),
        ({"agency": "OWN"}, "/query"),
        ({"purpose": "mentoring"}, "/query"),
        ({"agencies": "OWN"}, "/query/agencies"),
    ],
)
def test_an_agency_or_a_purpose_that_is_not_registered_is_refused_by_name(
    prison: Speaker, ordinary: str, query: dict[str, str], pointer: str
) -> None:
    named = {name: value.replace("OWN", prison.id) for name, value in query.items()}
    answer = asked(prison, ordinary, **named)
    is_problem(answer, 422, "invalid-input")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
