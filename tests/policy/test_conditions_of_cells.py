"""What every recipient gets at most, and what each condition of its cells opens and closes.

Two tables, one for each track, were written by hand from the disclosure matrix and its field
overrides, not derived from the policies. They say what a recipient gets at most, with every
condition of its cells met:

    PRB   probation service
    CRT   court or release panel
    PLO   local police of return and of a leave, to enforce conditions
    PCT   designated counter-terrorism unit
    NCB   international gateway
    VIC   victim support, its own section included

    RIU   reintegration unit
    CSW   welfare centre
    MUN   municipal team
    CHP   child protection authority
    HLT   health provider outside the prison
    EMP   employment service
    NGO   mentor of an organisation
    REL   religious counsellor

What falls when a condition is missing, and what one condition opens alone, stands below them.
"""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.files.catalogue import FIELDS, SECTIONS
from app.policy.bundle import Bundle
from app.policy.decision import Reason
from app.policy.request import Request
from tests.policy.by_hand import letters, nothing, only, without

DAY = date(2027, 3, 3)

AT_MOST_PROTECTION = """
field                                              PRB CRT PLO PCT NCB VIC
identity.person_ref                                 F   F   G   F   G   G
identity.full_name                                  F   F   G   F   G   G
identity.date_of_birth                              F   F   G   F   G   G
identity.sex_gender                                 F   F   G   F   G   G
identity.nationality_codes                          F   F   G   F   G   G
identity.national_id_number                         F   F   G   F   -   -
residence_contact.return_municipality_code          F   G   G   F   G   -
residence_contact.return_address                    F   G   -   F   G   -
residence_contact.personal_phone                    F   -   -   F   -   -
residence_contact.preferred_language                F   G   G   F   G   -
custody.establishment_code                          S   S   -   S   -   -
custody.admission_datetime                          S   S   -   S   -   -
custody.admission_injuries_note                     -   S   -   -   -   -
custody.emergency_contact                           S   -   -   -   -   -
custody.conduct_summary                             S   S   -   S   -   -
custody.disciplinary_sanctions                      S   S   -   S   -   -
sentence.legal_status                               F   F   G   F   S   G
sentence.commitment_basis                           F   F   G   F   S   G
sentence.offence_category                           F   F   G   F   S   G
sentence.offence_articles                           F   F   -   F   S   G
sentence.sentence_length_days                       F   F   G   F   S   G
sentence.sentence_expiry_date                       F   F   G   F   S   G
release.release_type                                F   F   S   S   G   S
release.planned_release_date                        F   F   S   S   G   S
release.release_date_confidence                     F   F   S   S   G   S
release.conditional_release_eligibility_date        F   F   S   S   G   S
release.temporary_leave_window                      F   F   S   S   G   S
release.temporary_leave_municipality_code           F   F   S   S   G   -
release.actual_release_datetime                     F   F   S   S   G   S
release.travel_home_arrangement                     F   F   S   S   G   S
supervision.supervising_authority_id                F   F   S   S   -   S
supervision.supervision_start_date                  F   F   S   S   -   S
supervision.supervision_end_date                    F   F   S   S   -   S
supervision.supervision_conditions                  F   F   S   S   -   S
supervision.contact_prohibitions                    F   F   S   -   -   -
supervision.first_appointment_datetime              F   F   S   S   -   S
plan.individual_plan_summary                        F   S   -   E   -   -
plan.programmes_completed                           F   S   -   E   -   -
plan.release_preparation_status                     F   S   -   E   -   -
plan.responsible_case_lead                          F   S   -   E   -   -
plan.prerelease_access_requests                     F   S   -   E   -   -
plan.follow_up_schedule                             F   S   -   E   -   -
plan.joint_evaluation_outcome                       S   S   -   -   -   -
needs.accommodation_need                            F   S   -   -   -   -
needs.employment_need                               F   S   -   -   -   -
needs.vocational_skills                             F   S   -   -   -   -
needs.education_level                               F   S   -   -   -   -
needs.benefits_entitlement_status                   F   S   -   -   -   -
needs.identity_documents_status                     F   S   -   -   -   -
needs.practitioner_gender_preference                F   -   -   -   -   -
family.family_contact_person                        -   -   -   -   -   -
family.family_contact_consent                       S   S   -   E   -   -
family.household_composition                        S   S   -   E   -   -
family.family_support_need                          S   S   -   E   -   -
children.children_count                             G   G   -   -   -   -
children.children_age_bands                         G   G   -   -   -   -
children.child_identities                           -   -   -   -   -   -
children.caregiver_arrangement                      G   G   -   -   -   -
children.child_protection_case                      G   G   -   -   -   -
health.medication_continuity_need                   E   S   -   -   -   -
health.health_summary_clinical                      -   -   -   -   -   -
health.disability_accommodation                     E   S   -   -   -   -
health.mental_health_referral_need                  E   S   -   -   -   -
health.mental_health_diagnosis                      -   -   -   -   -   -
health.self_harm_alert                              E   -   -   -   -   -
risk_assessment.risk_tool                           F   S   -   F   -   -
risk_assessment.risk_assessment_date                F   S   -   F   -   -
risk_assessment.risk_level_general                  F   S   S   F   -   -
risk_assessment.risk_level_ve                       S   S   -   S   -   -
risk_assessment.protective_factors                  F   S   -   F   -   -
risk_assessment.risk_narrative                      S   S   -   S   -   -
extremism_status.veto_status                        S   F   -   S   S   -
extremism_status.ftf_return_status                  S   S   -   S   -   -
extremism_status.disengagement_stage                S   F   -   S   S   -
extremism_status.radicalisation_screening_outcome   S   S   -   S   -   -
extremism_status.repatriation_case_ref              S   -   -   -   -   -
belief_pastoral.religion_belief                     -   -   -   -   -   -
belief_pastoral.pastoral_contact_requested          -   -   -   -   -   -
belief_pastoral.pastoral_provider_ref               -   -   -   -   -   -
security_intelligence.staff_safety_arrangement      S   S   S   S   -   -
security_intelligence.non_association_markers       S   S   -   -   -   -
security_intelligence.security_classification       -   S   -   S   -   -
security_intelligence.intelligence_marker           -   -   -   E   -   -
security_intelligence.international_notice_ref      -   -   -   E   -   -
victim_protection.victim_notification_required      S   S   S   -   -   F
victim_protection.victim_contact_ref                E   E   -   -   -   F
victim_protection.victim_exclusion_zone             S   S   S   -   -   F
victim_protection.victim_safety_concern             S   S   S   -   -   F
"""

