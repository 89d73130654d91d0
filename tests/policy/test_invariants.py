"""The hard invariants that these policies touch, by their numbers in the disclosure model.

`reach` is the highest form that a role can get of a field over all purposes, facts and days.
Loading refuses conditions that hold because a fact is missing, so the most favourable request
has the most of everything; only days and custody are tried one by one. The roles are those of
recipients: an owner reads what it wrote, which is said where it matters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable

DAY = date(2027, 3, 3)
DAYS = (None, 500, 91, 90, 31, 30, 1, 0, -1, -180, -181)
SUPPORT = {
    "reintegration_unit",
    "social_welfare_centre",
    "municipal_team",
    "child_protection_authority",
    "health_provider",
    "employment_service",
    "ngo_mentor",
    "religious_counsellor",
}
EVERYBODY = set(ROLE_PURPOSES)
TOLD_LITTLE = {"employment_service", "ngo_mentor", "religious_counsellor", "municipal_team"}

Reach = Mapping[str, Mapping[str, Form]]


@pytest.fixture(scope="session")
def reach(bundle: Bundle) -> Reach:
    highest = {role: dict.fromkeys(FIELDS, Form.NONE) for role in ROLE_PURPOSES}
    for role, purposes in ROLE_PURPOSES.items():
        for purpose, days, custodian in product(purposes, DAYS, ("agency", "another")):
            request = replace(
                most_favourable(role, purpose, fields=frozenset(FIELDS)),
                days_to_release=days,
                custodian=custodian,
            )
            for path, field in bundle.decide(request, at=DAY).fields.items():
                highest[role][path] = max(highest[role][path], field.form)
    return highest


def section(name: str) -> list[str]:
    return [path for path in FIELDS if path.startswith(f"{name}.")]


def assert_none(reach: Reach, roles: Iterable[str], paths: Iterable[str]) -> None:
    found = {(role, path) for role, path in product(roles, paths) if reach[role][path]}
    assert found == set()


def test_1_the_clinical_record_reaches_health_alone(reach: Reach) -> None:
    clinical = ["health.mental_health_diagnosis", "health.health_summary_clinical"]
    assert_none(reach, EVERYBODY - {"health_provider"}, clinical)


def test_2_religion_reaches_the_person_and_the_counsellor_alone(reach: Reach) -> None:
    others = EVERYBODY - {"religious_counsellor", "data_subject"}
    assert_none(reach, others, ["belief_pastoral.religion_belief"])


def test_3_support_never_learns_the_offence(reach: Reach) -> None:
    paths = [
        "sentence.offence_category",
        "sentence.offence_articles",
        "extremism_status.veto_status",
    ]
    assert_none(reach, TOLD_LITTLE | {"health_provider"}, paths)


def test_4_employment_learns_no_risk_and_no_extremism_status(reach: Reach) -> None:
    paths = section("extremism_status") + section("risk_assessment")
    assert_none(reach, {"employment_service"}, paths)


def test_5_an_intelligence_marker_is_at_most_known_to_exist(reach: Reach) -> None:
    marker = "security_intelligence.intelligence_marker"
    assert reach["police_ct"][marker] <= Form.EXISTENCE
    # The prison service wrote it and keeps it.
    assert_none(reach, EVERYBODY - {"police_ct", "correctional_service"}, [marker])


def test_6_children_are_named_to_child_protection_alone(reach: Reach) -> None:
    named = EVERYBODY - {"child_protection_authority"}
    assert_none(reach, named, ["children.child_identities"])


def test_8_nothing_of_victims_reaches_support(reach: Reach) -> None:
    paths = [*section("victim_protection"), "supervision.contact_prohibitions"]
    assert_none(reach, SUPPORT - {"child_protection_authority"}, paths)


def test_9_the_address_never_reaches_victim_support(reach: Reach) -> None:
    assert_none(reach, {"victim_support_service"}, ["residence_contact.return_address"])


def test_10_the_coordinator_receives_no_value(reach: Reach) -> None:
    assert_none(reach, {"national_coordinator"}, FIELDS)


def test_16_self_harm_never_reaches_the_police(reach: Reach) -> None:
    assert_none(reach, {"police_local", "police_ct"}, ["health.self_harm_alert"])


def test_17_third_persons_stay_with_prison_probation_and_court(reach: Reach) -> None:
    others = EVERYBODY - {"correctional_service", "probation_service", "court_panel"}
    assert_none(reach, others, ["security_intelligence.non_association_markers"])
    assert all(reach[role]["supervision.contact_prohibitions"] < Form.FULL for role in others)


def test_18_the_two_tracks_stay_apart(reach: Reach) -> None:
    paths = {
        *section("extremism_status"),
        *section("risk_assessment"),
        *section("security_intelligence"),
    }
    assert_none(reach, TOLD_LITTLE, paths - {"security_intelligence.staff_safety_arrangement"})


def test_19_the_return_status_reaches_no_local_police_and_no_gateway(reach: Reach) -> None:
    allowed = {
        "correctional_service",
        "child_protection_authority",
        "social_welfare_centre",
        "reintegration_unit",
        "probation_service",
        "court_panel",
        "police_ct",
    }
    assert_none(reach, EVERYBODY - allowed, ["extremism_status.ftf_return_status"])


def test_20_a_refusal_is_shown_to_court_probation_reintegration_and_owner_alone(
    reach: Reach,
) -> None:
    allowed = {
        "correctional_service",
        "probation_service",
        "court_panel",
        "reintegration_unit",
    }
    full = {
        role
        for role in ROLE_PURPOSES
        if reach[role]["extremism_status.disengagement_stage"] is Form.FULL
    }
    assert full <= allowed


def test_21_nothing_of_care_family_belief_or_plans_crosses_the_border(reach: Reach) -> None:
    names = ("health", "family", "children", "needs", "belief_pastoral", "plan")
    paths = [path for name in names for path in section(name)]
    assert_none(reach, {"international_gateway"}, paths)


def test_22_the_auditor_receives_no_value(reach: Reach) -> None:
    assert_none(reach, {"oversight_auditor"}, FIELDS)


def test_a_role_without_policies_receives_nothing(reach: Reach) -> None:
    not_yet = {
        "police_ct",
        "international_gateway",
        "reintegration_unit",
        "municipal_team",
        "ngo_mentor",
        "religious_counsellor",
    }
    assert_none(reach, not_yet, FIELDS)


def test_no_form_exceeds_the_raised_safety_arrangement(reach: Reach) -> None:
    arrangement = "security_intelligence.staff_safety_arrangement"
    assert reach["social_welfare_centre"][arrangement] is Form.SUMMARY
    assert reach["probation_service"][arrangement] is Form.SUMMARY
    assert reach["police_local"][arrangement] is Form.NONE
    assert reach["employment_service"][arrangement] is Form.NONE


# -- over random requests ---------------------------------------------------------------------

MUNICIPALITIES = st.sampled_from(["gjilan", "vitia", "prishtina"])
CONSENTS = st.frozensets(st.sampled_from(sorted(FIELDS)))
WHOLE = settings(max_examples=150, deadline=None)


@st.composite
def requests(draw: st.DrawFn, roles: Iterable[str] = ROLE_PURPOSES) -> Request:
    role = draw(st.sampled_from(sorted(roles)))
    return Request(
        role=role,
        agency=draw(st.sampled_from(["prison", "agency"])),
        client="client",
        purpose=draw(st.sampled_from(ROLE_PURPOSES[role])),
        custodian="prison",
        municipalities=draw(st.frozensets(MUNICIPALITIES)),
        return_municipality=draw(st.none() | MUNICIPALITIES),
        leave_municipality=draw(st.none() | MUNICIPALITIES),
        days_to_release=draw(st.none() | st.integers(-200, 200)),
        assigned=draw(st.booleans()),
        consents=draw(CONSENTS),
    )


def forms(bundle: Bundle, request: Request, **changes: Any) -> dict[str, Form]:  # noqa: ANN401 - fields of Request
    decision = bundle.decide(replace(request, **changes), at=DAY)
    return {path: field.form for path, field in decision.fields.items()}


def assert_no_more(less: Mapping[str, Form], more: Mapping[str, Form]) -> None:
    assert {path for path in less if less[path] > more[path]} == set()


@WHOLE
@given(request=requests(), day=st.dates(date(2024, 1, 1), date(2032, 1, 1)))
def test_11_what_is_released_has_a_ground_in_force(
    bundle: Bundle, request: Request, day: date
) -> None:
    for field in bundle.decide(request, at=day).released.values():
        assert field.legal_bases
        assert all(bundle.register.legal_bases[id_].citation for id_ in field.legal_bases)
        assert all(bundle.register.agreements[id_].in_force(day) for id_ in field.agreements)


@WHOLE
@given(request=requests({"police_local"}))
def test_12_police_of_another_municipality_get_nothing(bundle: Bundle, request: Request) -> None:
    concerned = {request.return_municipality, request.leave_municipality}
    assume(not request.municipalities & concerned)
    assert set(forms(bundle, request).values()) == {Form.NONE}


@WHOLE
@given(request=requests(), withdrawn=CONSENTS)
def test_13_withdrawing_consent_never_gives_more(
    bundle: Bundle, request: Request, withdrawn: frozenset[str]
) -> None:
    after = forms(bundle, request, consents=request.consents - withdrawn)
    assert_no_more(after, forms(bundle, request))


@WHOLE
@given(request=requests({"employment_service"}))
def test_13_without_consent_a_consented_cell_is_shut(bundle: Bundle, request: Request) -> None:
    released = bundle.decide(request, at=DAY).released
    assert set(released) <= request.consents


@WHOLE
@given(request=requests(), path=st.sampled_from(sorted(FIELDS)))
def test_13_a_consent_opens_at_most_its_own_field(
    bundle: Bundle, request: Request, path: str
) -> None:
    before = forms(bundle, request, consents=request.consents - {path})
    after = forms(bundle, request, consents=request.consents | {path})
    assert {other for other in FIELDS if before[other] != after[other]} <= {path}


@WHOLE
@given(request=requests(), days=st.tuples(st.integers(0, 400), st.integers(0, 400)))
def test_14_before_the_release_more_days_never_disclose_more(
    bundle: Bundle, request: Request, days: tuple[int, int]
) -> None:
    near, far = sorted(days)
    assert_no_more(
        forms(bundle, request, days_to_release=far), forms(bundle, request, days_to_release=near)
    )


@WHOLE
@given(
    request=requests({"police_local", "social_welfare_centre"}),
    days=st.integers(91, 10_000) | st.integers(-10_000, -181) | st.none(),
)
def test_14_outside_the_window_every_windowed_cell_is_shut(
    bundle: Bundle, request: Request, days: int | None
) -> None:
    shut = forms(bundle, request, days_to_release=days, leave_municipality=None)
    windowed = [
        path
        for path in FIELDS
        if request.role == "police_local"
        or path.startswith(("identity.", "residence_contact.", "release."))
    ]
    assert {shut[path] for path in windowed} == {Form.NONE}


@WHOLE
@given(
    request=requests(),
    missing=st.sampled_from(
        [
            {"municipalities": frozenset()},
            {"return_municipality": None},
            {"leave_municipality": None},
            {"days_to_release": None},
            {"assigned": False},
            {"consents": frozenset()},
        ]
    ),
)
def test_a_missing_fact_never_gives_more(
    bundle: Bundle, request: Request, missing: Mapping[str, Any]
) -> None:
    assert_no_more(forms(bundle, request, **missing), forms(bundle, request))


@WHOLE
@given(request=requests(), other=requests())
def test_24_reasons_tell_nothing_but_role_and_purpose(
    bundle: Bundle, request: Request, other: Request
) -> None:
    other = replace(other, role=request.role, purpose=request.purpose)
    mine, theirs = (bundle.decide(one, at=DAY).fields for one in (request, other))
    for path in FIELDS:
        if mine[path].reason and theirs[path].reason:
            assert mine[path].reason is theirs[path].reason


@WHOLE
@given(request=requests())
def test_28_nobody_contributes_a_section_that_it_does_not_own(
    bundle: Bundle, request: Request
) -> None:
    for name in bundle.decide(request, at=DAY).contribute:
        assert SECTIONS[name].owner_role == request.role
