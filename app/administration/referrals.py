"""Referrals (condition N): the custodian offers a case, the agency accepts or declines it.

An accepted referral gives the agency a random reference of its own for the person.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.administration.recording import Moved, record_fact, refuse_fact
from app.administration.standing import require_custodian, standing
from app.agencies import registry
from app.agencies.registry import OPERATOR_ROLE, AgencyRecord
from app.agencies.tokens import Caller
from app.cases import assignments, references
from app.cases.assignments import DECLINED, Offer
from app.cases.fact import ACCEPTED, Kind
from app.house import House, Refusal
from app.outbox.planning import Occurrence, announce, catch_up
from app.problems import FieldError, InvalidInput, NotFound, ThroughcareError


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """A referral as its parties see it; `reference` is known to the side that asks only."""

    assignment_id: str
    status: str
    reference: str | None = None


def offer(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    reference: str,
    agency_id: str,
    at: datetime,
) -> Referral | Refusal:
    """The custodian offers a person's case to an agency."""
    try:
        place = standing(connection, house, caller, reference)
        require_custodian(place)
        agency = _another(connection, caller, agency_id)
        new = Offer(
            assignment_id=house.new_id(),
            person_id=place.file.person_id,
            agency_id=agency_id,
            by_agency=caller.agency_id,
            by_officer=caller.officer_id,
        )
        status = assignments.offer(
            connection,
            new,
            ring=house.ring,
            standing_acceptance=agency.standing_acceptance,
            at=at,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CASE_ASSIGNMENT, problem, at=at)
    if status == ACCEPTED:
        open_case(connection, house, agency_id, place.file.person_id, at=at)
    _record(connection, house, caller, place.file.person_id, new.assignment_id, status, at=at)
    return Referral(assignment_id=new.assignment_id, status=status)


def answer(
    connection: Connection,
    house: House,
    caller: Caller,
    assignment_id: str,
    *,
    accept: bool,
    at: datetime,
) -> Referral | Refusal:
    """The receiving agency accepts or declines an offer made to it."""
    status = ACCEPTED if accept else DECLINED
    try:
        offered = assignments.get(connection, assignment_id, ring=house.ring)
        _require_party(caller, offered.agency_id)
        assignments.decide(
            connection,
            offered,
            ring=house.ring,
            status=status,
            officer=caller.officer_id,
            at=at,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CASE_ASSIGNMENT, problem, at=at)
    person_id = str(offered.person_id)
    reference = open_case(connection, house, caller.agency_id, person_id, at=at) if accept else None
    answered = Occurrence(
        event="referral_accepted" if accept else "referral_declined",
        agencies=frozenset({offered.by_agency}),
    )
    announce(connection, house.planner, person_id, answered, at=at)
    _record(connection, house, caller, person_id, assignment_id, status, at=at)
    return Referral(assignment_id=assignment_id, status=status, reference=reference)


def end(
    connection: Connection, house: House, caller: Caller, assignment_id: str, *, at: datetime
) -> Referral | Refusal:
    """Custodian or agency ends an accepted assignment; it stops counting at once."""
    try:
        accepted = assignments.get(connection, assignment_id, ring=house.ring)
        _require_party(caller, accepted.agency_id, accepted.by_agency)
        assignments.end(
            connection,
            accepted,
            ring=house.ring,
            agency=caller.agency_id,
            officer=caller.officer_id,
            at=at,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CASE_ASSIGNMENT, problem, at=at)
    person_id = str(accepted.person_id)
    _record(connection, house, caller, person_id, assignment_id, assignments.ENDED, at=at)
    return Referral(assignment_id=assignment_id, status=assignments.ENDED)


def offers(connection: Connection, caller: Caller) -> list[Referral]:
    """The offers that wait for the caller's answer. They say nothing about the person."""
    return [
        Referral(assignment_id=row.assignment_id, status=row.status)
        for row in assignments.open_offers(connection, caller.agency_id)
    ]


def _another(connection: Connection, caller: Caller, agency_id: str) -> AgencyRecord:
    """The agency that a case is offered to."""
    try:
        found = registry.agency(connection, agency_id)
    except InvalidInput:
        found = None
    # The operator of the exchange is no party to any case.
    if found is None or found.agency_id == caller.agency_id or found.role == OPERATOR_ROLE:
        finding = FieldError("/agency", "expected another agency, registered and active")
        raise InvalidInput("the case cannot be offered there", errors=(finding,))
    return found


def _require_party(caller: Caller, *parties: str) -> None:
    """To whoever is no party to it an assignment is unknown."""
    if caller.agency_id not in parties:
        raise NotFound("no such case assignment")


def open_case(
    connection: Connection, house: House, agency_id: str, person_id: str, *, at: datetime
) -> str:
    """Give the agency its reference, and the notices that it missed."""
    reference = references.ensure(
        connection,
        ring=house.ring,
        agency_id=agency_id,
        person_id=person_id,
        at=at,
        random=house.random,
    )
    catch_up(connection, house.planner, person_id, at=at)
    return reference


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    person_id: str,
    assignment_id: str,
    status: str,
    *,
    at: datetime,
) -> None:
    moved = Moved(
        kind=Kind.CASE_ASSIGNMENT, fact_id=assignment_id, status=status, person_id=person_id
    )
    record_fact(connection, house, caller, moved, at=at)