AT_MOST_SUPPORT = """
field                                              RIU CSW MUN CHP HLT EMP NGO REL
identity.person_ref                                 F   F   G   F   F   G   G   G
identity.full_name                                  F   F   G   F   F   G   G   G
identity.date_of_birth                              F   F   G   F   F   G   G   G
identity.sex_gender                                 F   F   G   F   F   G   G   G
identity.nationality_codes                          F   F   G   F   F   G   G   G
identity.national_id_number                         -   F   -   -   -   -   -   -
residence_contact.return_municipality_code          F   F   G   F   F   F   F   F
residence_contact.return_address                    F   F   G   F   F   G   G   G
residence_contact.personal_phone                    F   F   -   F   F   F   F   F
residence_contact.preferred_language                F   F   G   F   F   F   F   F
custody.establishment_code                          S   S   -   -   S   -   -   -
custody.admission_datetime                          S   S   -   -   S   -   -   -
custody.admission_injuries_note                     -   -   -   -   S   -   -   -
custody.emergency_contact                           S   S   -   -   S   -   -   -
custody.conduct_summary                             S   S   -   -   S   -   -   -
custody.disciplinary_sanctions                      S   S   -   -   S   -   -   -
sentence.legal_status                               S   G   -   E   -   -   -   -
sentence.commitment_basis                           S   G   -   E   -   -   -   -
sentence.offence_category                           -   G   -   -   -   -   -   -
sentence.offence_articles                           -   -   -   -   -   -   -   -
sentence.sentence_length_days                       S   G   -   E   -   -   -   -
sentence.sentence_expiry_date                       S   G   -   E   -   -   -   -
release.release_type                                F   F   G   S   S   G   G   G
release.planned_release_date                        F   F   G   S   S   G   G   G
release.release_date_confidence                     F   F   G   S   S   G   G   G
release.conditional_release_eligibility_date        F   F   G   S   S   G   G   G
release.temporary_leave_window                      -   -   -   -   -   -   -   -
release.temporary_leave_municipality_code           -   -   -   -   -   -   -   -
release.actual_release_datetime                     F   F   G   S   S   G   G   G
release.travel_home_arrangement                     F   F   G   S   S   G   G   G
supervision.supervising_authority_id                S   S   -   S   E   G   -   -
supervision.supervision_start_date                  S   S   -   S   E   G   -   -
supervision.supervision_end_date                    S   S   -   S   E   G   -   -
supervision.supervision_conditions                  S   S   -   S   E   G   -   -
supervision.contact_prohibitions                    -   -   -   S   -   -   -   -
supervision.first_appointment_datetime              S   S   -   S   E   G   -   -
plan.individual_plan_summary                        F   F   S   S   S   S   S   E
plan.programmes_completed                           F   F   S   S   S   S   S   E
plan.release_preparation_status                     F   F   S   S   S   S   S   E
plan.responsible_case_lead                          F   F   S   S   S   S   S   E
plan.prerelease_access_requests                     F   F   S   S   S   S   S   E
plan.follow_up_schedule                             F   F   S   S   S   S   S   E
plan.joint_evaluation_outcome                       S   S   S   S   S   S   S   E
needs.accommodation_need                            F   F   S   G   G   S   S   -
needs.employment_need                               F   F   S   G   G   S   S   -
needs.vocational_skills                             F   F   S   G   G   S   S   -
needs.education_level                               F   F   S   G   G   S   S   -
needs.benefits_entitlement_status                   F   F   S   G   G   S   S   -
needs.identity_documents_status                     F   F   S   G   G   S   S   -
needs.practitioner_gender_preference                F   F   -   -   G   -   -   -
family.family_contact_person                        S   F   -   S   -   -   S   -
family.family_contact_consent                       S   F   -   S   -   -   S   -
family.household_composition                        S   F   -   S   -   -   S   -
family.family_support_need                          S   F   -   S   -   -   S   -
children.children_count                             G   G   -   F   G   -   -   -
children.children_age_bands                         G   G   -   F   G   -   -   -
children.child_identities                           -   E   -   F   -   -   -   -
children.caregiver_arrangement                      G   G   -   F   G   -   -   -
children.child_protection_case                      G   G   -   F   G   -   -   -
health.medication_continuity_need                   E   S   -   E   F   G   -   -
health.health_summary_clinical                      -   -   -   -   F   -   -   -
health.disability_accommodation                     E   S   -   E   F   G   -   -
health.mental_health_referral_need                  E   S   -   E   F   G   -   -
health.mental_health_diagnosis                      -   -   -   -   F   -   -   -
health.self_harm_alert                              -   E   -   -   F   -   -   -
risk_assessment.risk_tool                           -   -   -   -   G   -   -   -
risk_assessment.risk_assessment_date                S   -   -   -   G   -   -   -
risk_assessment.risk_level_general                  S   -   -   S   G   -   -   -
risk_assessment.risk_level_ve                       -   -   -   -   -   -   -   -
risk_assessment.protective_factors                  S   G   -   -   G   -   -   -
risk_assessment.risk_narrative                      -   -   -   -   -   -   -   -
extremism_status.veto_status                        S   S   -   -   -   -   -   -
extremism_status.ftf_return_status                  S   S   -   -   -   -   -   -
extremism_status.disengagement_stage                S   S   -   -   -   -   -   -
extremism_status.radicalisation_screening_outcome   -   -   -   -   -   -   -   -
extremism_status.repatriation_case_ref              S   S   -   S   -   -   -   -
belief_pastoral.religion_belief                     -   -   -   -   -   -   -   S
belief_pastoral.pastoral_contact_requested          E   -   -   -   -   -   -   S
belief_pastoral.pastoral_provider_ref               -   -   -   -   -   -   -   S
security_intelligence.staff_safety_arrangement      S   S   -   S   S   -   S   -
security_intelligence.non_association_markers       -   -   -   -   -   -   -   -
security_intelligence.security_classification       -   -   -   -   -   -   -   -
security_intelligence.intelligence_marker           -   -   -   -   -   -   -   -
security_intelligence.international_notice_ref      -   -   -   -   -   -   -   -
victim_protection.victim_notification_required      -   -   -   S   -   -   -   -
victim_protection.victim_contact_ref                -   -   -   -   -   -   -   -
victim_protection.victim_exclusion_zone             -   -   -   S   -   -   -   -
victim_protection.victim_safety_concern             -   -   -   S   -   -   -   -
"""

