"""The sections that the correctional service owns, written for one made-up person.

Ordinary and violent extremist offenders go the same way: each section looks at the person
and says what there is to say. `veto_status` and `risk_level_ve` are missing by intent: they
may be recorded only beside a final sentence, and the sentence is the court's to write.
"""

from datetime import timedelta
from random import Random
from typing import Any

from app.population import names
from app.population.person import Person

Section = dict[str, Any]

SKILLS = ("ISCO-08:7126", "ISCO-08:7512", "ISCO-08:5120", "ISCO-08:7231", "ISCO-08:9313")
PROGRAMMES = ("basic_education", "vocational_training", "work_placement", "release_preparation")
FACTORS = ("family_support", "stable_housing", "employment", "positive_peers", "motivation")
PLAN = "Made-up plan. Housing, documents and work are settled before release, in that order."
PLAN_SHARED = "Made-up summary. Wants to work and to live with family."
CONDUCT = "Made-up statement. Keeps to the rules and works in the {place}."
PLACES = ("kitchen", "laundry", "library", "garden", "workshop")
# Levels of education and general risk, each as often as the list repeats it.
EDUCATION = ("ISCED-1", "ISCED-2", "ISCED-2", "ISCED-3", "ISCED-3", "ISCED-4", "ISCED-6")
RISK_LEVELS = ("low", "low", "medium", "medium", "high")
# From so many days before the release on, preparation is under way.
PREPARATION_DAYS = 180


def identity(random: Random, person: Person) -> Section:
    """Name, birth, sex, nationality and registration number."""
    return {
        "full_name": {
            "family": names.family_name(random),
            "given": [names.given_name(random)],
            "script": "Latn",
        },
        "date_of_birth": str(person.born),
        "sex_gender": {"recorded_sex": random.choices("MF", (95, 5))[0]},
        "nationality_codes": [person.country.code],
        "national_id_number": names.national_id(random),
    }


def residence_contact(random: Random, person: Person) -> Section:
    """Where the person returns to, and how to reach them."""
    language, script = random.choice(person.country.languages)
    return {
        "return_municipality_code": person.municipality,
        "return_address": {
            "municipality_code": person.municipality,
            "street": f"Example Street {random.randint(1, 99)}",
        },
        "personal_phone": names.phone(random, calling_code=person.country.calling_code),
        "preferred_language": {"language": language, "script": script},
    }


def custody(random: Random, person: Person) -> Section:
    """Where and since when, whom to call, and how it goes."""
    hour, minute = random.randint(8, 17), random.choice((0, 15, 30, 45))
    return {
        "establishment_code": random.choice(person.country.establishments),
        "admission_datetime": (
            f"{person.admitted}T{hour:02}:{minute:02}:00{person.country.utc_offset}"
        ),
        "emergency_contact": {
            "category": "relative",
            "name": f"{names.given_name(random)} {names.family_name(random)}",
            "relation": random.choice(("parent", "partner", "sibling")),
            "phone": names.phone(random, calling_code=person.country.calling_code),
        },
        "conduct_summary": CONDUCT.format(place=random.choice(PLACES)),
    }


def release(random: Random, person: Person) -> Section:
    """When and on what ground the person leaves, or left."""
    section = {
        "release_type": random.choices(("full_term", "conditional"), (70, 30))[0],
        "planned_release_date": str(person.release),
        "release_date_confidence": "confirmed" if _in_preparation(person) else "projected",
        "travel_home_arrangement": random.choice(("family", "service", "own", "none")),
    }
    if person.released:
        offset = person.country.utc_offset
        section["actual_release_datetime"] = f"{person.release}T10:00:00{offset}"
    return section


def plan(random: Random, person: Person) -> Section:
    """What was done and is planned, as far as preparation has come."""
    ended = min(person.today, person.release)
    section: Section = {
        "programmes_completed": [
            {"programme": programme, "outcome": "completed", "ended_on": str(ended)}
            for programme in random.sample(PROGRAMMES, random.randint(0, 2))
        ],
        "release_preparation_status": _preparation(random, person),
    }
    if _in_preparation(person):
        section["individual_plan_summary"] = PLAN
    return section


def needs(random: Random, person: Person) -> Section:
    """What stands between the person and a life outside."""
    status = random.choice(("eligible", "applied", "granted"))
    benefits = {"status": status}
    if status == "granted":
        benefits["expires_on"] = str(person.release + timedelta(days=30))
    return {
        "accommodation_need": random.choice(("secured", "temporary", "none")),
        "employment_need": random.choice(("none", "job_search", "training")),
        "vocational_skills": random.sample(SKILLS, random.randint(0, 2)),
        "education_level": random.choice(EDUCATION),
        "benefits_entitlement_status": benefits,
        "identity_documents_status": random.choice(("valid", "expired", "missing")),
    }


def risk_assessment(random: Random, person: Person) -> Section:
    """By a general instrument, or by the specialised one where it is meant for the person."""
    tool = "VERA-2R" if person.violent_extremist else "general_rna"
    days = (min(person.today, person.release) - person.admitted).days
    return {
        "risk_tool": {"tool": tool, "version": "2", "assessor_certified": True},
        "risk_assessment_date": str(person.admitted + timedelta(days=random.randint(0, days))),
        "risk_level_general": random.choice(RISK_LEVELS),
        "protective_factors": random.sample(FACTORS, random.randint(1, 3)),
    }


def extremism_status(random: Random, person: Person) -> Section:
    """Of an ordinary offender only what screening said, where anybody was screened."""
    if not person.violent_extremist:
        screened = random.choices(("not_screened", "no_indicator"), (80, 20))[0]
        return {"radicalisation_screening_outcome": screened}
    return {
        "radicalisation_screening_outcome": "refer_for_assessment",
        "ftf_return_status": random.choice(("none", "voluntary", "repatriated")),
        "disengagement_stage": random.choice(
            ("not_offered", "offered", "engaged", "completed", "declined")
        ),
    }


def security_intelligence(random: Random, person: Person) -> Section:
    """The custodial category and the arrangement for staff; nothing of third persons."""
    levels = ("closed",) if person.violent_extremist else ("open", "semi_open", "closed")
    return {
        "staff_safety_arrangement": random.choices(("none", "two_person_visit"), (90, 10))[0],
        "security_classification": random.choice(levels),
    }


# Summaries that authors wrote for sharing, by the text that they stand beside.
SUMMARIES = {"individual_plan_summary": PLAN_SHARED}

WRITERS = (
    identity,
    residence_contact,
    custody,
    release,
    plan,
    needs,
    risk_assessment,
    extremism_status,
    security_intelligence,
)


def _in_preparation(person: Person) -> bool:
    return person.days_to_release <= PREPARATION_DAYS


def _preparation(random: Random, person: Person) -> str:
    if person.released:
        return "ready"
    if not _in_preparation(person):
        return "not_started"
    return random.choice(("not_started", "in_progress", "ready", "blocked"))
