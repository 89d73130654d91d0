from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.policy.actions import of_the_catalogue
from app.policy.agreements import Register
from app.policy.bundle import Bundle
from app.policy.claims import Claim, refute
from app.policy.errors import PolicyError
from app.policy.expressions import DECIDING_FACTS
from app.policy.invariants import STATED_IN_CEDAR, Invariant, read_invariants
from app.policy.prove import Report, dead_policies, prove, stated, subjects_of
from app.policy.relations import relations
from app.policy.request_json import request_from_json, request_to_json
from app.policy.roles import ROLE_PURPOSES
from app.policy.witness import Replay, ReplayDiffers, Witness
from tests.policy.unchecked import (
    VOCABULARY,
    agreement,
    bundle_of,
    forbid,
    permit,
    policies,
    register,
    violating,
)

SHIPPED = Path(__file__).parents[2] / "policies"
INVARIANTS = read_invariants(SHIPPED, of_the_catalogue())
RELATIONS = {claim.id: claim for claim in relations()}
NAME = "grant:identity.full_name:full"
CONSENT = 'context.consents.contains(Field::"identity.full_name")'
NO_WINDOW = "context has days_to_release && context.days_to_release"


@pytest.fixture(scope="module")
def report(bundle: Bundle) -> Report:
    return prove(bundle, INVARIANTS)


def witness_against(claim: Claim, bundle: Bundle) -> Witness | None:
    """The first witness over all roles and days."""
    found = (refute(claim, one, role) for one in subjects_of(bundle) for role in ROLE_PURPOSES)
    return next(filter(None, found), None)


# -- the shipped policies ---------------------------------------------------------------------


def test_the_shipped_policies_keep_every_invariant(report: Report) -> None:
    assert [proof.id for proof in report.proofs if proof.status != "proved"] == []
    assert report.holds


def test_no_shipped_policy_is_dead(report: Report) -> None:
    assert report.dead == ()


def test_every_number_that_policy_decides_is_proved(report: Report) -> None:
    assert {proof.number for proof in report.proofs} == {0, 11, 13, 27, *STATED_IN_CEDAR}


def test_a_report_has_the_documented_shape(report: Report, bundle: Bundle) -> None:
    content = report.to_json()
    assert content.keys() == {"digest", "invariants", "dead_policies"}
    assert content["digest"] == bundle.digest
    for proof in content["invariants"]:
        assert proof.keys() >= {"id", "title", "status", "ms", "witness"}
        assert (proof["status"], proof["witness"]) == ("proved", None)


# -- each can be refuted ----------------------------------------------------------------------


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.id)
def test_an_invariant_is_refuted_by_a_planted_policy(invariant: Invariant) -> None:
    # A role that the invariant excepts does not violate it; the next one does.
    for role, planted in violating(invariant).items():
        house = bundle_of(planted)
        witness = refute(stated(invariant), next(subjects_of(house)), role)
        if witness is not None:
            break
    assert witness is not None
    assert witness.policies == ("P",)
    assert releases(house, witness)


def releases(bundle: Bundle, witness: Witness) -> bool:
    """Whether the bundle itself decides as the witness says."""
    decision = bundle.decide(witness.request, at=witness.day)
    path, _, form = witness.action.partition("#")
    if form:
        return decision.fields[path].form.code == form
    return path.removeprefix("contribute:") in decision.contribute


PLANTED = {
    "0-forms": [permit("court_panel", "identity.full_name#full")],
    "0-absence": [permit("court_panel", NAME, "!context.assigned")],
    "13-withdrawal": [permit("ngo_mentor", NAME, f"!{CONSENT}")],
    "13-own-consent": [permit("ngo_mentor", "grant:identity.date_of_birth:full", CONSENT)],
    "13-without-consent": [permit("employment_service", NAME, "context.assigned")],
    "14-days": [permit("police_local", NAME, f"{NO_WINDOW} >= 10")],
    "27-vital-interest": [
        permit(
            "health_provider",
            "grant:identity.date_of_birth:full",
            'context.vital_interest.contains(Field::"identity.date_of_birth")',
        )
    ],
    "28-onward": [
        permit("employment_service", "grant:identity.full_name:existence", CONSENT),
        permit("employment_service", "contribute:identity", "context.assigned", id_="Q"),
    ],
}


@pytest.mark.parametrize("claim", PLANTED)
def test_a_relation_is_refuted_by_planted_policies(claim: str) -> None:
    witness = witness_against(RELATIONS[claim], bundle_of(*PLANTED[claim]))
    assert witness is not None
    assert witness.policies in {("P",), ("Q",)}


def test_every_relation_is_planted_against() -> None:
    assert PLANTED.keys() | {"11-grounds"} == RELATIONS.keys()


