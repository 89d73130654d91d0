import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.explain import Explanation, FieldExplanation, explain
from app.policy.request import Request
from app.policy.request_json import request_from_json, request_to_json
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from app.problems import InvalidInput
from tests.effort import examples
from tests.policy.unchecked import agreement, bundle_of, forbid, permit, register

DAY = date(2027, 3, 3)
PATH = "identity.full_name"
NAME = f"grant:{PATH}:full"
DAYS = "context has days_to_release && context.days_to_release"
TERRITORY = (
    "resource has return_municipality",
    "principal.municipalities.contains(resource.return_municipality)",
)


def police(**facts: object) -> Request:
    return Request(
        role="police_local",
        agency="police",
        client="client",
        custodian="prison",
        **{"purpose": "public_protection_local", **facts},  # type: ignore[arg-type]  # each its own
    )


def of_the_name(bundle: Bundle, request: Request) -> FieldExplanation:
    explanation = explain(bundle, request, at=DAY)
    return next(field for field in explanation.fields if field.path == PATH)


def needed(field: FieldExplanation) -> list[tuple[str, str, list[str]]]:
    return [
        (opening.policy.id, opening.form.code, [clause.words for clause in opening.unmet])
        for opening in field.openings
    ]


def test_a_released_field_names_its_policies_with_their_citations() -> None:
    bundle = bundle_of(permit("police_local", NAME))
    explanation = explain(bundle, police(), at=DAY).only([PATH])
    (field,) = explanation.to_json()["fields"]
    assert (field["form"], field["reason"], field["would_open"]) == ("full", None, [])
    assert field["released_by"] == [
        {
            "policy": "P",
            "legal_basis": "L",
            "citation": "Law on planted policies, Article 1",
            "agreement": "A",
            "agreement_citation": "Planted agreement",
            "valid_until": "2030-12-31",
        }
    ]


def test_a_withheld_field_names_exactly_the_unmet_conditions() -> None:
    bundle = bundle_of(
        permit("police_local", NAME, *TERRITORY, f"{DAYS} <= 30", "context.days_to_release >= -180")
    )
    late = police(
        municipalities=frozenset({"gjilan"}), return_municipality="gjilan", days_to_release=31
    )
    window = "from 30 days before the release to 180 days after the release"
    place = "the person returns to its territory"
    assert needed(of_the_name(bundle, late)) == [("P", "full", [window])]
    elsewhere = replace(late, days_to_release=30, return_municipality="vitia")
    assert needed(of_the_name(bundle, elsewhere)) == [("P", "full", [place])]
    nothing_known = police()
    assert needed(of_the_name(bundle, nothing_known)) == [("P", "full", [place, window])]


def test_the_wrong_purpose_is_said() -> None:
    field = of_the_name(bundle_of(permit("police_local", NAME)), police(purpose="welfare_check"))
    assert needed(field) == [("P", "full", ["the purpose is public_protection_local"])]


def test_a_forbid_that_cut_is_named_and_no_way_around_it_is_offered() -> None:
    bundle = bundle_of(
        permit("police_local", NAME, "context.assigned"),
        permit("police_local", "grant:identity.full_name:summary", id_="Q"),
        forbid("block:identity:generalised"),
    )
    field = of_the_name(bundle, police())
    assert field.decision.form is Form.EXISTENCE
    assert field.decision.cut_by == ("F",)
    assert needed(field) == []


def test_a_higher_form_that_could_be_had_is_offered_the_nearest_first() -> None:
    bundle = bundle_of(
        permit("police_local", f"grant:{PATH}:existence"),
        permit("police_local", NAME, "context.assigned", "context.designated", id_="Q"),
        permit("police_local", f"grant:{PATH}:summary", "context.designated", id_="R"),
    )
    assert needed(of_the_name(bundle, police(assigned=True))) == [
        ("Q", "full", ["it is a designated, trained unit"]),
        ("R", "summary", ["it is a designated, trained unit"]),
    ]


def test_an_agreement_that_ended_is_said() -> None:
    bundle = bundle_of(
        permit("police_local", NAME), of=register(agreement(last=date(2026, 12, 31)))
    )
    words = "the agreement A is in force (2025-01-01 to 2026-12-31)"
    assert needed(of_the_name(bundle, police())) == [("P", "full", [words])]


