"""Every message of the person's own report, in plain English: short sentences, no codes. Pure.

Translators work on `locale/<language>/LC_MESSAGES/messages.po`; the English is the original.
What stands here and what stands there is held together by a test (`template.py`).

INVARIANT: the words that say what a report leaves out are the same in everybody's.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from app.access_log.vocabulary import Channel
from app.files.catalogue import FIELDS
from app.files.forms import Form


class Counted(NamedTuple):
    """A message with a number in it."""

    one: str
    many: str


class Words(StrEnum):
    """Messages without a number."""

    TITLE = "Who received information about you"
    THIS_REPORT = "This report"
    MADE_ON = "It was made on {date}."
    REFERENCE = "Your reference is {reference}. Your name is not in this report."
    KEPT_BY = "{agency} keeps your file. What it does itself with your file is not listed here."
    KEEP_SAFE = "This report is about you. Keep it in a safe place."
    NOT_REVIEWED = (
        "The words of this translation have not been reviewed. If they differ from the English "
        "words, the English words count."
    )
    DATE = "{day} {month} {year}"
    AGENCY = "{name} ({kind})"
    NOBODY = "No agency is listed here."
    LISTED = (
        "Information is listed when the agency was allowed to have it. It may be that nothing "
        "was recorded there."
    )
    PURPOSE = "Why: {purpose}."
    LEGAL_BASIS = "Legal basis: {basis}"
    EMERGENCY = "It was an emergency."
    UNREADABLE = "It can no longer be read which information this was."
    REQUESTS = "Your own requests"
    REQUESTED = "A report like this one was made for you on:"
    NOTICE = "What no report says"
    NOTICE_SAME = "These words are the same in everybody's report."
    NOTICE_LEFT_OUT = (
        "The law allows some things to be left out of a report. This can be to protect an "
        "inquiry, the safety of the public, or other people."
    )
    NOTICE_NEITHER = (
        "We neither confirm nor deny that anything was left out of this report. Nothing in it "
        "shows whether that is so."
    )
    NOTICE_UNNAMED = (
        "Some kinds of information are never named: information about security, about the "
        "protection of other people, and some assessments."
    )
    NOTICE_OFFICERS = (
        "No report names the people who worked with the information. Their agency is "
        "responsible for what they did."
    )
    RIGHTS = "Your rights"
    RIGHT_SEE = "You can ask what is recorded about you."
    RIGHT_CORRECT = (
        "You can ask that something wrong is corrected, and that something is erased or no "
        "longer used."
    )
    RIGHT_COMPLAIN = (
        "You can complain to the authority for data protection of {country}. It can also check "
        "for you what a report may leave out. You can also go to a court."
    )
    RIGHT_NO_HARM = "Asking or complaining must not harm you."
    STATUS = "These rights are described in general. The rules of {country}: {status}."
    ILLUSTRATIVE = "illustrative, not legally reviewed"
    ASSESSMENTS = "Assessments"


SUMMARY = Counted(
    "This report lists {count} agency that received information about you.",
    "This report lists {count} agencies that received information about you.",
)

# By the channel of the entry. What is sent counts from its first attempt on.
WAYS: Mapping[str, Counted] = {
    Channel.READ.value: Counted(
        "{date}: it looked at information about you.",
        "{date}: it looked at information about you {count} times.",
    ),
    Channel.PUSH.value: Counted(
        "{date}: it was sent a sealed message.", "{date}: it was sent {count} sealed messages."
    ),
    Channel.INBOX.value: Counted(
        "{date}: it collected a sealed message.", "{date}: it collected {count} sealed messages."
    ),
    Channel.PAPER.value: Counted(
        "{date}: a letter was made for it.", "{date}: {count} letters were made for it."
    ),
}

# The highest first: what was given whole is said first.
FORMS: Mapping[Form, str] = {
    Form.FULL: "In full: {fields}",
    Form.SUMMARY: "As a summary: {fields}",
    Form.GENERALISED: "In general terms: {fields}",
    Form.EXISTENCE: "Only whether something is recorded: {fields}",
}

ROLES: Mapping[str, str] = {
    "correctional_service": "prison service",
    "probation_service": "probation service",
    "court_panel": "court or panel",
    "police_local": "local police",
    "reintegration_unit": "reintegration unit",
    "social_welfare_centre": "social welfare centre",
    "municipal_team": "municipal team",
    "child_protection_authority": "child protection",
    "health_provider": "health care",
    "employment_service": "employment service",
    "ngo_mentor": "mentoring organisation",
    "religious_counsellor": "religious counsellor",
}

PURPOSES: Mapping[str, str] = {
    "execute_sentence": "to carry out the sentence",
    "release_preparation": "to prepare your release",
    "supervision": "to supervise and support you after your release",
    "reintegration_support": "to support your return to life outside",
    "court_report": "to report to a court",
    "judicial_decision": "to decide as a court",
    "sentence_oversight": "to oversee how the sentence is carried out",
    "public_protection_local": "to protect people in your municipality",
    "condition_enforcement": "to check the conditions of your release",
    "welfare_check": "to see whether you are safe",
    "reintegration_coordination": "to plan your return together with others",
    "social_support": "to give you social support",
    "family_support": "to support your family",
    "local_service_planning": "to plan services where you will live",
    "child_protection": "to protect a child",
    "continuity_of_care": "to continue your health care",
    "employment_support": "to help you find work",
    "mentoring": "to give you a mentor",
    "pastoral_support": "to give you religious support",
}

# Some languages have another case here than for the month alone: "{day} {month} {year}".
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

ASSESSED = "risk_assessment"


def label(path: str) -> str:
    """What a field is called; assessments have one name, which tells of no kind of them."""
    field = FIELDS[path]
    return Words.ASSESSMENTS.value if field.section == ASSESSED else field.label


def messages(paths: frozenset[str]) -> Iterator[str | Counted]:
    """Every message once, for a report that may name these fields."""
    labels = (label(path) for path in FIELDS if path in paths)
    texts = (*FORMS.values(), *ROLES.values(), *PURPOSES.values(), *MONTHS)
    every: tuple[str | Counted, ...] = (*map(str, Words), SUMMARY, *WAYS.values(), *texts, *labels)
    yield from dict.fromkeys(every)