AT_MOST = [
    [line.split() for line in table.strip().splitlines()]
    for table in (AT_MOST_PROTECTION, AT_MOST_SUPPORT)
]


def at_most(name: str) -> dict[str, str]:
    header, *rows = next(table for table in AT_MOST if name in table[0])
    return {row[0]: row[header.index(name)] for row in rows}


PARTS = frozenset(FIELDS) | frozenset(SECTIONS)


def met(role: str, purpose: str) -> Request:
    """A request with every fact that the matrix knows speaking for the recipient."""
    return Request(
        role=role,
        agency="recipient",
        client="recipient-1",
        purpose=purpose,
        custodian="prison",
        municipalities=frozenset({"gjilan"}),
        return_municipality="gjilan",
        leave_municipality="gjilan",
        days_to_release=10,
        incident=True,
        support_open=True,
        assigned=True,
        designated=True,
        child_linked=True,
        victim_registered=True,
        transfer_approved=True,
        consents=frozenset(FIELDS),
        relative_consents=frozenset(FIELDS),
        vital_interest=frozenset(FIELDS),
        court_orders=PARTS,
        legal_authorities=PARTS,
    )


MET = {
    "PRB": met("probation_service", "supervision"),
    "CRT": met("court_panel", "judicial_decision"),
    "PLO": met("police_local", "condition_enforcement"),
    "PCT": met("police_ct", "terrorism_prevention_case"),
    "NCB": met("international_gateway", "international_obligation"),
    "RIU": met("reintegration_unit", "reintegration_coordination"),
    "CSW": met("social_welfare_centre", "family_support"),
    "MUN": met("municipal_team", "local_service_planning"),
    "CHP": met("child_protection_authority", "child_protection"),
    "HLT": met("health_provider", "continuity_of_care"),
    "EMP": met("employment_service", "employment_support"),
    "NGO": met("ngo_mentor", "mentoring"),
    "REL": met("religious_counsellor", "pastoral_support"),
    "VIC": met("victim_support_service", "victim_safety"),
}