def test_a_field_for_another_role_has_a_reason_and_nothing_to_offer(bundle: Bundle) -> None:
    request = most_favourable("oversight_auditor", "self_monitoring", fields=frozenset(FIELDS))
    explanation = explain(bundle, request, at=DAY)
    assert [field.path for field in explanation.fields] == list(FIELDS)
    assert {field.decision.reason for field in explanation.fields} == {"not_for_this_role"}
    assert [opening for field in explanation.fields for opening in field.openings] == []


@examples(10)
@given(
    role=st.sampled_from(sorted(ROLE_PURPOSES)),
    flags=st.lists(st.booleans(), min_size=4, max_size=4),
    days=st.none() | st.integers(-200, 200),
    consents=st.frozensets(st.sampled_from(sorted(FIELDS))),
)
def test_what_has_no_unmet_condition_is_released(
    bundle: Bundle, role: str, flags: list[bool], days: int | None, consents: frozenset[str]
) -> None:
    request = replace(
        most_favourable(role, ROLE_PURPOSES[role][0], fields=frozenset(FIELDS)),
        assigned=flags[0],
        designated=flags[1],
        incident=flags[2],
        municipalities=frozenset({"municipality"} if flags[3] else ()),
        days_to_release=days,
        consents=consents,
    )
    explanation = explain(bundle, request, at=DAY)
    decision = bundle.decide(request, at=DAY)
    for field in explanation.fields:
        assert field.decision == decision.fields[field.path]
        assert all(opening.unmet for opening in field.openings)
        assert all(opening.form > field.decision.form for opening in field.openings)


def test_meeting_what_is_unmet_opens_the_field(bundle: Bundle) -> None:
    request = Request(
        role="social_welfare_centre",
        agency="welfare",
        client="client",
        purpose="social_support",
        custodian="prison",
        municipalities=frozenset({"gjilan"}),
        return_municipality="gjilan",
        support_open=True,
        days_to_release=60,
    )
    unmet = needed(of_the_name(bundle, request))
    assert unmet[0][2] == ["it accepted a referral of the person"]
    opened = of_the_name(bundle, replace(request, assigned=True))
    assert opened.decision.form is Form.FULL
    assert needed(opened) == []


def test_an_explanation_is_json(bundle: Bundle) -> None:
    explanation = explain(bundle, police(days_to_release=3), at=DAY)
    content = json.loads(json.dumps(explanation.to_json()))
    assert isinstance(explanation, Explanation)
    assert content.keys() == {"digest", "day", "request", "fields"}
    assert content["request"]["days_to_release"] == 3


# -- requests as JSON -------------------------------------------------------------------------


def test_a_request_survives_json(bundle: Bundle) -> None:
    fields = frozenset(bundle.vocabulary.fields)
    request = most_favourable("health_provider", "continuity_of_care", fields=fields)
    content = json.loads(json.dumps(request_to_json(request)))
    assert request_from_json(content) == request


def test_absent_facts_are_left_out() -> None:
    assert request_to_json(police()).keys() == {"role", "agency", "client", "purpose", "custodian"}


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        ({"role": "king"}, "/role", "one of correctional_service"),
        ({"purpose": "gossip"}, "/purpose", "one of"),
        ({"assigned": 1}, "/assigned", "true or false"),
        ({"days_to_release": True}, "/days_to_release", "a whole number"),
        ({"consents": "identity.full_name"}, "/consents", "a list of texts"),
        ({"consents": [1]}, "/consents", "a list of texts"),
        ({"agency": None}, "/agency", "a text"),
        ({"asigned": True}, "/asigned", "no such fact"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(
    change: dict[str, object], pointer: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        request_from_json({**request_to_json(police()), **change})
    (error,) = raised.value.errors
    assert error.pointer == pointer
    assert message in error.message


def test_a_needed_fact_is_asked_for() -> None:
    with pytest.raises(InvalidInput) as raised:
        request_from_json({"role": "police_local"})
    assert {error.pointer for error in raised.value.errors} == {
        "/agency",
        "/client",
        "/purpose",
        "/custodian",
    }
