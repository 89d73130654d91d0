"""Where the policies read the disclosure matrix otherwise than the oracle: cell by cell.

For each role and field that differ, the cell that the policies have, in the oracle's notation,
and why. The table is exact: what it does not name is the same in both, and what it names is not.
It decides nothing; it keeps in sight what a person should decide. "Decision 6" is
`docs/adr/0006-readings-of-the-matrix.md`.
"""

from collections.abc import Iterator, Mapping

from app.policy.request import Request
from tests.isolation.oracle import (
    CODE,
    CONDITIONS,
    LEAD_DAYS,
    SUPPORT_DAYS,
    Conditions,
    given,
    is_after_support,
)

IDENTITY = (
    "identity.person_ref identity.full_name identity.date_of_birth identity.sex_gender "
    "identity.nationality_codes"
)
RELEASE = (
    "release.release_type release.planned_release_date release.release_date_confidence "
    "release.conditional_release_eligibility_date release.actual_release_datetime "
    "release.travel_home_arrangement"
)
RESIDENCE = (
    "residence_contact.return_municipality_code residence_contact.return_address "
    "residence_contact.personal_phone residence_contact.preferred_language"
)
SENTENCE = (
    "sentence.legal_status sentence.commitment_basis sentence.offence_category "
    "sentence.sentence_length_days sentence.sentence_expiry_date"
)

# Roles, fields, the cell of the policies.
GIVES_MORE: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "3.4 has nested persons one by one; here those that are linked, each by itself": (
        ("CHP", "children.child_identities", "F:K"),
    ),
    "3.4 owns clinical fields to the health unit; here the health unit owns the whole section": (
        ("HLT", "health.disability_accommodation", "F:C/own"),
        ("HLT", "health.mental_health_referral_need", "F:C/own"),
        ("HLT", "health.medication_continuity_need", "F:C/W/own"),
        ("HLT", "health.self_harm_alert", "F:C/W/own"),
    ),
    "3.4 owns religion to the person, whom 3.1 gives no column; here the person has the section": (
        ("data_subject", "belief_pastoral.religion_belief", "F:own"),
        ("data_subject", "belief_pastoral.pastoral_contact_requested", "F:own"),
        ("data_subject", "belief_pastoral.pastoral_provider_ref", "F:own"),
    ),
    "3.4 says everybody else none, and invariant 5 too; here the owner has its pointers": (
        ("CUS", "security_intelligence.intelligence_marker", "F:own"),
        ("CUS", "security_intelligence.international_notice_ref", "F:own"),
    ),
    "invariant 27 opens it by W, but 3.4 raises nothing; and 3.2 uses consent in support alone": (
        ("PRB", "custody.emergency_contact", "S:W"),
        ("CSW", "custody.emergency_contact", "S:N/W,R/W"),
        ("HLT", "custody.emergency_contact", "S:R/W"),
    ),
    "what the relative said is not taken for the relative's datum": (
        ("PRB", "family.family_contact_consent", "S"),
        ("CRT", "family.family_contact_consent", "S"),
        ("PCT", "family.family_contact_consent", "E:O"),
        ("CHP", "family.family_contact_consent", "S:K"),
        ("RIU", "family.family_contact_consent", "S:N,C_person"),
        ("NGO", "family.family_contact_consent", "S:C_person"),
        ("CSW", "family.family_contact_consent", "F:J_return,N"),
    ),
    "3.4 names police, victim support and support roles; here the others keep their cell": (
        ("PCT", "release.temporary_leave_window", "S:L"),
        ("PCT", "release.temporary_leave_municipality_code", "S:L"),
        ("NCB", "release.temporary_leave_window", "G:X"),
        ("NCB", "release.temporary_leave_municipality_code", "G:X"),
    ),
    "3.4 says on complaint only; here an order for the section": (
        ("CRT", "custody.admission_injuries_note", "S:O"),
    ),
    "3.4 says when the child is the protected person; each prohibition is decided by itself": (
        ("CHP", "supervision.contact_prohibitions", "S:K"),
    ),
    "3.4 says `child_protection` or L; here a linked child is the first": (
        ("CSW", "sentence.offence_category", "G:N,K/L_field"),
    ),
    "a benefit claim is not tied to one purpose; J by the place of return alone, as below": (
        ("CSW", "identity.national_id_number", "F:J_return,T,N,L_field"),
    ),
}
GIVES_LESS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "3.2 says return or leave municipality; here leaves are for the police": (
        ("CSW", IDENTITY, "F:J_return,T,N"),
        ("CSW", RELEASE, "F:J_return,T"),
        ("CSW", RESIDENCE, "F:J_return,T"),
        ("CSW", "family.household_composition family.family_support_need", "F:J_return,N"),
        ("CSW", "family.family_contact_person", "F:J_return,N,R"),
    ),
    "T holds on a granted leave; here the place of leave opens identity and the leave alone": (
        ("PLO", RELEASE, "S:J,T_incident"),
        (
            "PLO",
            "residence_contact.return_municipality_code residence_contact.preferred_language",
            "G:J,T_incident",
        ),
        ("PLO", SENTENCE, "G:J,T_incident"),
        (
            "PLO",
            "identity.national_id_number",
            "G:J,T_incident,L_field,L_conditions,condition_enforcement",
        ),
    ),
    "3.3 gives the section G and 3.4 does not except the field; here police have none of it": (
        ("PLO", "residence_contact.return_address sentence.offence_articles", "-"),
    ),
    "3.4 says nested persons one by one; here for the owner as well (decision 6, in part)": (
        ("CUS", "children.child_identities", "-"),
        ("CUS", "family.family_contact_person", "E:own"),
        ("CUS", "supervision.contact_prohibitions", "S:own"),
    ),
    "the pointer to a victim is taken for a nested person (decision 6)": (
        ("PRB CRT", "victim_protection.victim_contact_ref", "E"),
    ),
    "3.4 says participants S; here police are none": (
        ("PCT", "plan.joint_evaluation_outcome", "-"),
    ),
}


def _cells() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for readings in (GIVES_MORE, GIVES_LESS):
        for reason, cells in readings.items():
            for codes, paths, cell in cells:
                for code in codes.split():
                    for path in paths.split():
                        yield (code, path), (cell, reason)


# Role and field: the cell of the policies, and the reason.
DIFFERENT_READINGS: Mapping[tuple[str, str], tuple[str, str]] = dict(_cells())


def _window_or_incident(request: Request, _path: str) -> bool:
    days, lead = request.days_to_release, LEAD_DAYS[CODE[request.role]]
    return request.incident or (days is not None and -SUPPORT_DAYS <= days <= lead)


# Conditions of the policies' cells that the oracle does not have.
POLICIES_CONDITIONS: Conditions = {
    **CONDITIONS,
    "R": lambda request, path: path in request.relative_consents,
    "W": lambda request, path: path in request.vital_interest,
    "C_person": lambda request, path: path in request.consents,
    "J_return": lambda request, _: request.return_municipality in request.municipalities,
    "T_incident": _window_or_incident,
}


def code_of(request: Request) -> str:
    """How the oracle names the caller's role; the policies' name, where it has none."""
    return CODE.get(request.role, request.role)


def as_the_policies_read(request: Request, read: Mapping[str, str]) -> dict[str, str]:
    """What the matrix gives, with the cells of `DIFFERENT_READINGS` in their place."""
    if is_after_support(request):
        return dict(read)
    return dict(read) | {
        path: given(cell, request, path, POLICIES_CONDITIONS)
        for (code, path), (cell, _) in DIFFERENT_READINGS.items()
        if code == code_of(request)
    }