@pytest.mark.parametrize(
    "of",
    [
        register(agreement(last=date(2026, 1, 1))),
        register(agreement(first=date(2027, 1, 1))),
        register(replace(agreement(), citation="")),
        replace(register(), legal_bases={}),
    ],
)
def test_grounds_that_ended_or_are_not_cited_refute(of: Register) -> None:
    (subject,) = subjects_of(bundle_of(permit("court_panel", NAME)))
    subject = replace(subject, register=of, first_day=date(2026, 6, 1), last_day=date(2027, 6, 1))
    witness = refute(RELATIONS["11-grounds"], subject, "court_panel")
    assert witness is not None
    assert witness.policies == ("P",)


# -- witnesses --------------------------------------------------------------------------------


def stated_as(id_: str) -> Claim:
    return next(stated(invariant) for invariant in INVARIANTS if invariant.id == id_)


def test_a_witness_has_no_fact_that_is_not_needed() -> None:
    planted = permit("police_local", NAME, f"({CONSENT} || context.assigned || context.incident)")
    witness = witness_against(stated_as("12-territory"), bundle_of(planted))
    assert witness is not None
    facts = request_to_json(witness.request)
    needed = {"consents", "assigned", "incident"} & facts.keys()
    assert len(needed) == 1
    assert facts.keys() - needed == {"role", "purpose", "agency", "client", "custodian"}


def test_a_witness_has_every_fact_that_is_needed() -> None:
    planted = permit(
        "police_ct",
        "grant:health.self_harm_alert:full",
        "context.assigned",
        'context.court_orders.contains(Part::"health")',
        "resource has return_municipality",
        "principal.municipalities.contains(resource.return_municipality)",
        f"{NO_WINDOW} <= 30 && context.days_to_release >= 10",
        'principal.agency == "police-7"',
    )
    witness = witness_against(stated_as("16-self-harm"), bundle_of(planted))
    assert witness is not None
    request = witness.request
    assert request.assigned
    assert request.court_orders == {"health"}
    assert request.municipalities == {request.return_municipality}
    assert request.days_to_release == 10
    assert request.agency == "police-7"
    assert (request.leave_municipality, request.consents) == (None, frozenset())


def test_a_witness_over_two_requests_has_both() -> None:
    witness = witness_against(RELATIONS["14-days"], bundle_of(*PLANTED["14-days"]))
    assert witness is not None
    assert witness.other is not None
    days, further = witness.other.days_to_release, witness.request.days_to_release
    assert days is not None
    assert further is not None
    assert 0 <= days < 10 <= further
    assert replace(witness.other, days_to_release=further) == witness.request
    assert witness.to_json()["other"] == request_to_json(witness.other)


def test_a_witness_can_be_read_back() -> None:
    witness = witness_against(RELATIONS["13-withdrawal"], bundle_of(*PLANTED["13-withdrawal"]))
    assert witness is not None
    content = witness.to_json()
    assert (content["field"], content["form"]) == ("identity.full_name", "existence")
    assert request_from_json(content["request"]) == witness.request


def test_a_witness_falls_on_a_day_on_which_its_policy_is_in_force() -> None:
    late = register(agreement(), agreement("LATE", first=date(2040, 1, 1), last=date(2041, 1, 1)))
    planted = permit("oversight_auditor", NAME).replace('"A"', '"LATE"')
    house = bundle_of(permit("court_panel", NAME, id_="Q"), planted, of=late)
    witness = witness_against(stated_as("22-auditor"), house)
    assert witness is not None
    assert witness.day == date(2040, 1, 1)


def test_an_engine_that_contradicts_is_an_error() -> None:
    house = policies(permit("court_panel", NAME))
    (subject,) = subjects_of(bundle_of(permit("court_panel", NAME)))
    witness = refute(
        Claim("x", 0, "x", stated_as("1-clinical-record").question), subject, "court_panel"
    )
    assert witness is None
    request = request_from_json(
        {"role": "court_panel", "purpose": "judicial_decision"}
        | {"agency": "a", "client": "c", "custodian": "p"}
    )
    replay = Replay(house, VOCABULARY)
    assert replay.confirm(request, "identity.full_name#full", released=True) == ("P",)
    with pytest.raises(ReplayDiffers):
        replay.confirm(request, "identity.full_name#full", released=False)


# -- what saves an invariant ------------------------------------------------------------------


def test_a_forbid_keeps_what_a_permit_would_break() -> None:
    planted = [permit("victim_support_service", "grant:residence_contact.return_address:full")]
    assert witness_against(stated_as("9-address"), bundle_of(*planted)) is not None
    planted.append(forbid("block:residence_contact:existence"))
    assert witness_against(stated_as("9-address"), bundle_of(*planted)) is None


def test_a_forbid_that_does_not_always_hold_does_not_keep_it() -> None:
    planted = [
        permit("victim_support_service", "grant:residence_contact.return_address:full"),
        forbid("block:residence_contact:existence", 'principal.agency == "one"'),
    ]
    witness = witness_against(stated_as("9-address"), bundle_of(*planted))
    assert witness is not None
    assert witness.request.agency != "one"


