"""Who may state, confirm and end each deciding fact, and what it may say. Pure.

The rules are those of the exchange between agencies: nobody gives itself access alone. Where
the one who states a fact also gains by it, somebody else confirms it, or reviews it at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from app.administration.standing import WELFARE_CENTRE, Standing
from app.agencies.tokens import Caller
from app.cases.fact import Fact, Kind
from app.files.catalogue import FIELDS, SECTIONS
from app.policy.roles import (
    FACT_ROLES,
    RELATIVE_CONSENT_ROLES,
    RELATIVES_FIELDS,
    ROLE_PURPOSES,
    VITAL_FIELDS,
)
from app.problems import FieldError

COURT = "court_panel"
CHILD_PROTECTION = "child_protection_authority"
VICTIM_SUPPORT = "victim_support_service"
HEALTH = "health_provider"

# These act by their office, not by an officer in person.
BY_OFFICE = frozenset({COURT, CHILD_PROTECTION, VICTIM_SUPPORT})

# A break-glass holds for an hour at most: who needs longer says so again, and is reviewed again.
EMERGENCY_MINUTES = 60
# Within this time somebody else has looked at it, or no further one is opened (docs/adr/0011).
REVIEW_WITHIN = timedelta(hours=24)
# An order, an approval or a designation is asked for anew after a year.
LONGEST = timedelta(days=366)
# What has to be answered with yes before data go to another country (compare Directive (EU)
# 2016/680, Articles 35 to 39). The wording for a country is for its lawyers.
TRANSFER_TEST = (
    "necessary_for_the_stated_purpose",
    "recipient_is_a_competent_authority",
    "legal_basis_is_cited",
    "adequate_protection_or_safeguards",
    "originator_has_consented",
    "onward_transfer_is_excluded",
    "no_risk_of_torture_or_death_penalty",
    "not_a_family_support_case",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A fact as an officer states it.

    Attributes:
        kind: which fact.
        reference: the caller's reference for the person.
        agency: the agency that may have more by it.
        purpose: the one purpose that it speaks for, where it has one.
        parts: paths of fields, or sections.
        element: the reference of a nested person.
        expires_on: its last legal day, where a day is stated.
        minutes: how long it lasts, where minutes are stated.
        evidence_sha256: of the document, in hex.
        details: reasons and answers, kept sealed.
    """

    kind: Kind
    reference: str
    agency: str
    purpose: str | None = None
    parts: tuple[str, ...] = ()
    element: str | None = None
    expires_on: date | None = None
    minutes: int | None = None
    evidence_sha256: str | None = None
    details: Mapping[str, Any] | None = None


