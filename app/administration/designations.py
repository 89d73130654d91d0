"""Designated, trained recipients (condition D): the agency proposes, the administrator confirms."""

from datetime import date, datetime

from sqlalchemy import Connection

from app.administration.deciding_facts import UNKNOWN_FACT, Stated, end_of_day
from app.administration.fact_rules import LONGEST
from app.administration.recording import Moved, record_fact, refuse_fact
from app.administration.registry import OPERATOR
from app.administration.standing import require_officer
from app.agencies.tokens import Caller
from app.cases import facts
from app.cases.fact import Fact, Kind, Status
from app.cases.facts import NewFact
from app.house import House, Refusal
from app.problems import Conflict, FieldError, Forbidden, InvalidInput, NotFound, ThroughcareError

# Roles with a cell that needs a designated unit.
DESIGNATED_ROLES = frozenset(
    {
        "police_local",
        "police_ct",
        "reintegration_unit",
        "social_welfare_centre",
        "child_protection_authority",
    }
)


def propose(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    evidence_sha256: str,
    expires_on: date,
    at: datetime,
) -> Stated | Refusal:
    """The caller's agency proposes its own trained unit, with the digest of the evidence."""
    try:
        if caller.role not in DESIGNATED_ROLES:
            raise Forbidden("nothing is open to a designated unit of this role")
        require_officer(house, caller)
        today = house.legal_date(at)
        if not today <= expires_on <= today + LONGEST:
            finding = FieldError("/expires_on", "expected a day from today to a year ahead")
            raise InvalidInput("the fact cannot be recorded so", errors=(finding,))
        proposed = Fact(
            fact_id=house.new_id(),
            kind=Kind.DESIGNATION.value,
            person_id=None,
            agency_id=caller.agency_id,
            status=Status.PROPOSED,
            expires_at=end_of_day(house, expires_on),
            by_agency=caller.agency_id,
            by_officer=caller.officer_id,
        )
        new = NewFact(fact=proposed, evidence_sha256=evidence_sha256)
        fact = facts.state(connection, new, ring=house.ring, at=at, random=house.random)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.DESIGNATION, problem, at=at)
    if fact.fact_id == proposed.fact_id:
        _record(connection, house, caller, fact, at=at, evidence=evidence_sha256)
    return Stated(fact.fact_id, fact.status)


def withdraw(
    connection: Connection, house: House, caller: Caller, fact_id: str, *, at: datetime
) -> Refusal | None:
    """The agency's unit is no longer trained, or no longer there."""
    try:
        fact = _find(connection, house, fact_id)
        if fact.agency_id != caller.agency_id:
            raise NotFound(UNKNOWN_FACT)
        _move(connection, house, caller, fact, Status.ENDED, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.DESIGNATION, problem, at=at)
    return None


def listing(connection: Connection, house: House) -> list[Fact]:
    """Every designation, for the administrator."""
    return facts.of_kind(connection, Kind.DESIGNATION, ring=house.ring)


def confirm(connection: Connection, house: House, fact_id: str, *, at: datetime) -> None:
    """The administrator confirms a proposal. NotFound, Conflict."""
    fact = _find(connection, house, fact_id)
    if fact.status != Status.PROPOSED:
        raise Conflict("the designation is not proposed")
    _move(connection, house, OPERATOR, fact, Status.IN_FORCE, at=at)


def end(connection: Connection, house: House, fact_id: str, *, at: datetime) -> None:
    """The administrator ends a designation. NotFound, Conflict."""
    _move(connection, house, OPERATOR, _find(connection, house, fact_id), Status.ENDED, at=at)


def _find(connection: Connection, house: House, fact_id: str) -> Fact:
    try:
        return facts.get(connection, fact_id, Kind.DESIGNATION, ring=house.ring)
    except NotFound:
        raise NotFound(UNKNOWN_FACT) from None


def _move(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: Fact,
    after: Status,
    *,
    at: datetime,
) -> None:
    moved = facts.move(
        connection,
        fact,
        ring=house.ring,
        after=after,
        agency=caller.agency_id,
        officer=caller.officer_id,
        at=at,
    )
    _record(connection, house, caller, moved, at=at)


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: Fact,
    *,
    at: datetime,
    evidence: str | None = None,
) -> None:
    moved = Moved(
        kind=Kind.DESIGNATION,
        fact_id=fact.fact_id,
        status=fact.status,
        person_id=None,
        evidence_sha256=evidence,
    )
    record_fact(connection, house, caller, moved, at=at)