NONE: frozenset[str] = frozenset()
EVERYTHING = " ".join(SECTIONS)
ALL_FIELDS = frozenset(FIELDS)

# With all conditions met but these: what closes.
MISSING: list[tuple[str, dict[str, Any], str]] = [
    (
        "PRB",
        {"legal_authorities": NONE},
        (
            "health.medication_continuity_need health.disability_accommodation "
            "health.mental_health_referral_need extremism_status"
        ),
    ),
    ("PRB", {"vital_interest": NONE}, "custody.emergency_contact health.self_harm_alert"),
    ("PRB", {"relative_consents": NONE}, ""),
    ("PRB", {"assigned": False}, "plan.joint_evaluation_outcome"),
    (
        "CRT",
        {"court_orders": NONE},
        "custody.admission_injuries_note health security_intelligence",
    ),
    ("CRT", {"relative_consents": NONE}, ""),
    ("CRT", {"assigned": False}, "plan.joint_evaluation_outcome"),
    ("PLO", {"municipalities": frozenset({"vitia"})}, EVERYTHING),
    ("PLO", {"return_municipality": None, "leave_municipality": None}, EVERYTHING),
    (
        "PLO",
        {"leave_municipality": None},
        "release.temporary_leave_window release.temporary_leave_municipality_code",
    ),
    ("PLO", {"return_municipality": "vitia"}, ""),
    ("PLO", {"days_to_release": 500}, ""),
    ("PLO", {"incident": False}, ""),
    (
        "PLO",
        {"days_to_release": 31, "incident": False, "leave_municipality": None},
        "identity residence_contact sentence release",
    ),
    (
        "PLO",
        {"legal_authorities": NONE},
        (
            "identity.national_id_number supervision risk_assessment security_intelligence "
            "victim_protection"
        ),
    ),
    (
        "PLO",
        {"legal_authorities": PARTS - {"identity.national_id_number"}},
        "identity.national_id_number",
    ),
    ("PLO", {"designated": False}, "risk_assessment"),
    (
        "PLO",
        {"purpose": "public_protection_local"},
        "identity.national_id_number supervision.contact_prohibitions",
    ),
    (
        "PCT",
        {"court_orders": NONE},
        (
            "identity.national_id_number residence_contact custody plan family risk_assessment "
            "extremism_status.radicalisation_screening_outcome"
        ),
    ),
    (
        "PCT",
        {"legal_authorities": NONE},
        "sentence release supervision extremism_status security_intelligence",
    ),
    ("PCT", {"designated": False}, "extremism_status security_intelligence"),
    ("NCB", {"transfer_approved": False}, EVERYTHING),
    ("VIC", {"victim_registered": False}, "identity sentence release supervision"),
    (
        "RIU",
        {"assigned": False},
        (
            "identity residence_contact custody sentence release supervision plan needs family "
            "children risk_assessment extremism_status security_intelligence"
        ),
    ),
    (
        "RIU",
        {"designated": False},
        "plan risk_assessment extremism_status security_intelligence",
    ),
    *((n, {"support_open": False}, "") for n in ("PRB", "CRT", "PLO", "PCT", "NCB", "VIC")),
    *((n, {"support_open": False}, EVERYTHING) for n in ("RIU", "CSW", "MUN", "CHP")),
    *((n, {"support_open": False}, EVERYTHING) for n in ("HLT", "EMP", "NGO", "REL")),
    ("RIU", {"legal_authorities": NONE}, ""),
    (
        "RIU",
        {"consents": NONE},
        (
            "family.family_contact_consent family.household_composition family.family_support_need "
            "health belief_pastoral"
        ),
    ),
    (
        "RIU",
        {"consents": NONE, "legal_authorities": NONE},
        (
            "family.family_contact_consent family.household_composition family.family_support_need "
            "health belief_pastoral residence_contact"
        ),
    ),
    (
        "RIU",
        {"relative_consents": NONE},
        "custody.emergency_contact family.family_contact_person",
    ),
    (
        "CSW",
        {"assigned": False},
        (
            "identity custody.establishment_code custody.admission_datetime "
            "custody.conduct_summary custody.disciplinary_sanctions sentence supervision plan "
            "needs family children risk_assessment extremism_status security_intelligence"
        ),
    ),
    ("CSW", {"days_to_release": 91}, "identity residence_contact release"),
    (
        "CSW",
        {"return_municipality": "vitia"},
        "identity residence_contact release family",
    ),
    (
        "CSW",
        {"consents": NONE},
        (
            "health.medication_continuity_need health.disability_accommodation "
            "health.mental_health_referral_need"
        ),
    ),
    ("CSW", {"designated": False}, "risk_assessment extremism_status"),
    ("CSW", {"legal_authorities": NONE}, "identity.national_id_number"),
    ("CSW", {"child_linked": False}, "children.child_identities"),
    (
        "CSW",
        {"child_linked": False, "legal_authorities": NONE},
        "children.child_identities identity.national_id_number sentence.offence_category",
    ),
    ("CSW", {"vital_interest": NONE}, "health.self_harm_alert"),
    ("CSW", {"relative_consents": NONE}, "family.family_contact_person"),
    (
        "CSW",
        {"relative_consents": NONE, "vital_interest": NONE},
        "family.family_contact_person custody.emergency_contact health.self_harm_alert",
    ),
    ("MUN", {"assigned": False}, EVERYTHING),
    ("MUN", {"consents": NONE}, "identity plan needs"),
    (
        "CHP",
        {"child_linked": False},
        (
            "identity residence_contact sentence release supervision plan needs family children "
            "health risk_assessment extremism_status security_intelligence victim_protection"
        ),
    ),
    ("CHP", {"child_linked": False, "assigned": False}, EVERYTHING),
    ("CHP", {"assigned": False}, "plan.joint_evaluation_outcome"),
    ("CHP", {"legal_authorities": NONE}, "sentence health victim_protection"),
    ("CHP", {"designated": False}, "risk_assessment"),
    ("CHP", {"relative_consents": NONE}, "family.family_contact_person"),
    ("HLT", {"assigned": False}, "plan.joint_evaluation_outcome"),
    ("HLT", {"legal_authorities": NONE}, "security_intelligence"),
    ("HLT", {"child_linked": False}, "children"),
    ("HLT", {"vital_interest": NONE}, ""),
    ("HLT", {"relative_consents": NONE}, ""),
    (
        "HLT",
        {"vital_interest": NONE, "relative_consents": NONE},
        "custody.emergency_contact",
    ),
    ("EMP", {"consents": NONE}, EVERYTHING),
    ("EMP", {"assigned": False}, "plan.joint_evaluation_outcome"),
    ("REL", {"assigned": False}, "plan.joint_evaluation_outcome"),
    ("NGO", {"assigned": False}, "security_intelligence plan.joint_evaluation_outcome"),
    ("NGO", {"relative_consents": NONE}, "family.family_contact_person"),
    ("REL", {"consents": NONE}, EVERYTHING),
]

