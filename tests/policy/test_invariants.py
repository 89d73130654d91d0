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
from hypothesis import assume, given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from tests.effort import examples

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
    notice = "security_intelligence.international_notice_ref"
    assert reach["police_ct"][notice] <= Form.EXISTENCE
    assert_none(reach, EVERYBODY - {"police_ct", "correctional_service"}, [marker, notice])


def test_6_children_are_named_to_child_protection_alone(reach: Reach) -> None:
    named = EVERYBODY - {"child_protection_authority", "social_welfare_centre"}
    assert_none(reach, named, ["children.child_identities"])
    # A centre that is a child's guardian: that there are some, until each is decided alone.
    assert reach["social_welfare_centre"]["children.child_identities"] is Form.EXISTENCE


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


def test_19_that_somebody_came_back_as_a_dependant_is_for_care_alone(reach: Reach) -> None:
    allowed = {
        "correctional_service",
        "child_protection_authority",
        "social_welfare_centre",
        "reintegration_unit",
        "probation_service",
    }
    # Below full the value is folded.
    others = EVERYBODY - allowed
    assert all(reach[r]["extremism_status.ftf_return_status"] < Form.FULL for r in others)


def test_levels_of_violent_extremism_stay_with_those_who_decide_or_supervise(reach: Reach) -> None:
    paths = [
        "risk_assessment.risk_level_ve",
        "risk_assessment.risk_narrative",
        "extremism_status.radicalisation_screening_outcome",
    ]
    allowed = {"correctional_service", "probation_service", "court_panel", "police_ct"}
    assert_none(reach, EVERYBODY - allowed, paths)


def test_every_receiving_role_but_the_coordinator_receives_something(reach: Reach) -> None:
    nothing = {role for role in ROLE_PURPOSES if not any(reach[role].values())}
    assert nothing == {"national_coordinator", "oversight_auditor"}


def test_the_safety_arrangement_reaches_whoever_may_have_anything_of_its_section(
    reach: Reach,
) -> None:
    arrangement = "security_intelligence.staff_safety_arrangement"
    met = {role for role in ROLE_PURPOSES if reach[role][arrangement] is Form.SUMMARY}
    assert met == {
        "probation_service",
        "court_panel",
        "police_local",
        "police_ct",
        "reintegration_unit",
        "social_welfare_centre",
        "child_protection_authority",
        "health_provider",
        "ngo_mentor",
    }


# -- over random requests ---------------------------------------------------------------------

MUNICIPALITIES = st.sampled_from(["gjilan", "vitia", "prishtina"])
PATHS = st.frozensets(st.sampled_from(sorted(FIELDS)))
PARTS = st.frozensets(st.sampled_from([*SECTIONS, *FIELDS]))
WHOLE = examples(25)


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
@given(request=requests(), withdrawn=PATHS, name=st.sampled_from(["consents", "relative_consents"]))
def test_13_withdrawing_consent_never_gives_more(
    bundle: Bundle, request: Request, withdrawn: frozenset[str], name: str
) -> None:
    after = forms(bundle, request, **{name: getattr(request, name) - withdrawn})
    assert_no_more(after, forms(bundle, request))


@WHOLE
@given(request=requests({"employment_service", "religious_counsellor", "ngo_mentor"}))
def test_13_without_consent_a_consented_cell_is_shut(bundle: Bundle, request: Request) -> None:
    released = set(bundle.decide(request, at=DAY).released)
    # One arrangement rests on the referral, and the relative consents alone.
    other = {"security_intelligence.staff_safety_arrangement", "family.family_contact_person"}
    assert released - other <= request.consents


@WHOLE
@given(request=requests(), path=st.sampled_from(sorted(FIELDS)))
def test_13_a_consent_opens_at_most_its_own_field(
    bundle: Bundle, request: Request, path: str
) -> None:
    for name in ("consents", "relative_consents"):
        given_ = getattr(request, name)
        before = forms(bundle, request, **{name: given_ - {path}})
        after = forms(bundle, request, **{name: given_ | {path}})
        assert {other for other in FIELDS if before[other] != after[other]} <= {path}


OF_RELATIVES = ("custody.emergency_contact", "family.family_contact_person")


@WHOLE
@given(request=requests(EVERYBODY - {"correctional_service"}))
def test_13_of_a_relative_nothing_without_that_relatives_word(
    bundle: Bundle, request: Request
) -> None:
    for path in OF_RELATIVES:
        if path not in request.relative_consents | request.vital_interest:
            assert forms(bundle, request)[path] is Form.NONE


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
    changes: dict[str, Any] = {"leave_municipality": None, "incident": False}
    shut = forms(bundle, request, days_to_release=days, **changes)
    # A named legal authority opens other sections to the police at any time.
    names = ("identity.", "residence_contact.", "release.")
    windowed = [path for path in FIELDS if path.startswith(names)]
    if request.role == "police_local":
        windowed += section("sentence")
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
            {"incident": False},
            {"assigned": False},
            {"designated": False},
            {"child_linked": False},
            {"victim_registered": False},
            {"transfer_approved": False},
            {"consents": frozenset()},
            {"relative_consents": frozenset()},
            {"vital_interest": frozenset()},
            {"court_orders": frozenset()},
            {"legal_authorities": frozenset()},
        ]
    ),
)
def test_a_missing_fact_never_gives_more(
    bundle: Bundle, request: Request, missing: Mapping[str, Any]
) -> None:
    assert_no_more(forms(bundle, request, **missing), forms(bundle, request))


@WHOLE
@given(
    request=requests(),
    part=st.sampled_from([*SECTIONS, *FIELDS]),
    name=st.sampled_from(["court_orders", "legal_authorities"]),
)
def test_an_order_or_an_authority_opens_at_most_the_part_that_it_names(
    bundle: Bundle, request: Request, part: str, name: str
) -> None:
    given_ = getattr(request, name)
    before = forms(bundle, request, **{name: given_ - {part}})
    after = forms(bundle, request, **{name: given_ | {part}})
    changed = {path for path in FIELDS if before[path] != after[path]}
    # Conditions of supervision to enforce are what the police need the civil number for.
    enforced = {"identity.national_id_number"} if part == "supervision" else set()
    assert changed - enforced <= {path for path in FIELDS if part in (path, path.split(".")[0])}


@WHOLE
@given(request=requests({"international_gateway"}))
def test_21_nothing_goes_abroad_without_two_approvals(bundle: Bundle, request: Request) -> None:
    assert set(forms(bundle, request, transfer_approved=False).values()) == {Form.NONE}


@WHOLE
@given(request=requests(), granted=PATHS)
def test_27_a_vital_interest_opens_five_fields_at_most_and_only_those_of_its_grant(
    bundle: Bundle, request: Request, granted: frozenset[str]
) -> None:
    before = forms(bundle, request, vital_interest=frozenset())
    after = forms(bundle, request, vital_interest=granted)
    opened = {path for path in FIELDS if before[path] != after[path]}
    vital = {
        "health.self_harm_alert",
        "custody.emergency_contact",
        "health.medication_continuity_need",
    }
    if request.role == "health_provider":
        vital |= {"identity.full_name", "release.planned_release_date"}
    assert opened <= vital & granted


@WHOLE
@given(request=requests({"victim_support_service"}))
def test_without_a_registered_victim_its_service_reads_its_own_section_only(
    bundle: Bundle, request: Request
) -> None:
    released = bundle.decide(replace(request, victim_registered=False), at=DAY).released
    assert set(released) == set(section("victim_protection"))


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
