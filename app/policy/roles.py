"""Roles of agencies and the purposes that each may pursue: a closed list.

A permit may name only a purpose of its own role; a request for any other is refused.
The auditor's purposes are those for which logs may be used (Directive (EU) 2016/680,
Article 25(2)).
"""

from collections.abc import Mapping
from types import MappingProxyType

ROLE_PURPOSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "correctional_service": ("execute_sentence", "release_preparation"),
        "probation_service": ("supervision", "reintegration_support", "court_report"),
        "court_panel": ("judicial_decision", "sentence_oversight"),
        "police_local": ("public_protection_local", "condition_enforcement", "welfare_check"),
        "police_ct": ("terrorism_prevention_case",),
        "international_gateway": ("international_obligation",),
        "reintegration_unit": ("reintegration_coordination",),
        "national_coordinator": ("policy_monitoring",),
        "social_welfare_centre": ("social_support", "family_support"),
        "municipal_team": ("local_service_planning",),
        "child_protection_authority": ("child_protection",),
        "health_provider": ("continuity_of_care",),
        "employment_service": ("employment_support",),
        "ngo_mentor": ("mentoring",),
        "religious_counsellor": ("pastoral_support",),
        "victim_support_service": ("victim_safety",),
        "data_subject": ("exercise_of_rights",),
        "oversight_auditor": (
            "lawfulness_verification",
            "self_monitoring",
            "data_integrity_security",
            "criminal_proceedings",
        ),
    }
)

PURPOSES: tuple[str, ...] = tuple(
    dict.fromkeys(purpose for purposes in ROLE_PURPOSES.values() for purpose in purposes)
)

# Consent is asked for help only. Before police, court or probation nobody is free to say no,
# so there it is no ground (Directive (EU) 2016/680, recital 35).
CONSENT_ROLES = frozenset(
    {
        "reintegration_unit",
        "social_welfare_centre",
        "municipal_team",
        "child_protection_authority",
        "health_provider",
        "employment_service",
        "ngo_mentor",
        "religious_counsellor",
    }
)

# Whom a relative may allow to have the relative's own data. Courts and probation have their duty
# towards the person, and may still not have a relative's data without that relative.
RELATIVE_CONSENT_ROLES = frozenset(
    {
        "probation_service",
        "court_panel",
        "reintegration_unit",
        "social_welfare_centre",
        "child_protection_authority",
        "health_provider",
        "ngo_mentor",
    }
)

# Facts that speak for some roles only: for any other they are no ground.
FACT_ROLES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "incident": frozenset({"police_local"}),
        "child_linked": frozenset(
            {"child_protection_authority", "social_welfare_centre", "health_provider"}
        ),
        "victim_registered": frozenset({"victim_support_service"}),
        "transfer_approved": frozenset({"international_gateway"}),
        "consents": CONSENT_ROLES,
        "relative_consents": RELATIVE_CONSENT_ROLES,
        "vital_interest": frozenset(
            {"probation_service", "social_welfare_centre", "health_provider"}
        ),
    }
)

# Vital interest opens these fields and no other, some of them to health alone (27).
VITAL_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "health.self_harm_alert": FACT_ROLES["vital_interest"],
        "custody.emergency_contact": FACT_ROLES["vital_interest"],
        "health.medication_continuity_need": FACT_ROLES["vital_interest"],
        "identity.full_name": frozenset({"health_provider"}),
        "release.planned_release_date": frozenset({"health_provider"}),
    }
)

# Religion is for the counsellor whom the person chose, and for the person (2).
RESERVED_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"belief_pastoral.religion_belief": frozenset({"religious_counsellor", "data_subject"})}
)

# Of relatives: the person's own consent says nothing about them.
RELATIVES_FIELDS = frozenset({"custody.emergency_contact", "family.family_contact_person"})