Findings = Iterator[FieldError]
Stating = Callable[[Standing, Caller, Statement], bool]
Moving = Callable[[Standing, Caller, Fact], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of fact.

    Attributes:
        roles: of the agencies that it may favour.
        may_state: whether the caller, at this place, may state it in favour of that agency.
        at_once: whether it then holds without anybody else.
        may_confirm: whether the caller may put in force what was proposed.
        may_end: whether the caller may end it.
        check: what it may say, given the role of the agency in whose favour it is.
    """

    roles: frozenset[str]
    may_state: Stating
    at_once: Stating
    may_confirm: Moving
    may_end: Moving
    check: Callable[[Statement, str], Findings] = field(default=lambda _statement, _role: iter(()))


def never(*_: object) -> bool:
    """Nobody."""
    return False


def always(*_: object) -> bool:
    """Nobody else is needed."""
    return True


def is_court(place: Standing, caller: Caller, _: object = None) -> bool:
    """A court that knows the person."""
    return caller.role == COURT and place.is_known


def is_custodian(place: Standing, _caller: Caller, _: object = None) -> bool:
    """An officer of the agency that keeps the file."""
    return place.is_custodian


def is_second_of_custodian(place: Standing, caller: Caller, fact: Fact) -> bool:
    """An officer of the agency that keeps the file, other than the one who stated the fact."""
    return place.is_custodian and not is_author(caller, fact)


def is_author(caller: Caller, fact: Fact) -> bool:
    """The very officer who stated the fact."""
    return (caller.agency_id, caller.officer_id) == (fact.by_agency, fact.by_officer)


def is_stating_agency(_place: Standing, caller: Caller, fact: Fact) -> bool:
    """Any officer of the agency that stated the fact."""
    return caller.agency_id == fact.by_agency


# The rules of each kind.


def _links_child(place: Standing, caller: Caller, _: Statement) -> bool:
    return caller.role == CHILD_PROTECTION and place.has_case


def _confirms_link(place: Standing, caller: Caller, _: Fact) -> bool:
    return place.is_custodian or is_court(place, caller)


def _ends_own_or_owners(place: Standing, caller: Caller, fact: Fact) -> bool:
    return place.is_custodian or is_stating_agency(place, caller, fact)


def _orders(place: Standing, caller: Caller, _: Statement) -> bool:
    return place.is_custodian or is_court(place, caller)


def _orders_for_another(place: Standing, caller: Caller, statement: Statement) -> bool:
    """A court's word counts at once, unless the court itself gains by it."""
    return is_court(place, caller) and statement.agency != caller.agency_id


def _ends_order(place: Standing, caller: Caller, fact: Fact) -> bool:
    return is_court(place, caller) or is_stating_agency(place, caller, fact)


def _speaks_for_victim(place: Standing, caller: Caller, statement: Statement) -> bool:
    own = statement.agency == caller.agency_id
    return caller.role == VICTIM_SUPPORT and place.has_case and own


def _takes_relatives_consent(place: Standing, caller: Caller, statement: Statement) -> bool:
    other = statement.agency != caller.agency_id
    return caller.role == WELFARE_CENTRE and place.has_case and other


def _hears_relative(place: Standing, caller: Caller, fact: Fact) -> bool:
    welfare = caller.role == WELFARE_CENTRE and place.has_case
    return welfare or _ends_own_or_owners(place, caller, fact)


def _breaks_glass(place: Standing, caller: Caller, statement: Statement) -> bool:
    own = statement.agency == caller.agency_id
    return place.is_custodian or (caller.role == HEALTH and place.is_known and own)


def _check_order(statement: Statement, _role: str) -> Findings:
    for place, part in enumerate(statement.parts):
        if part not in SECTIONS and part not in FIELDS:
            yield FieldError(f"/parts/{place}", "expected a section or the path of a field")


def _check_relative(statement: Statement, role: str) -> Findings:
    if not set(statement.parts) <= RELATIVES_FIELDS:
        yield FieldError("/field", "expected a field that holds a relative")
    if statement.purpose not in ROLE_PURPOSES.get(role, ()):
        yield FieldError("/purpose", "expected a purpose of that agency's role")


def _check_emergency(statement: Statement, role: str) -> Findings:
    for place, path in enumerate(statement.parts):
        if role not in VITAL_FIELDS.get(path, frozenset()):
            yield FieldError(f"/fields/{place}", "expected what an emergency opens to that role")


RULES: Mapping[Kind, Rule] = MappingProxyType(
    {
        # K: child protection states it for itself or for who else cares for the child.
        Kind.CHILD_LINK: Rule(
            roles=FACT_ROLES["child_linked"],
            may_state=_links_child,
            at_once=never,
            may_confirm=_confirms_link,
            may_end=_ends_own_or_owners,
        ),
        # O: a court, or two officers of the owner who have the order before them.
        Kind.COURT_ORDER: Rule(
            roles=frozenset(ROLE_PURPOSES) - {"oversight_auditor", "data_subject"},
            may_state=_orders,
            at_once=_orders_for_another,
            may_confirm=is_second_of_custodian,
            may_end=_ends_order,
            check=_check_order,
        ),
        # V: victim support alone, which knows whether the victim has opted in.
        Kind.VICTIM_REGISTRATION: Rule(
            roles=FACT_ROLES["victim_registered"],
            may_state=_speaks_for_victim,
            at_once=always,
            may_confirm=never,
            may_end=is_stating_agency,
        ),
        # X: two officers of the owner, after a test without an open answer.
        Kind.TRANSFER_APPROVAL: Rule(
            roles=FACT_ROLES["transfer_approved"],
            may_state=is_custodian,
            at_once=never,
            may_confirm=is_second_of_custodian,
            may_end=is_custodian,
        ),
        # C of a relative: taken by a welfare centre, never in its own favour.
        Kind.RELATIVE_CONSENT: Rule(
            roles=RELATIVE_CONSENT_ROLES,
            may_state=_takes_relatives_consent,
            at_once=always,
            may_confirm=never,
            may_end=_hears_relative,
            check=_check_relative,
        ),
        # W: the owner names somebody, or health opens for itself; somebody else reviews it.
        Kind.EMERGENCY_ACCESS: Rule(
            roles=FACT_ROLES["vital_interest"],
            may_state=_breaks_glass,
            at_once=always,
            may_confirm=never,
            may_end=_ends_own_or_owners,
            check=_check_emergency,
        ),
    }
)


def status_denied(statement: Statement) -> bool:
    """Whether a transfer test has an answer that is missing or no."""
    if statement.kind is not Kind.TRANSFER_APPROVAL:
        return False
    answers = (statement.details or {}).get("answers", {})
    return not all(answers.get(question) is True for question in TRANSFER_TEST)


def emergency_end(statement: Statement, *, at: datetime) -> datetime:
    """When an emergency ends by itself."""
    return at + timedelta(minutes=min(statement.minutes or EMERGENCY_MINUTES, EMERGENCY_MINUTES))