# With nothing but these facts: what opens.
ALONE: list[tuple[str, dict[str, Any], str]] = [
    *((name, {}, "") for name in ("PLO", "PCT", "NCB", "RIU", "CSW", "MUN", "CHP", "HLT")),
    *((name, {}, "") for name in ("EMP", "NGO", "REL")),
    ("VIC", {}, "victim_protection"),
    ("VIC", {"assigned": True, "consents": ALL_FIELDS}, "victim_protection"),
    ("PCT", {"designated": True, "assigned": True}, ""),
    ("PCT", {"court_orders": frozenset({"identity"})}, "identity"),
    ("PCT", {"court_orders": frozenset({"extremism_status"}), "designated": True}, ""),
    (
        "PCT",
        {"legal_authorities": PARTS},
        (
            "identity.person_ref identity.full_name identity.date_of_birth identity.sex_gender "
            "identity.nationality_codes sentence release supervision"
        ),
    ),
    ("NCB", {"court_orders": PARTS, "legal_authorities": PARTS, "designated": True}, ""),
    ("RIU", {"consents": ALL_FIELDS}, "health belief_pastoral"),
    ("RIU", {"legal_authorities": PARTS}, ""),
    (
        "CSW",
        {"consents": ALL_FIELDS},
        (
            "health.medication_continuity_need health.disability_accommodation "
            "health.mental_health_referral_need"
        ),
    ),
    ("CSW", {"vital_interest": ALL_FIELDS}, "health.self_harm_alert custody.emergency_contact"),
    ("MUN", {"assigned": True}, "residence_contact release"),
    ("MUN", {"consents": ALL_FIELDS}, ""),
    ("CHP", {"assigned": True}, ""),
    (
        "CHP",
        {"child_linked": True},
        (
            "identity residence_contact release supervision plan.individual_plan_summary "
            "plan.programmes_completed plan.release_preparation_status plan.responsible_case_lead "
            "plan.prerelease_access_requests plan.follow_up_schedule needs children "
            "family.family_contact_consent family.household_composition family.family_support_need "
            "extremism_status security_intelligence"
        ),
    ),
    ("CHP", {"legal_authorities": PARTS, "designated": True}, ""),
    ("HLT", {"legal_authorities": PARTS}, "identity security_intelligence"),
    (
        "HLT",
        {"vital_interest": ALL_FIELDS},
        (
            "health.self_harm_alert health.medication_continuity_need identity.full_name "
            "release.planned_release_date custody.emergency_contact"
        ),
    ),
    (
        "HLT",
        {"vital_interest": frozenset({"health.self_harm_alert"})},
        "health.self_harm_alert",
    ),
    (
        "HLT",
        {"consents": frozenset({"health.mental_health_diagnosis"})},
        "health.mental_health_diagnosis",
    ),
    ("NGO", {"assigned": True}, "security_intelligence"),
    ("NGO", {"relative_consents": ALL_FIELDS}, "family.family_contact_person"),
    (
        "NGO",
        {"consents": frozenset({"identity.full_name", "residence_contact.personal_phone"})},
        "identity.full_name residence_contact.personal_phone",
    ),
    (
        "REL",
        {"consents": frozenset({"belief_pastoral.religion_belief"})},
        "belief_pastoral.religion_belief",
    ),
    ("EMP", {"assigned": True, "relative_consents": ALL_FIELDS}, ""),
]


