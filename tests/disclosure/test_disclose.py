"""Who gets what over HTTP, in which form; and that all who get nothing get the same nothing."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from app.access_log.vocabulary import Operation, Outcome
from app.administration.registry import OPERATOR
from app.disclosure.caseload import Caseload, caseload
from app.disclosure.disclose import Disclosure, disclose
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.files.vocabulary import DataClass
from app.house import Refusal
from app.policy.errors import DecisionFailed
from tests.api.exchange import (
    RELEASE,
    Exchange,
    Sections,
    Speaker,
    sections_of,
    texts_in,
    without_convictions,
    without_date,
)
from tests.policy.by_hand import without
from tests.policy.test_conditions_of_cells import at_most
from tests.policy.test_expected_forms import column

# What the court gets by an order of its own, or by a relative's consent, and not without.
BY_ORDER_OR_CONSENT = (
    "custody.admission_injuries_note health security_intelligence custody.emergency_contact"
    " family.family_contact_person"
)
LETTERS = {"full": "F", "summary": "S", "generalised": "G", "existence": "E"}
# Texts that no form below these may let through.
MARKS: dict[str, tuple[tuple[str, ...], str]] = {
    "identity.full_name": (("F", "S"), "Markgiven"),
    "identity.national_id_number": (("F",), "MARK-4711-ID"),
    "residence_contact.return_address": (("F",), "Mark Street 7"),
    "residence_contact.personal_phone": (("F",), "+383440047110"),
    "custody.emergency_contact": (("F",), "Emergencymark"),
    "family.family_contact_person": (("F",), "Relativemark"),
    "children.child_identities": (("F",), "Childmark"),
    "supervision.contact_prohibitions": (("F",), "EX-MARK-PROTECTED"),
    "security_intelligence.intelligence_marker": (("F",), "EX-MARK-INTELLIGENCE"),
    "security_intelligence.non_association_markers": (("F",), "EX-MARK-ASSOCIATE"),
    "victim_protection.victim_contact_ref": (("F",), "EX-MARK-VICTIM"),
    **{
        path: (("F",), f"Mark of {path}")
        for path, field in FIELDS.items()
        if field.kind.authored_summary
    },
}
OWNERS = (
    "court_panel",
    "probation_service",
    "social_welfare_centre",
    "child_protection_authority",
    "health_provider",
    "victim_support_service",
)


def planted(role: str) -> Sections:
    """All that an owner records of a person, with a text of its own wherever one fits."""
    sections = sections_of(role, seed=5)
    values: dict[str, Any] = {
        "identity.full_name": {"family": "Markfamily", "given": ["Markgiven"]},
        "identity.national_id_number": "MARK-4711-ID",
        "residence_contact.return_address": {
            "municipality_code": "XK-GJILAN",
            "street": "Mark Street 7",
        },
        "residence_contact.personal_phone": "+383440047110",
        "custody.emergency_contact": {
            "category": "relative",
            "name": "Emergencymark",
            "relation": "parent",
            "phone": "+383440000000",
        },
        "family.family_contact_person": {
            "category": "relative",
            "name": "Relativemark",
            "relation": "parent",
        },
        "children.child_identities": [
            {
                "category": "child",
                "family": "Markfamily",
                "given": ["Childmark"],
                "date_of_birth": "2020-01-01",
            }
        ],
        "supervision.contact_prohibitions": [
            {
                "prohibition": "no_contact",
                "protected_person": {
                    "category": "victim",
                    "holder": "court-1",
                    "reference": "EX-MARK-PROTECTED",
                },
            }
        ],
        "security_intelligence.intelligence_marker": {
            "holder": "agency-1",
            "reference": "EX-MARK-INTELLIGENCE",
        },
        "security_intelligence.non_association_markers": [
            {"category": "third_party", "holder": "prison-1", "reference": "EX-MARK-ASSOCIATE"}
        ],
        "victim_protection.victim_contact_ref": {
            "holder": "victims-1",
            "reference": "EX-MARK-VICTIM",
        },
    }
    for name, fields in sections.items():
        for one, envelope in fields.items():
            path = f"{name}.{one}"
            if path in values:
                envelope["value"] = values[path]
            elif path in MARKS:
                envelope["value"] = MARKS[path][1]
    return sections


def fill(exchange: Exchange, prison: Speaker, reference: str) -> None:
    """Every owner writes all that it may."""
    for role in OWNERS:
        writer = exchange.some(role)
        own = exchange.refer(prison, reference, writer)
        for name, fields in planted(role).items():
            writer.write(own, name, fields)
    for name, fields in planted("correctional_service").items():
        prison.write(reference, name, fields)


def forms(view: dict[str, Any]) -> dict[str, str]:
    """The letter of each field of the catalogue."""
    letters = {one["field"]: "-" for one in view["withheld"]}
    for section, fields in view["released"].items():
        letters |= {f"{section}.{name}": LETTERS[one["form"]] for name, one in fields.items()}
    return letters


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def extremist(exchange: Exchange, prison: Speaker) -> str:
    """A person of whom everything is recorded; the prison's reference."""
    reference = exchange.person(prison)
    fill(exchange, prison, reference)
    return reference


