from collections.abc import Callable
from datetime import date
from itertools import product

import pytest

from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.decision import Reason
from app.policy.request import Request
from app.policy.roles import PURPOSES, ROLE_PURPOSES

Load = Callable[..., Bundle]

DAY = date(2027, 3, 3)
HEAD = '@agreement("A") @legal_basis("L") '
PERMIT = (
    '@id("P") ' + HEAD + 'permit (principal in Role::"probation_service", '
    'action in Action::"grant:identity.full_name:full", resource) '
    'when { context.purpose == Purpose::"supervision" };'
)
FORBID = (
    '@id("F") ' + HEAD + "forbid (principal, "
    'action in Action::"block:identity:summary", resource) '
    'when { principal.agency == "probation-1" };'
)


def test_a_forbid_cuts_the_form_and_is_named(load: Load, probation: Request) -> None:
    field = load(PERMIT, FORBID).decide(probation, at=DAY).fields["identity.full_name"]
    assert field.form is Form.GENERALISED
    assert field.policies == ("P",)
    assert field.cut_by == ("F",)


def test_a_forbid_of_the_lowest_form_withholds(load: Load, probation: Request) -> None:
    decision = load(PERMIT, FORBID.replace("summary", "existence")).decide(probation, at=DAY)
    field = decision.fields["identity.full_name"]
    assert field.form is Form.NONE
    assert field.policies == ()
    assert field.cut_by == ("F",)
    assert field.reason is Reason.CONDITIONS_NOT_MET
    assert decision.satisfied == {"P", "F"}


def test_a_forbid_that_took_nothing_is_not_named(load: Load, probation: Request) -> None:
    decision = load(PERMIT, FORBID).decide(probation, at=DAY)
    assert decision.fields["identity.date_of_birth"].cut_by == ()


def test_what_a_forbid_always_takes_is_never_for_the_role(load: Load, probation: Request) -> None:
    always = FORBID.replace(' when { principal.agency == "probation-1" }', "")
    decision = load(PERMIT, always.replace("summary", "existence")).decide(probation, at=DAY)
    assert decision.fields["identity.full_name"].reason is Reason.NOT_FOR_THIS_ROLE


def test_the_highest_form_of_several_permits_is_released(load: Load, probation: Request) -> None:
    lower = PERMIT.replace('"P"', '"Q"').replace(":full", ":existence")
    field = load(lower, PERMIT).decide(probation, at=DAY).fields["identity.full_name"]
    assert field.form is Form.FULL
    assert field.policies == ("P",)


@pytest.mark.parametrize(
    ("role", "purpose", "path", "reason"),
    [
        ("employment_service", "employment_support", "sentence.offence_category", "role"),
        ("employment_service", "employment_support", "identity.full_name", "conditions"),
        ("employment_service", "supervision", "identity.full_name", "purpose"),
        ("police_local", "welfare_check", "health.self_harm_alert", "role"),
        ("police_local", "welfare_check", "identity.full_name", "conditions"),
        ("oversight_auditor", "self_monitoring", "identity.full_name", "role"),
        ("ngo_mentor", "mentoring", "identity.full_name", "conditions"),
        ("ngo_mentor", "mentoring", "sentence.legal_status", "role"),
        ("national_coordinator", "policy_monitoring", "identity.full_name", "role"),
    ],
)
def test_reasons_of_the_shipped_bundle(
    bundle: Bundle, role: str, purpose: str, path: str, reason: str
) -> None:
    expected = {
        "role": Reason.NOT_FOR_THIS_ROLE,
        "purpose": Reason.NOT_FOR_THIS_PURPOSE,
        "conditions": Reason.CONDITIONS_NOT_MET,
    }
    table = bundle.span(DAY).table
    place = table.vocabulary.fields.index(path)
    assert table.reasons[role, purpose][place] is expected[reason]


def test_there_is_a_reason_for_every_role_purpose_and_field(bundle: Bundle) -> None:
    table = bundle.span(DAY).table
    assert set(table.reasons) == set(product(ROLE_PURPOSES, PURPOSES))
    assert {len(row) for row in table.reasons.values()} == {len(table.vocabulary.fields)}
