"""Referral codes: made for a person and a purpose, redeemed once by the agency they come to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.administration.recording import Moved, record_fact, refuse_fact
from app.administration.referrals import Referral, open_case
from app.administration.standing import require_consent_taker, require_officer, standing
from app.agencies.tokens import Caller
from app.cases import assignments, referral_codes
from app.cases.assignments import OFFERED, Offer
from app.cases.fact import ACCEPTED, Kind
from app.cases.referral_codes import Made, Mistyped, NewCode
from app.house import House, Refusal
from app.policy.roles import ROLE_PURPOSES
from app.problems import FieldError, InvalidInput, NotFound, ThroughcareError, TooManyAttempts

# These have their own way to a person, or none.
WITHOUT_CODES = frozenset({"correctional_service", "oversight_auditor", "data_subject"})
PURPOSES = frozenset(
    purpose
    for role, purposes in ROLE_PURPOSES.items()
    if role not in WITHOUT_CODES
    for purpose in purposes
)
NO_SUCH_CODE = "no such code is good for you now"


@dataclass(frozen=True, slots=True)
class PrintedCode:
    """A code as it is told once, and until when it is good."""

    code: str
    expires_at: datetime


def make(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    reference: str,
    purpose: str,
    at: datetime,
) -> PrintedCode | Refusal:
    """A code for a person, by the custodian or by a welfare centre that has the case."""
    try:
        place = standing(connection, house, caller, reference)
        require_consent_taker(place, caller)
        require_officer(house, caller)
        if purpose not in PURPOSES:
            finding = FieldError("/purpose", "expected the purpose of an agency that helps or acts")
            raise InvalidInput("no code can be made for this", errors=(finding,))
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CASE_ASSIGNMENT, problem, at=at)
    new = NewCode(
        person_id=place.file.person_id,
        purpose=purpose,
        by_agency=caller.agency_id,
        by_officer=caller.officer_id,
    )
    text = referral_codes.new_text(house.random)
    expires_at = referral_codes.store(connection, text, new, ring=house.ring, at=at)
    made = Moved(kind=Kind.CASE_ASSIGNMENT, fact_id="", status="code-made", person_id=new.person_id)
    record_fact(connection, house, caller, made, at=at)
    return PrintedCode(text, expires_at)


def redeem(
    connection: Connection, house: House, caller: Caller, text: str, *, at: datetime
) -> Referral | Refusal:
    """Open the case that a code stands for: as an accepted referral, with a reference."""
    try:
        if not referral_codes.may_try(connection, caller.client_id, at=at):
            raise TooManyAttempts(
                "too many codes were tried in vain; try again in an hour", retry_after=3600
            )
        made = _use(connection, house, caller, text, at=at)
        assignment_id = _assign(connection, house, caller, made, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CASE_ASSIGNMENT, problem, at=at)
    reference = open_case(connection, house, caller.agency_id, made.person_id, at=at)
    moved = Moved(
        kind=Kind.CASE_ASSIGNMENT,
        fact_id=assignment_id,
        status=ACCEPTED,
        person_id=made.person_id,
    )
    record_fact(connection, house, caller, moved, at=at)
    return Referral(assignment_id=assignment_id, status=ACCEPTED, reference=reference)


def _use(connection: Connection, house: House, caller: Caller, text: str, *, at: datetime) -> Made:
    try:
        made = referral_codes.redeem(
            connection,
            text,
            ring=house.ring,
            agency=caller.agency_id,
            purpose=caller.purpose,
            at=at,
        )
    except Mistyped as error:
        finding = FieldError("/code", f"expected a code as it is printed: {error}")
        raise InvalidInput("this is no code", errors=(finding,)) from None
    if made is None:
        referral_codes.count_failure(connection, caller.client_id, failure_id=house.new_id(), at=at)
        raise NotFound(NO_SUCH_CODE)
    return made


def _assign(
    connection: Connection, house: House, caller: Caller, made: Made, *, at: datetime
) -> str:
    """The accepted assignment: one that stands, the answer to an offer, or a new one."""
    known = assignments.open_between(
        connection, ring=house.ring, person_id=made.person_id, agency_id=caller.agency_id
    )
    if known is not None:
        if known.status == OFFERED:
            assignments.decide(
                connection,
                known,
                ring=house.ring,
                status=ACCEPTED,
                officer=caller.officer_id,
                at=at,
            )
        return known.fact_id
    new = Offer(
        assignment_id=house.new_id(),
        person_id=made.person_id,
        agency_id=caller.agency_id,
        by_agency=made.by_agency,
        by_officer=made.by_officer,
    )
    assignments.offer(connection, new, ring=house.ring, standing_acceptance=True, at=at)
    return new.assignment_id