@pytest.fixture(scope="module")
def ordinary(exchange: Exchange, prison: Speaker) -> str:
    """A person released on the same day to the same place, of whom little more is recorded."""
    day = {"planned_release_date": {"value": RELEASE.isoformat()}}
    place = {"return_municipality_code": {"value": "XK-GJILAN"}}
    return exchange.person(prison, {"release": day, "residence_contact": place})


# A role, whether the person consented, and the column of the table of expected forms.
RECIPIENTS = {
    "probation_service": (False, "PRB"),
    "police_local": (False, "PLO"),
    "social_welfare_centre": (False, "CSW"),
    "employment_service": (True, "EMP"),
}
OWN = tuple(
    path
    for path, field in FIELDS.items()
    if not field.kind.name.startswith("person") and field.data_class is not DataClass.VICTIM
)


@dataclass
class Recipient:
    """A recipient, and what it calls each person of the prison's."""

    exchange: Exchange
    prison: Speaker
    agency: Speaker
    known: dict[str, str] = field(default_factory=dict)

    def view(self, person: str) -> httpx.Response:
        if person not in self.known:
            self.known[person] = self.exchange.refer(self.prison, person, self.agency)
            if RECIPIENTS[self.agency.role][0]:
                self.exchange.consent(self.prison, person, self.agency, *OWN)
        return self.agency.get(self.known[person])


@pytest.fixture(scope="module")
def recipients(exchange: Exchange, prison: Speaker) -> dict[str, Recipient]:
    return {role: Recipient(exchange, prison, exchange.agency(role)) for role in RECIPIENTS}


@pytest.fixture(params=RECIPIENTS)
def recipient(request: pytest.FixtureRequest, recipients: dict[str, Recipient]) -> Recipient:
    return recipients[request.param]


def test_each_recipient_gets_exactly_the_forms_of_the_matrix(
    recipient: Recipient, extremist: str
) -> None:
    view = recipient.view(extremist).json()
    assert forms(view) == column(RECIPIENTS[recipient.agency.role][1])


