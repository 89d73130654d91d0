"""The form of every field in a few situations, written by hand from the disclosure matrix.

The table is not derived from the policies: it is what a reader of the matrix and of its field
overrides expects. Letters: F full, S summary, G generalised, E existence, - withheld.

    PRB   probation service, supervision
    PLO   local police of the municipality of return, 30 days before the release
    LEA   local police of the municipality of a granted leave, the release far away
    CSW   welfare centre of the municipality, in the window, referral accepted, no consents
    CSN   the same without an accepted referral
    EMP   employment service where the person consented to the field
    CUS   the prison service that keeps the file

What every recipient gets at most, and what closes when a condition is missing, stands in
`test_conditions_of_cells.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from app.files.catalogue import FIELDS, SECTIONS
from app.policy.bundle import Bundle
from app.policy.decision import Reason
from app.policy.request import Request
from tests.policy.by_hand import letters, nothing

DAY = date(2027, 3, 3)

TABLE = """
field                                                 PRB PLO LEA CSW CSN EMP CUS
identity.person_ref                                    F   G   G   F   -   G   F
identity.full_name                                     F   G   G   F   -   G   F
identity.date_of_birth                                 F   G   G   F   -   G   F
identity.sex_gender                                    F   G   G   F   -   G   F
identity.nationality_codes                             F   G   G   F   -   G   F
identity.national_id_number                            F   -   -   -   -   -   F
residence_contact.return_municipality_code             F   G   -   F   F   F   F
residence_contact.return_address                       F   -   -   F   F   G   F
residence_contact.personal_phone                       F   -   -   F   F   F   F
residence_contact.preferred_language                   F   G   -   F   F   F   F
custody.establishment_code                             S   -   -   S   -   -   F
custody.admission_datetime                             S   -   -   S   -   -   F
custody.admission_injuries_note                        -   -   -   -   -   -   F
custody.emergency_contact                              -   -   -   -   -   -   F
custody.conduct_summary                                S   -   -   S   -   -   F
custody.disciplinary_sanctions                         S   -   -   S   -   -   F
sentence.legal_status                                  F   G   -   G   -   -   F
sentence.commitment_basis                              F   G   -   G   -   -   F
sentence.offence_category                              F   G   -   -   -   -   F
sentence.offence_articles                              F   -   -   -   -   -   F
sentence.sentence_length_days                          F   G   -   G   -   -   F
sentence.sentence_expiry_date                          F   G   -   G   -   -   F
release.release_type                                   F   S   -   F   F   G   F
release.planned_release_date                           F   S   -   F   F   G   F
release.release_date_confidence                        F   S   -   F   F   G   F
release.conditional_release_eligibility_date           F   S   -   F   F   G   F
release.temporary_leave_window                         F   -   S   -   -   -   F
release.temporary_leave_municipality_code              F   -   S   -   -   -   F
release.actual_release_datetime                        F   S   -   F   F   G   F
release.travel_home_arrangement                        F   S   -   F   F   G   F
supervision.supervising_authority_id                   F   -   -   S   -   G   F
supervision.supervision_start_date                     F   -   -   S   -   G   F
supervision.supervision_end_date                       F   -   -   S   -   G   F
supervision.supervision_conditions                     F   -   -   S   -   G   F
supervision.contact_prohibitions                       F   -   -   -   -   -   S
supervision.first_appointment_datetime                 F   -   -   S   -   G   F
plan.individual_plan_summary                           F   -   -   F   -   S   F
plan.programmes_completed                              F   -   -   F   -   S   F
plan.release_preparation_status                        F   -   -   F   -   S   F
plan.responsible_case_lead                             F   -   -   F   -   S   F
plan.prerelease_access_requests                        F   -   -   F   -   S   F
plan.follow_up_schedule                                F   -   -   F   -   S   F
plan.joint_evaluation_outcome                          S   -   -   S   -   S   F
needs.accommodation_need                               F   -   -   F   -   S   F
needs.employment_need                                  F   -   -   F   -   S   F
needs.vocational_skills                                F   -   -   F   -   S   F
needs.education_level                                  F   -   -   F   -   S   F
needs.benefits_entitlement_status                      F   -   -   F   -   S   F
needs.identity_documents_status                        F   -   -   F   -   S   F
needs.practitioner_gender_preference                   F   -   -   F   -   -   F
family.family_contact_person                           -   -   -   -   -   -   E
family.family_contact_consent                          S   -   -   F   -   -   F
family.household_composition                           S   -   -   F   -   -   F
family.family_support_need                             S   -   -   F   -   -   F
children.children_count                                G   -   -   G   -   -   F
children.children_age_bands                            G   -   -   G   -   -   F
children.child_identities                              -   -   -   -   -   -   -
children.caregiver_arrangement                         G   -   -   G   -   -   F
children.child_protection_case                         G   -   -   G   -   -   F
health.medication_continuity_need                      -   -   -   -   -   G   -
health.health_summary_clinical                         -   -   -   -   -   -   -
health.disability_accommodation                        -   -   -   -   -   G   -
health.mental_health_referral_need                     -   -   -   -   -   G   -
health.mental_health_diagnosis                         -   -   -   -   -   -   -
health.self_harm_alert                                 -   -   -   -   -   -   -
risk_assessment.risk_tool                              F   -   -   -   -   -   F
risk_assessment.risk_assessment_date                   F   -   -   -   -   -   F
risk_assessment.risk_level_general                     F   -   -   -   -   -   F
risk_assessment.risk_level_ve                          S   -   -   -   -   -   F
risk_assessment.protective_factors                     F   -   -   -   -   -   F
risk_assessment.risk_narrative                         S   -   -   -   -   -   F
extremism_status.veto_status                           -   -   -   -   -   -   F
extremism_status.ftf_return_status                     -   -   -   -   -   -   F
extremism_status.disengagement_stage                   -   -   -   -   -   -   F
extremism_status.radicalisation_screening_outcome      -   -   -   -   -   -   F
extremism_status.repatriation_case_ref                 -   -   -   -   -   -   F
belief_pastoral.religion_belief                        -   -   -   -   -   -   -
belief_pastoral.pastoral_contact_requested             -   -   -   -   -   -   -
belief_pastoral.pastoral_provider_ref                  -   -   -   -   -   -   -
security_intelligence.staff_safety_arrangement         S   -   -   S   -   -   F
security_intelligence.non_association_markers          S   -   -   -   -   -   F
security_intelligence.security_classification          -   -   -   -   -   -   F
security_intelligence.intelligence_marker              -   -   -   -   -   -   F
security_intelligence.international_notice_ref         -   -   -   -   -   -   F
victim_protection.victim_notification_required         S   -   -   -   -   -   -
victim_protection.victim_contact_ref                   E   -   -   -   -   -   -
victim_protection.victim_exclusion_zone                S   -   -   -   -   -   -
victim_protection.victim_safety_concern                S   -   -   -   -   -   -
"""

HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


def column(name: str) -> dict[str, str]:
    place = HEADER.index(name)
    return {row[0]: row[place] for row in ROWS}


PRB = Request(
    role="probation_service",
    agency="prb",
    client="prb-1",
    purpose="supervision",
    custodian="prison",
    support_open=True,
    municipalities=frozenset({"elsewhere"}),
    return_municipality="gjilan",
    days_to_release=500,
    assigned=True,
)
PLO = Request(
    role="police_local",
    agency="plo",
    client="plo-1",
    purpose="public_protection_local",
    custodian="prison",
    support_open=True,
    municipalities=frozenset({"gjilan", "vitia"}),
    return_municipality="gjilan",
    days_to_release=30,
)
LEAVE = replace(
    PLO, return_municipality="prishtina", leave_municipality="vitia", days_to_release=500
)
CSW = Request(
    role="social_welfare_centre",
    agency="csw",
    client="csw-1",
    purpose="social_support",
    custodian="prison",
    support_open=True,
    municipalities=frozenset({"gjilan"}),
    return_municipality="gjilan",
    days_to_release=90,
    assigned=True,
)
EMP = Request(
    role="employment_service",
    agency="emp",
    client="emp-1",
    purpose="employment_support",
    custodian="prison",
    support_open=True,
    return_municipality="gjilan",
    days_to_release=20,
    assigned=True,
    consents=frozenset(FIELDS),
)
CUS = Request(
    role="correctional_service",
    agency="prison",
    client="prison-1",
    purpose="execute_sentence",
    custodian="prison",
    support_open=True,
)


def test_the_table_has_every_field_in_the_order_of_the_catalogue() -> None:
    assert [row[0] for row in ROWS] == list(FIELDS)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("PRB", PRB),
        ("PLO", PLO),
        ("LEA", LEAVE),
        ("CSW", CSW),
        ("CSN", replace(CSW, assigned=False)),
        ("EMP", EMP),
        ("CUS", CUS),
    ],
)
def test_every_field_comes_in_the_form_of_the_matrix(
    bundle: Bundle, name: str, request_: Request
) -> None:
    assert letters(bundle.decide(request_, at=DAY)) == column(name)


@pytest.mark.parametrize("days", [31, 90, 500, None, -181])
def test_an_incident_opens_the_window_of_local_police_at_any_time(
    bundle: Bundle, days: int | None
) -> None:
    escaped = replace(PLO, days_to_release=days, incident=True)
    assert letters(bundle.decide(escaped, at=DAY)) == column("PLO")


def test_an_incident_elsewhere_is_no_matter_of_this_police(bundle: Bundle) -> None:
    elsewhere = replace(PLO, return_municipality="prishtina", incident=True)
    assert letters(bundle.decide(elsewhere, at=DAY)) == nothing()


def test_an_incident_opens_nothing_to_a_welfare_centre(bundle: Bundle) -> None:
    early = replace(CSW, days_to_release=500)
    assert bundle.decide(replace(early, incident=True), at=DAY) == bundle.decide(early, at=DAY)


@pytest.mark.parametrize("days", [31, 500, -181, None])
def test_local_police_get_nothing_outside_the_window(bundle: Bundle, days: int | None) -> None:
    assert letters(bundle.decide(replace(PLO, days_to_release=days), at=DAY)) == nothing()


@pytest.mark.parametrize("days", [30, 1, 0, -1, -180])
def test_local_police_get_the_same_all_through_the_window(bundle: Bundle, days: int) -> None:
    assert letters(bundle.decide(replace(PLO, days_to_release=days), at=DAY)) == column("PLO")


@pytest.mark.parametrize("municipality", ["prishtina", None])
def test_local_police_of_another_municipality_get_nothing(
    bundle: Bundle, municipality: str | None
) -> None:
    elsewhere = replace(PLO, return_municipality=municipality)
    assert letters(bundle.decide(elsewhere, at=DAY)) == nothing()


def test_police_of_the_leave_get_no_leave_once_it_concerns_nobody(bundle: Bundle) -> None:
    over = replace(LEAVE, leave_municipality=None)
    assert letters(bundle.decide(over, at=DAY)) == nothing()


def test_the_police_of_return_do_not_hear_of_a_leave_spent_elsewhere(bundle: Bundle) -> None:
    elsewhere = replace(PLO, leave_municipality="prishtina")
    assert letters(bundle.decide(elsewhere, at=DAY)) == column("PLO")


@pytest.mark.parametrize("days", [91, -181, None])
def test_a_centre_keeps_what_its_referral_gives_outside_the_window(
    bundle: Bundle, days: int | None
) -> None:
    windowed = ("identity", "residence_contact", "release")
    expected = {
        path: "-" if path.startswith(windowed) else letter for path, letter in column("CSW").items()
    }
    assert letters(bundle.decide(replace(CSW, days_to_release=days), at=DAY)) == expected


def test_a_centre_elsewhere_keeps_only_what_needs_no_municipality(bundle: Bundle) -> None:
    local = ("identity", "residence_contact", "release", "family")
    expected = {
        path: "-" if path.startswith(local) else letter for path, letter in column("CSW").items()
    }
    elsewhere = replace(CSW, return_municipality="prishtina")
    assert letters(bundle.decide(elsewhere, at=DAY)) == expected


def test_consent_opens_three_health_fields_to_a_centre(bundle: Bundle) -> None:
    opened = {
        "health.medication_continuity_need": "S",
        "health.disability_accommodation": "S",
        "health.mental_health_referral_need": "S",
    }
    consented = replace(CSW, consents=frozenset(FIELDS))
    assert letters(bundle.decide(consented, at=DAY)) == {**column("CSW"), **opened}


def test_the_employment_service_gets_the_fields_of_the_consent_and_no_other(
    bundle: Bundle,
) -> None:
    consents = frozenset({"identity.full_name", "needs.vocational_skills"})
    expected = {path: letter if path in consents else "-" for path, letter in column("EMP").items()}
    assert letters(bundle.decide(replace(EMP, consents=consents), at=DAY)) == expected


def test_the_employment_service_gets_nothing_without_consent(bundle: Bundle) -> None:
    decision = bundle.decide(replace(EMP, consents=frozenset()), at=DAY)
    assert letters(decision) == nothing()
    assert decision.fields["identity.full_name"].reason is Reason.CONDITIONS_NOT_MET
    assert decision.fields["sentence.offence_category"].reason is Reason.NOT_FOR_THIS_ROLE


@pytest.mark.parametrize(
    "purpose",
    [
        "lawfulness_verification",
        "self_monitoring",
        "data_integrity_security",
        "criminal_proceedings",
    ],
)
def test_the_auditor_reads_the_access_log_and_no_field(bundle: Bundle, purpose: str) -> None:
    auditor = Request(
        role="oversight_auditor",
        agency="dpa",
        client="dpa-1",
        purpose=purpose,
        custodian="prison",
        assigned=True,
        consents=frozenset(FIELDS),
    )
    decision = bundle.decide(auditor, at=DAY)
    assert decision.may_read_access_log
    assert decision.contribute == frozenset()
    assert letters(decision) == nothing()


def test_nobody_but_the_auditor_reads_the_access_log(bundle: Bundle) -> None:
    for request in (PRB, PLO, LEAVE, CSW, EMP, CUS):
        assert not bundle.decide(request, at=DAY).may_read_access_log


def test_a_prison_service_that_does_not_keep_the_file_gets_nothing(bundle: Bundle) -> None:
    decision = bundle.decide(replace(CUS, agency="another prison"), at=DAY)
    assert letters(decision) == nothing()
    assert decision.contribute == frozenset()


# Role, purpose, its agency, assigned, the sections it writes, and the form in which it reads
# its own section back.
WRITERS: Mapping[str, tuple[Request, set[str], str]] = {
    "correctional_service": (
        CUS,
        {
            "identity",
            "residence_contact",
            "custody",
            "release",
            "plan",
            "needs",
            "risk_assessment",
            "extremism_status",
            "security_intelligence",
        },
        "identity",
    ),
    "court_panel": (
        replace(PRB, role="court_panel", purpose="judicial_decision"),
        {"sentence"},
        "sentence",
    ),
    "probation_service": (PRB, {"supervision"}, "supervision"),
    "social_welfare_centre": (CSW, {"family"}, "family"),
    "child_protection_authority": (
        replace(
            PRB, role="child_protection_authority", purpose="child_protection", child_linked=True
        ),
        {"children"},
        "children",
    ),
    "health_provider": (
        replace(CUS, role="health_provider", purpose="continuity_of_care"),
        {"health"},
        "health",
    ),
    "data_subject": (
        replace(CUS, role="data_subject", purpose="exercise_of_rights"),
        {"belief_pastoral"},
        "belief_pastoral",
    ),
    "victim_support_service": (
        replace(PRB, role="victim_support_service", purpose="victim_safety"),
        {"victim_protection"},
        "victim_protection",
    ),
}


# Of the relative in it not even the owner reads anything without the relative's own consent.
OF_RELATIVES = {"family.family_contact_person"}


def test_every_section_has_a_writer() -> None:
    written = set().union(*(sections for _, sections, _ in WRITERS.values()))
    assert written == set(SECTIONS)


@pytest.mark.parametrize("role", WRITERS)
def test_a_writer_contributes_its_own_sections_and_reads_them_in_full(
    bundle: Bundle, role: str
) -> None:
    request, sections, read = WRITERS[role]
    decision = bundle.decide(request, at=DAY)
    assert decision.contribute == sections
    given = letters(decision)
    own = {path for path in given if path.startswith(f"{read}.")} - OF_RELATIVES
    assert {given[path] for path in own} == {"F"}


@pytest.mark.parametrize(
    "role",
    ["health_provider", "data_subject", "victim_support_service"],
)
def test_a_writer_whose_other_conditions_are_not_met_reads_its_own_section_only(
    bundle: Bundle, role: str
) -> None:
    request, sections, _ = WRITERS[role]
    released = bundle.decide(request, at=DAY).released
    assert {path.partition(".")[0] for path in released} == sections


@pytest.mark.parametrize("request_", [PLO, EMP, replace(CSW, assigned=False)])
def test_a_recipient_writes_nothing(bundle: Bundle, request_: Request) -> None:
    assert bundle.decide(request_, at=DAY).contribute == frozenset()


def test_child_protection_writes_by_referral_and_reads_once_a_child_is_linked(
    bundle: Bundle,
) -> None:
    request, sections, _ = WRITERS["child_protection_authority"]
    decision = bundle.decide(replace(request, child_linked=False), at=DAY)
    assert decision.contribute == sections
    assert letters(decision) == nothing()


def test_a_provider_outside_writes_health_by_referral_and_reads_nothing_of_it(
    bundle: Bundle,
) -> None:
    outside = replace(
        PRB, role="health_provider", purpose="continuity_of_care", agency="clinic", assigned=True
    )
    decision = bundle.decide(outside, at=DAY)
    assert decision.contribute == {"health"}
    assert letters(decision) == nothing()
