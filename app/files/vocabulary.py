"""The few words that describe every field: data class, nature, person category, owner role."""

from enum import StrEnum


class DataClass(StrEnum):
    """How harmful a leak is, and which rules of law look at it."""

    PERSONAL = "personal"
    SPECIAL = "special"
    SECURITY = "security"
    VICTIM = "victim"
    INTELLIGENCE = "intelligence"


class Nature(StrEnum):
    """Facts stand apart from opinions (Directive (EU) 2016/680, Article 7)."""

    FACT = "fact"
    ASSESSMENT = "assessment"
    STATEMENT = "statement"


class Verification(StrEnum):
    """How a value was checked. A proposed list of this project."""

    UNVERIFIED = "unverified"
    DOCUMENT_SEEN = "document_seen"
    REGISTER_CHECKED = "register_checked"


class OwnerRole(StrEnum):
    """The roles that own a section: only the owner writes it."""

    CORRECTIONAL_SERVICE = "correctional_service"
    COURT_PANEL = "court_panel"
    PROBATION_SERVICE = "probation_service"
    SOCIAL_WELFARE_CENTRE = "social_welfare_centre"
    CHILD_PROTECTION_AUTHORITY = "child_protection_authority"
    HEALTH_PROVIDER = "health_provider"
    VICTIM_SUPPORT_SERVICE = "victim_support_service"
    DATA_SUBJECT = "data_subject"