def test_the_custodian_and_the_court_get_exactly_theirs(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    assert forms(prison.get(extremist).json()) == column("CUS")
    court = exchange.agency("court_panel")
    view = court.get(exchange.refer(prison, extremist, court)).json()
    assert forms(view) == without(at_most("CRT"), BY_ORDER_OR_CONSENT)


def test_nothing_leaves_in_a_higher_form_than_it_is_given_in(
    recipient: Recipient, extremist: str
) -> None:
    answer = recipient.view(extremist)
    view = answer.json()
    letters = forms(view)
    for path, (through, mark) in MARKS.items():
        assert (mark in texts_in(view)) == (letters[path] in through), path
        assert mark not in str(answer.headers)
    for path, declared in FIELDS.items():
        if declared.kind.authored_summary:
            assert (f"What may be told of {path}." in texts_in(view)) == (letters[path] == "S")


def test_every_value_is_that_of_its_form(recipient: Recipient, extremist: str) -> None:
    stored = {
        f"{name}.{one}": envelope
        for role in ("correctional_service", *OWNERS)
        for name, fields in planted(role).items()
        for one, envelope in fields.items()
    }
    for section, fields in recipient.view(extremist).json()["released"].items():
        for name, released in fields.items():
            path = f"{section}.{name}"
            if path not in stored:
                assert released["recorded"] is False
            elif released["form"] != "existence":
                form = next(one for one in Form if one.code == released["form"])
                assert released["value"] == FIELDS[path].transform(form, stored[path]), path


def test_withheld_is_all_the_rest_and_the_same_for_every_person(
    recipient: Recipient, extremist: str, ordinary: str
) -> None:
    of_one, of_other = (recipient.view(one).json() for one in (extremist, ordinary))
    assert of_one["withheld"] == of_other["withheld"]
    for view in (of_one, of_other):
        released = [f"{s}.{name}" for s, fields in view["released"].items() for name in fields]
        withheld = [one["field"] for one in view["withheld"]]
        assert sorted(released + withheld) == sorted(FIELDS)
        assert withheld == [path for path in FIELDS if path in withheld]


def test_a_reason_depends_on_role_and_purpose_alone(
    exchange: Exchange, prison: Speaker, extremist: str, ordinary: str
) -> None:
    far = exchange.person(prison, {"residence_contact": {
        "return_municipality_code": {"value": "XK-PEJA"}}})  # fmt: skip
    for role, purpose in (
        ("social_welfare_centre", "social_support"),
        ("social_welfare_centre", "family_support"),
        ("police_local", "condition_enforcement"),
        ("employment_service", "employment_support"),
        ("probation_service", "court_report"),
    ):
        agency = exchange.agency(role, purpose=purpose)
        reasons: dict[str, set[str]] = {}
        for person in (extremist, ordinary, far):
            answer = agency.get(exchange.refer(prison, person, agency))
            for one in answer.json().get("withheld", ()):
                reasons.setdefault(one["field"], set()).add(one["reason"])
        assert all(len(given) == 1 for given in reasons.values())


def nothing(exchange: Exchange, prison: Speaker, person: str) -> dict[str, httpx.Response]:
    """The answers to everybody who gets nothing, each for another reason."""
    elsewhere = exchange.agency("police_local", municipalities=("XK-PEJA",))
    employment = exchange.agency("employment_service")
    withdrawn = exchange.refer(prison, person, employment)
    consent = exchange.consent(prison, person, employment, "identity.full_name")
    assert employment.get(withdrawn).status_code == 200
    prison.post(f"/v1/consents/{consent}/withdrawal")
    coordination = exchange.agency("reintegration_unit")
    ended = exchange.accepted(prison, person, coordination)
    assert coordination.get(ended["reference"]).status_code == 200
    prison.post(f"/v1/case-assignments/{ended['assignment_id']}/end")
    auditor = exchange.agency("oversight_auditor")
    coordinator = exchange.agency("national_coordinator")
    return {
        "another territory": elsewhere.get(exchange.refer(prison, person, elsewhere)),
        "no consent any more": employment.get(withdrawn),
        "no case any more": coordination.get(ended["reference"]),
        "a reference that is nobody's": elsewhere.get("0" * 32),
        "the prison's reference": elsewhere.get(person),
        "another agency's reference": coordination.get(withdrawn),
        "an auditor with a case": auditor.get(exchange.refer(prison, person, auditor)),
        "a role without a policy": coordinator.get(exchange.refer(prison, person, coordinator)),
        "another prison": exchange.agency("correctional_service").get(person),
        "a condition": elsewhere.get("0" * 32, if_none_match="*"),
    }


def test_nothing_looks_the_same_for_everybody(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    answers = nothing(exchange, prison, extremist)
    expected = without_date(answers["a reference that is nobody's"])
    assert expected[0] == 404
    for why, answer in answers.items():
        assert without_date(answer) == expected, why


def test_a_change_by_who_gets_nothing_looks_the_same_too(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    children = exchange.agency("child_protection_authority")
    ended = exchange.accepted(prison, extremist, children)
    prison.post(f"/v1/case-assignments/{ended['assignment_id']}/end")
    changes = {"children_count": {"value": 1}}
    answers = [
        call
        for own in (ended["reference"], "0" * 32)
        for call in (
            children.patch(own, "children", changes, if_match="*"),
            children.put(own, {"children": changes}),
        )
    ]
    assert len({str(without_date(one)) for one in answers}) == 1
    assert answers[0].status_code == 404


def test_every_refusal_is_recorded_with_whom_it_was_about(
    exchange: Exchange, prison: Speaker, ordinary: str
) -> None:
    elsewhere = exchange.agency("police_local", municipalities=("XK-PEJA",))
    own = exchange.refer(prison, ordinary, elsewhere)
    told = len(exchange.entries(agency_id=elsewhere.id))
    elsewhere.get(own)
    elsewhere.get("0" * 32)
    known, unknown = exchange.entries(agency_id=elsewhere.id)[told:]
    for entry in (known, unknown):
        assert entry.sections["circumstances"]["operation"] == Operation.CONSULTATION
        assert entry.sections["circumstances"]["outcome"] == Outcome.REFUSED
        assert entry.sections["fields"] == {"released": [], "withheld": [], "reason": "not-found"}
    assert "subject" in known.sections
    assert "subject" not in unknown.sections


def test_an_answer_and_its_entry_have_one_digest(recipient: Recipient, extremist: str) -> None:
    answer = recipient.view(extremist)
    entry = recipient.exchange.entries(
        agency_id=recipient.agency.id, operation=Operation.DISCLOSURE
    )[-1]
    assert entry.id == answer.headers["disclosure-entry"]
    assert entry.sections["payload"]["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert entry.sections["payload"]["length"] == len(answer.content)
    view = answer.json()
    assert entry.sections["fields"]["withheld"] == view["withheld"]
    assert json.loads(entry.leaf)["policy"] == view["policy"]
    fields: Any = entry.sections["fields"]
    letters = {one["field"]: LETTERS[one["form"]] for one in fields["released"]}
    assert letters == {path: letter for path, letter in forms(view).items() if letter != "-"}


def test_every_answer_has_its_own_entry(exchange: Exchange, prison: Speaker, ordinary: str) -> None:
    before = len(exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE))
    answers = [prison.get(ordinary) for _ in range(5)]
    answers.append(prison.get(ordinary, if_none_match=answers[0].headers["etag"]))
    entries = exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE)[before:]
    assert [one.id for one in entries] == [one.headers["disclosure-entry"] for one in answers]
    assert len({one.id for one in entries}) == len(answers)
    assert len({one.content for one in answers[:5]}) == 1


def test_an_unchanged_view_is_an_answer_without_a_body_and_an_entry(
    exchange: Exchange, prison: Speaker, ordinary: str
) -> None:
    first = prison.get(ordinary)
    for condition in (
        first.headers["etag"],
        f"W/{first.headers['etag']}",
        "*",
        f'"x", {first.headers["etag"]}',
    ):
        answer = prison.get(ordinary, if_none_match=condition)
        assert answer.status_code == 304
        assert answer.content == b""
        assert answer.headers["etag"] == first.headers["etag"]
        entry = exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE)[-1]
        assert entry.id == answer.headers["disclosure-entry"]
        assert entry.sections["circumstances"]["outcome"] == Outcome.RELEASED
        assert entry.sections["payload"]["sha256"] == hashlib.sha256(first.content).hexdigest()
    assert prison.get(ordinary, if_none_match='"another"').status_code == 200


def test_an_expired_value_is_as_if_it_were_not_recorded(
    exchange: Exchange, prison: Speaker
) -> None:
    today = exchange.world.clock().date().isoformat()
    need = {"employment_need": {"value": "job_search", "valid_until": today}}
    reference = exchange.person(prison, {"needs": need})
    first = prison.get(reference)
    assert first.json()["released"]["needs"]["employment_need"]["value"] == "job_search"
    exchange.world.clock.advance(days=1)
    answer = prison.get(reference, if_none_match=first.headers["etag"])
    field = answer.json()["released"]["needs"]["employment_need"]
    assert field["recorded"] is False
    assert field.keys() == {"form", "policies", "legal_bases", "recorded"}


def test_the_log_shows_no_value_of_any_field(
    exchange: Exchange, prison: Speaker, extremist: str
) -> None:
    police = exchange.agency("police_local", municipalities=("XK-PEJA", "XK-GJILAN"))
    police.get(exchange.refer(prison, extremist, police))
    log = texts_in([one.sections for one in exchange.entries()])
    assert RELEASE.isoformat() not in log
    assert "XK-GJILAN" not in log
    assert not [path for path, (_, mark) in MARKS.items() if mark in log]
    disclosed = exchange.entries(agency_id=police.id, operation=Operation.DISCLOSURE)[-1]
    assert disclosed.missing == {"inputs": "withheld", "reference": "withheld"}


def test_two_agencies_have_no_name_of_a_person_in_common(
    exchange: Exchange, prison: Speaker, ordinary: str
) -> None:
    agencies = [exchange.agency("probation_service") for _ in range(3)]
    own = [exchange.refer(prison, ordinary, agency) for agency in agencies]
    assert len({*own, ordinary}) == 4
    for agency, reference in zip(agencies, own, strict=True):
        text = agency.get(reference).text
        assert not [one for one in (*own, ordinary) if one != reference and one in text]


def test_an_ordinary_person_is_shown_as_having_no_more_than_that(
    recipient: Recipient, ordinary: str
) -> None:
    view = recipient.view(ordinary).json()
    recorded = {
        f"{section}.{name}"
        for section, fields in view["released"].items()
        for name, one in fields.items()
        if one["recorded"]
    }
    assert recorded <= {
        "release.planned_release_date",
        "residence_contact.return_municipality_code",
    }


def test_a_whole_file_fits_its_contract(prison: Speaker, extremist: str) -> None:
    submitted = without_convictions(planted("correctional_service"))
    view = prison.get(extremist).json()
    for name, fields in submitted.items():
        assert fields.keys() <= view["released"][name].keys()


def test_without_a_clean_decision_nothing_leaves_and_that_is_on_record(
    exchange: Exchange, prison: Speaker, ordinary: str
) -> None:
    """The operator has no role that any policy knows, so the engine cannot decide."""
    world = exchange.world
    caller = replace(OPERATOR, agency_id=prison.id)

    def read(connection: Connection) -> Disclosure | Refusal:
        return disclose(connection, world.service.house, caller, ordinary, at=world.clock())

    def listing(connection: Connection) -> Caseload | Refusal:
        return caseload(
            connection, world.service.house, caller, after=None, limit=50, at=world.clock()
        )

    refused = world.service.database.run_blocking(read)
    assert isinstance(refused, Refusal)
    assert isinstance(refused.problem, DecisionFailed)
    last = exchange.entries(agency_id=prison.id)[-1]
    assert last.sections["circumstances"]["outcome"] == Outcome.REFUSED
    assert last.sections["fields"] == {"released": [], "withheld": [], "reason": "no-decision"}
    before = len(exchange.entries(agency_id=prison.id))
    assert world.service.database.run_blocking(listing) == Caseload((), None)
    entries = exchange.entries(agency_id=prison.id)[before:]
    assert entries
    for entry in entries:
        assert entry.sections["circumstances"]["outcome"] == Outcome.REFUSED
        assert entry.sections["fields"]["reason"] == "no-decision"