def bare(name: str) -> Request:
    """A request of the same recipient of which nothing is known; support is not over."""
    known = MET[name]
    return Request(
        role=known.role,
        agency=known.agency,
        client=known.client,
        purpose=known.purpose,
        custodian=known.custodian,
        support_open=True,
    )


@pytest.mark.parametrize("name", MET)
def test_with_every_condition_met_a_recipient_gets_its_column(bundle: Bundle, name: str) -> None:
    assert letters(bundle.decide(MET[name], at=DAY)) == at_most(name)


@pytest.mark.parametrize(("name", "changes", "closed"), MISSING)
def test_a_missing_condition_closes_its_cells_and_no_others(
    bundle: Bundle, name: str, changes: dict[str, Any], closed: str
) -> None:
    decision = bundle.decide(replace(MET[name], **changes), at=DAY)
    assert letters(decision) == without(at_most(name), closed)


@pytest.mark.parametrize(("name", "facts", "opened"), ALONE)
def test_a_fact_alone_opens_its_cells_and_no_others(
    bundle: Bundle, name: str, facts: dict[str, Any], opened: str
) -> None:
    decision = bundle.decide(replace(bare(name), **facts), at=DAY)
    assert letters(decision) == only(at_most(name), opened)


def test_without_consent_a_health_provider_keeps_what_law_and_a_grant_open(
    bundle: Bundle,
) -> None:
    decision = bundle.decide(replace(MET["HLT"], consents=NONE), at=DAY)
    kept = (
        "identity security_intelligence health.self_harm_alert custody.emergency_contact "
        "health.medication_continuity_need release.planned_release_date"
    )
    assert letters(decision) == only(at_most("HLT"), kept)


