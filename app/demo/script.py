"""The persons of the demonstration and what their files hold. Nobody real is meant."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.releases.milestones import DELIVERY_TIME
from app.releases.profile import Profile
from app.releases.working_days import ONE_DAY

# What the person of the table lets the employment office have.
CONSENTED = (
    "identity.full_name",
    "residence_contact.personal_phone",
    "needs.employment_need",
    "needs.vocational_skills",
    "needs.education_level",
    "release.planned_release_date",
)


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part: how many days before release, and what that shows."""

    name: str
    days: int
    shows: str


IN_TIME = Part("A", 90, "three months ahead: probation prepares, nobody else is told yet")
NEAR = Part("B", 30, "thirty days ahead: each of the four in its own form, employment by a consent")
TOMORROW = Part("C", 1, "a court releases tomorrow: one notice for all that was missed")
PARTS = (IN_TIME, NEAR, TOMORROW)


FAMILY_NAME = "Wexample"


def release_date(part: Part, *, profile: Profile, at: datetime) -> date:
    """When the person of a part is released, so that its notices are due at any hour.

    Days begin when notices go out: before that hour, what is due today would not have gone yet.
    """
    local = at.astimezone(profile.time_zone)
    tomorrow = local.date() + ONE_DAY
    begun = local.date() if local.time() >= DELIVERY_TIME else local.date() - ONE_DAY
    return max(tomorrow, begun + timedelta(days=part.days))


def prison_sections(release: date, *, municipality: str) -> dict[str, Any]:
    """What the prison knows of the person of a part: every section that it owns."""
    return {
        "identity": {
            "full_name": _value({"family": FAMILY_NAME, "given": ["Testor"]}),
            "date_of_birth": _value("1992-04-17"),
            "sex_gender": _value({"recorded_sex": "M"}),
            "national_id_number": _value("0000099917"),
        },
        "residence_contact": {
            "return_municipality_code": _value(municipality),
            "personal_phone": _value("+38300000917"),
            "preferred_language": _value({"language": "sq"}),
        },
        "custody": {"establishment_code": _value("XK-NORTH")},
        "release": {
            "planned_release_date": _value(release.isoformat()),
            "release_date_confidence": _value("confirmed"),
            "release_type": _value("full_term"),
        },
        "plan": {
            "individual_plan_summary": {
                **_value("Took part in the workshop and in family counselling."),
                "summary": "Ready for work with support.",
            },
            "release_preparation_status": _value("in_progress"),
        },
        "needs": {
            "accommodation_need": _value("temporary"),
            "employment_need": _value("job_search"),
            "education_level": _value("ISCED-3"),
            "identity_documents_status": _value("expired"),
        },
        "risk_assessment": {"risk_level_general": _value("low")},
        "security_intelligence": {"staff_safety_arrangement": _value("office_only")},
    }


def court_section(release: date) -> dict[str, Any]:
    """What the court alone may write."""
    return {
        "legal_status": _value("sentenced"),
        "sentence_length_days": _value(730),
        "sentence_expiry_date": _value((release + timedelta(days=90)).isoformat()),
    }


def _value(value: object) -> dict[str, object]:
    return {"value": value}
