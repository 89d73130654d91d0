"""The probe against the engine asked action by action, and what it does with bad requests."""

from collections.abc import MutableMapping
from dataclasses import FrozenInstanceError, replace
from datetime import date
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import contribute, release
from app.policy.bundle import Bundle
from app.policy.engine import Authorizer
from app.policy.errors import DecisionFailed
from app.policy.request import Request, principal
from app.policy.roles import ROLE_PURPOSES
from tests.effort import examples

DAY = date(2027, 3, 3)
MUNICIPALITIES = st.sampled_from(["gjilan", "vitia", "prishtina"])
# Small sets: the engine reads each again for each of some four hundred actions.
PATHS = st.frozensets(st.sampled_from(sorted(FIELDS)), max_size=4)
PARTS = st.frozensets(st.sampled_from([*SECTIONS, "identity.national_id_number"]), max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any request, with a bias to purposes of the role and to days near the windows."""
    role = draw(st.sampled_from(sorted(ROLE_PURPOSES)))
    own = st.sampled_from(ROLE_PURPOSES[role])
    every = st.sampled_from([purpose for some in ROLE_PURPOSES.values() for purpose in some])
    return Request(
        role=role,
        agency=draw(st.sampled_from(["prison", "agency"])),
        client="client",
        purpose=draw(own | own | every),
        custodian="prison",
        municipalities=draw(st.frozensets(MUNICIPALITIES)),
        officer_assurance=draw(st.sampled_from(["asserted", "proven"])),
        return_municipality=draw(st.none() | MUNICIPALITIES),
        leave_municipality=draw(st.none() | MUNICIPALITIES),
        days_to_release=draw(st.none() | st.integers(-182, 92) | st.integers(-(2**63), 2**63 - 1)),
        support_open=draw(st.booleans()),
        incident=draw(st.booleans()),
        assigned=draw(st.booleans()),
        designated=draw(st.booleans()),
        child_linked=draw(st.booleans()),
        victim_registered=draw(st.booleans()),
        transfer_approved=draw(st.booleans()),
        consents=draw(PATHS),
        relative_consents=draw(PATHS),
        vital_interest=draw(PATHS),
        court_orders=draw(PARTS),
        legal_authorities=draw(PARTS),
    )


@pytest.fixture(scope="session")
def reference(bundle: Bundle, schema: str) -> Authorizer:
    """The whole bundle as written, asked one action at a time."""
    rules = {id_: policy.rule for id_, policy in bundle.policies.items()}
    return Authorizer(rules, cedarpy.Schema.from_str(schema), bundle.vocabulary.fields)


@examples(4)
@given(request=requests())
def test_the_decision_is_that_of_the_engine_action_by_action(
    bundle: Bundle, reference: Authorizer, request: Request
) -> None:
    decision = bundle.decide(request, at=DAY)
    actions = bundle.vocabulary.actions
    allowed = dict(zip(actions, reference.reasons(actions, request), strict=True))
    for path, field in decision.fields.items():
        forms = [form for form in DISCLOSED_FORMS if allowed[release(path, form)]]
        assert field.form is (max(forms) if forms else Form.NONE)
        if forms:
            assert frozenset(field.policies) == allowed[release(path, field.form)]
    for section in bundle.vocabulary.owners:
        assert (section in decision.contribute) is bool(allowed[contribute(section)])


@examples(30)
@given(request=requests())
def test_a_field_is_explained_if_and_only_if_it_is_released(
    bundle: Bundle, request: Request
) -> None:
    for field in bundle.decide(request, at=DAY).fields.values():
        released = field.form is not Form.NONE
        assert bool(field.policies) is released
        assert bool(field.legal_bases) is released
        assert bool(field.agreements) is released
        assert (field.reason is None) is released


BAD: dict[str, dict[str, Any]] = {
    "an unknown role": {"role": "mayor"},
    "an unknown purpose": {"purpose": "curiosity"},
    "an unknown assurance": {"officer_assurance": "sworn"},
    "days beyond the engine's numbers": {"days_to_release": 2**63},
    "days that are no number": {"days_to_release": "soon"},
    "a referral that is no truth value": {"assigned": "yes"},
    "an approval that is no truth value": {"transfer_approved": "yes"},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_no_decision_and_withholds_everything(
    bundle: Bundle, probation: Request, name: str
) -> None:
    with pytest.raises(DecisionFailed) as failed:
        bundle.decide(replace(probation, **BAD[name]), at=DAY)
    assert failed.value.detail == "the policy could not be decided; everything is withheld"


def test_the_engine_itself_raises_nothing_for_a_bad_context(schema: str) -> None:
    """The trap behind the test above: `NoDecision` is not Deny, and no exception comes."""
    result = cedarpy.is_authorized(
        {
            "principal": 'Client::"c"',
            "action": 'Action::"read_access_log"',
            "resource": 'InmateFile::"f"',
            "context": {"purpose": "curiosity"},
        },
        "permit (principal, action, resource);",
        [],
        schema,
    )
    assert result.decision is cedarpy.Decision.NoDecision


def test_a_condition_that_errs_withholds_everything(schema: str, probation: Request) -> None:
    """Loading refuses such a policy; were one to pass, the probe would not believe the rest."""
    from app.policy.engine import parse

    rules = {
        "good": parse("permit (principal, action, resource);"),
        "errs": parse("permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };"),
    }
    authorizer = Authorizer(rules, cedarpy.Schema.from_str(schema), FIELDS)
    with pytest.raises(DecisionFailed):
        authorizer.reasons(["read_access_log"], probation)


def test_a_client_has_one_role(probation: Request) -> None:
    assert principal(probation)["parents"] == [{"type": "Role", "id": "probation_service"}]


@pytest.mark.parametrize(
    "fact",
    ["consents", "relative_consents", "vital_interest", "court_orders", "legal_authorities"],
)
def test_what_is_said_of_a_field_that_is_gone_says_nothing(
    bundle: Bundle, probation: Request, fact: str
) -> None:
    gone: dict[str, Any] = {fact: frozenset({"identity.tattoos", "tattoos"})}
    stale = replace(probation, **gone)
    assert bundle.decide(stale, at=DAY) == bundle.decide(probation, at=DAY)


def test_names_are_compared_in_one_normal_form(bundle: Bundle) -> None:
    decomposed, composed = "pec\u0301", "pe\u0107"
    request = Request(
        role="police_local",
        agency="plo",
        client="c",
        purpose="welfare_check",
        custodian="prison",
        municipalities=frozenset({decomposed}),
        return_municipality=composed,
        days_to_release=3,
    )
    assert bundle.decide(request, at=DAY).released


def test_decisions_of_one_question_are_one_value(bundle: Bundle, probation: Request) -> None:
    again = replace(probation, client="another officer's client")
    assert bundle.decide(probation, at=DAY) is bundle.decide(again, at=DAY)


def test_a_decision_cannot_be_changed(bundle: Bundle, probation: Request) -> None:
    decision = bundle.decide(probation, at=DAY)
    with pytest.raises(FrozenInstanceError):
        decision.digest = ""  # type: ignore[misc]  # the point of the test
    assert not isinstance(decision.fields, MutableMapping)