def test_texts_that_are_written_differently_differ() -> None:
    planted = permit(
        "victim_support_service",
        "grant:residence_contact.return_address:full",
        'principal.agency == "one"',
        'resource.custodian == "two"',
        "principal.agency == resource.custodian",
    )
    assert witness_against(stated_as("9-address"), bundle_of(planted)) is None


# -- dead policies ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions",
    [
        [f"{NO_WINDOW} <= 10", "context.days_to_release >= 20"],
        ['context.purpose == Purpose::"mentoring"'],
        ["context.assigned", "!context.assigned"],
        ["!(resource has return_municipality)", 'resource.return_municipality == "x"'],
        ['principal in Role::"ngo_mentor"'],
        [f"{NO_WINDOW} < -9223372036854775808"],
    ],
    ids=str,
)
def test_a_policy_that_can_never_match_is_found(conditions: list[str]) -> None:
    # The fourth would err and never match; loading refuses it for that.
    house = bundle_of(
        permit("court_panel", NAME, *conditions), permit("court_panel", NAME, id_="Q")
    )
    assert [policy.id for policy in dead_policies(house)] == (
        [] if "return_municipality" in conditions[0] else ["P"]
    )


def test_a_policy_for_everybody_lives_if_one_role_can_match() -> None:
    house = bundle_of(
        permit("court_panel", NAME),
        forbid("block:identity:full", 'principal in Role::"ngo_mentor"'),
        forbid(
            "block:identity:full",
            'principal in Role::"ngo_mentor" && principal in Role::"court_panel"',
            id_="G",
        ),
    )
    assert [policy.id for policy in dead_policies(house)] == ["G"]


# -- the invariants as they are written -------------------------------------------------------


def written(directory: Path, text: str, *, file: str = "invariants/1.cedar") -> Path:
    """A folder with the shipped invariants and one more file."""
    target = directory / "invariants"
    target.mkdir(parents=True)
    for path in (SHIPPED / "invariants").iterdir():
        (target / path.name).write_text(path.read_text())
    (directory / file).write_text(text)
    return directory


STATED = (
    '@id("X") @invariant("3") @title("t") forbid (principal, '
    'action in Action::"block:identity:full", resource);'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STATED.replace("forbid", "permit"), "a forbid that must hold already"),
        (STATED.replace('"3"', '"three"'), "the number of the disclosure model"),
        (STATED.replace('@title("t") ', ""), "has the annotations"),
        (STATED.replace('"X"', '"9-address"'), "the same @id"),
        (STATED.replace("identity", "identiti"), "identiti"),
        (STATED.replace("block:", "grant:"), "`block:` groups only"),
        (STATED.replace(";", " when { context.days_to_release + 1 > 2 };"), "outside the subset"),
        (STATED.replace(";", " when { context.asigned };"), "asigned"),
        ("forbid", "unexpected"),
    ],
)
def test_an_invariant_that_is_not_well_written_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message) as raised:
        read_invariants(written(tmp_path, text), VOCABULARY)
    assert "invariants/1.cedar" in {finding.file for finding in raised.value.findings}


def test_a_bundle_that_lost_an_invariant_is_refused(tmp_path: Path) -> None:
    directory = written(tmp_path, STATED)
    (directory / "invariants/12_territory.cedar").unlink()
    with pytest.raises(PolicyError, match="invariant 12 is not stated"):
        read_invariants(directory, VOCABULARY)


def test_a_bundle_without_invariants_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no invariants to prove"):
        read_invariants(tmp_path, VOCABULARY)


def test_other_files_among_the_invariants_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"only \.cedar files"):
        read_invariants(written(tmp_path, "", file="invariants/notes.txt"), VOCABULARY)


def test_the_facts_that_may_narrow_only_are_all_in_the_proof(bundle: Bundle) -> None:
    (subject, *_) = subjects_of(bundle)
    assert not DECIDING_FACTS - {fact.name for fact in subject.facts.by_path.values()}


def ids(found: Iterable[Invariant]) -> list[str]:
    return [invariant.id for invariant in found]


def test_invariants_come_by_number() -> None:
    numbers = [invariant.number for invariant in INVARIANTS]
    assert numbers == sorted(numbers)
    assert len(set(ids(INVARIANTS))) == len(INVARIANTS)


# -- the table in the documentation -----------------------------------------------------------


def test_the_table_says_of_each_invariant_how_it_is_held(report: Report) -> None:
    table = (SHIPPED.parent / "docs" / "policy-invariants.md").read_text()
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert [int(row[0].strip("| ")) for row in rows] == list(range(1, 29))
    for proof in report.proofs:
        if proof.number in range(1, 28):
            assert f"`{proof.id}`" in rows[proof.number - 1][2]
