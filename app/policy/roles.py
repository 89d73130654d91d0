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
