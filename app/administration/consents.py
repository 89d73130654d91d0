"""Consents (condition C), taken by an officer from the person, withdrawn at any time.

Consent is no basis for police, courts or probation: between them and a prisoner it cannot
be given freely. And nobody takes a consent in its own favour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection

from app.administration.recording import Moved, record_fact, refuse_fact
from app.administration.standing import (
    Standing,
    require_consent_taker,
    require_officer,
    standing,
    standing_towards,
)
from app.administration.take_backs import EXPIRED, recall
from app.agencies import registry
from app.agencies.tokens import Caller
from app.cases import consents
from app.cases.consents import NewConsent
from app.cases.fact import Fact, Kind
from app.files.catalogue import FIELDS, Field
from app.files.vocabulary import DataClass
from app.house import House, Refusal
from app.outbox.planning import Occurrence, announce, await_end, catch_up
from app.policy.roles import CONSENT_ROLES, ROLE_PURPOSES
from app.problems import FieldError, Forbidden, InvalidInput, NotFound, ThroughcareError

# A consent ends at most six months after the release (domain: safeguards).
DAYS_AFTER_RELEASE = 184
DAYS_WITHOUT_RELEASE = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A consent as the officer states it. `evidence_sha256`: of the signed form, in hex."""

    reference: str
    recipient_agency: str
    purpose: str
    fields: tuple[str, ...]
    text_version: str
    evidence_sha256: str
    expires_on: date


def take(
    connection: Connection, house: House, caller: Caller, statement: Statement, *, at: datetime
) -> str | Refusal:
    """Record a consent; its id. It holds from the next decision on. Taken twice it is one."""
    try:
        place = standing(connection, house, caller, statement.reference)
        require_consent_taker(place, caller)
        require_officer(house, caller)
        if statement.recipient_agency == caller.agency_id:
            raise Forbidden("nobody takes a consent in its own favour")
        _check(connection, house, statement, place, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CONSENT, problem, at=at)
    new = NewConsent(
        consent_id=house.new_id(),
        person_id=place.file.person_id,
        recipient_agency=statement.recipient_agency,
        purpose=statement.purpose,
        fields=statement.fields,
        text_version=statement.text_version,
        evidence_sha256=statement.evidence_sha256,
        expires_on=statement.expires_on,
        by_agency=caller.agency_id,
        by_officer=caller.officer_id,
    )
    known = consents.same(connection, new, ring=house.ring)
    if known is not None:
        return known
    consents.record(connection, new, ring=house.ring, at=at)
    taken = Moved(
        kind=Kind.CONSENT,
        fact_id=new.consent_id,
        status="given",
        person_id=new.person_id,
        evidence_sha256=new.evidence_sha256,
    )
    record_fact(connection, house, caller, taken, at=at)
    given = Occurrence(event="consent_given", particulars={"fact": new.consent_id})
    announce(connection, house.planner, new.person_id, given, at=at)
    over = datetime.combine(
        new.expires_on + timedelta(days=1), time.min, tzinfo=house.profile.time_zone
    )
    await_end(connection, new.person_id, EXPIRED, key=new.consent_id, due_at=over)
    catch_up(connection, house.planner, new.person_id, at=at)
    return new.consent_id


def withdraw(
    connection: Connection, house: House, caller: Caller, consent_id: str, *, at: datetime
) -> Refusal | None:
    """End a consent. It counts no more at the next decision and the next attempt."""
    try:
        consent = consents.get(connection, consent_id, ring=house.ring)
        _require_withdrawer(connection, house, caller, consent)
        consents.withdraw(
            connection,
            consent,
            ring=house.ring,
            agency=caller.agency_id,
            officer=caller.officer_id,
            at=at,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.CONSENT, problem, at=at)
    withdrawn = Moved(
        kind=Kind.CONSENT, fact_id=consent_id, status="withdrawn", person_id=consent.person_id
    )
    record_fact(connection, house, caller, withdrawn, at=at)
    person_id = str(consent.person_id)
    await_end(connection, person_id, EXPIRED, key=consent_id, due_at=None)
    ended = Occurrence(event="consent_withdrawn", particulars={"fact": consent_id})
    announce(connection, house.planner, person_id, ended, at=at)
    recall(connection, house, consent, at=at)
    return None


def _require_withdrawer(
    connection: Connection, house: House, caller: Caller, consent: Fact
) -> None:
    """Whoever may take a consent may pass on its withdrawal; to all others it is unknown."""
    try:
        place = standing_towards(connection, house, caller, str(consent.person_id))
        require_consent_taker(place, caller)
    except (Forbidden, NotFound):
        raise NotFound("no such consent") from None


def _check(
    connection: Connection, house: House, statement: Statement, place: Standing, *, at: datetime
) -> None:
    role = _role(connection, statement.recipient_agency)
    today = house.legal_date(at)
    latest = latest_expiry(house, place, today)
    findings = [
        *_unknown_fields(statement.fields),
        *_finding(
            role in CONSENT_ROLES,
            "/recipient_agency",
            "expected an agency that may act on consent",
        ),
        *_finding(
            statement.purpose in ROLE_PURPOSES.get(role, ()),
            "/purpose",
            "expected a purpose of that agency's role",
        ),
        *_finding(
            today <= statement.expires_on <= latest,
            "/expires_on",
            "expected a day from today to six months after the release",
        ),
    ]
    if findings:
        raise InvalidInput("the consent cannot be recorded so", errors=tuple(findings))


def _role(connection: Connection, agency_id: str) -> str:
    """The role of a registered agency; that of an unknown one is none."""
    try:
        return registry.agency(connection, agency_id).role
    except InvalidInput:
        return ""


def _unknown_fields(paths: tuple[str, ...]) -> Iterator[FieldError]:
    for place, path in enumerate(paths):
        own = path in FIELDS and _is_the_persons_own(FIELDS[path])
        yield from _finding(own, f"/fields/{place}", "expected a field the person can consent to")


def _is_the_persons_own(field: Field) -> bool:
    """About another person only that person can consent; about a victim nobody else, either."""
    return field.kind.person_of is None and field.data_class is not DataClass.VICTIM


def _finding(holds: bool, pointer: str, message: str) -> Iterator[FieldError]:  # noqa: FBT001 - a predicate's outcome
    if not holds:
        yield FieldError(pointer, message)


def latest_expiry(house: House, place: Standing, today: date) -> date:
    """The last day that a consent may name."""
    left = place.file.actual_release_datetime
    release = place.file.planned_release_date if left is None else house.legal_date(left)
    if release is None:
        return today + timedelta(days=DAYS_WITHOUT_RELEASE)
    return release + timedelta(days=DAYS_AFTER_RELEASE)