@pytest.mark.parametrize(
    ("name", "path", "lower"),
    [
        # Raised by a vital interest above what a consent or a referral gives.
        ("HLT", "health.self_harm_alert", "-"),
        ("HLT", "identity.full_name", "-"),
    ],
)
def test_a_vital_interest_names_its_fields(
    bundle: Bundle, name: str, path: str, lower: str
) -> None:
    others = ALL_FIELDS - {path}
    decision = bundle.decide(replace(bare(name), vital_interest=others), at=DAY)
    assert letters(decision)[path] == lower


@pytest.mark.parametrize("name", ["EMP", "NGO", "REL", "HLT", "MUN", "RIU", "CSW"])
def test_a_consent_to_one_field_opens_no_other(bundle: Bundle, name: str) -> None:
    """Field by field: all facts are there but the consents, then one consent."""
    before = letters(bundle.decide(replace(MET[name], consents=NONE), at=DAY))
    for path in FIELDS:
        one = replace(MET[name], consents=frozenset({path}))
        after = letters(bundle.decide(one, at=DAY))
        assert after == {**before, path: at_most(name)[path]}


def test_the_coordinator_gets_nothing_whatever_is_known(bundle: Bundle) -> None:
    coordinator = met("national_coordinator", "policy_monitoring")
    decision = bundle.decide(coordinator, at=DAY)
    assert letters(decision) == nothing()
    assert decision.contribute == frozenset()
    assert {field.reason for field in decision.fields.values()} == {Reason.NOT_FOR_THIS_ROLE}


@pytest.mark.parametrize(
    ("name", "facts", "path", "basis"),
    [
        ("PCT", {"court_orders": frozenset({"identity"})}, "identity.full_name", "COURT-ORDER"),
        ("PCT", {"legal_authorities": PARTS}, "identity.full_name", "LEGAL-AUTHORITY"),
        ("HLT", {"consents": ALL_FIELDS}, "health.self_harm_alert", "CONSENT"),
        ("HLT", {"vital_interest": ALL_FIELDS}, "health.self_harm_alert", "VITAL-INTEREST"),
        ("HLT", {"legal_authorities": PARTS}, "identity.full_name", "LEGAL-AUTHORITY"),
        (
            "NGO",
            {"relative_consents": ALL_FIELDS},
            "family.family_contact_person",
            "RELATIVES-CONSENT",
        ),
    ],
)
def test_a_released_field_names_the_ground_that_opened_it(
    bundle: Bundle, name: str, facts: dict[str, Any], path: str, basis: str
) -> None:
    decision = bundle.decide(replace(bare(name), **facts), at=DAY)
    assert decision.fields[path].legal_bases == (basis,)


def test_the_tables_have_every_field_in_the_order_of_the_catalogue() -> None:
    for _, *rows in AT_MOST:
        assert [row[0] for row in rows] == list(FIELDS)


@pytest.mark.parametrize("name", MET)
def test_no_recipient_reads_the_access_log(bundle: Bundle, name: str) -> None:
    assert not bundle.decide(MET[name], at=DAY).may_read_access_log
