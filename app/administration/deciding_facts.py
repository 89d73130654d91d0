"""Deciding facts about a person: stated, confirmed by somebody else, ended, reviewed."""

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Self

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.consents import latest_expiry
from app.administration.fact_rules import (
    BY_OFFICE,
    LONGEST,
    REVIEW_WITHIN,
    RULES,
    Rule,
    Statement,
    emergency_end,
    is_second_of_custodian,
    status_denied,
)
from app.administration.recording import Moved, record_fact, refuse_fact
from app.administration.standing import (
    Standing,
    refusal,
    require_officer,
    require_proven,
    standing,
    standing_towards,
)
from app.administration.take_backs import recall
from app.agencies import registry
from app.agencies.tokens import Caller
from app.cases import facts, references, steps
from app.cases.fact import Fact, Kind, Status
from app.cases.facts import KeptFact, NewFact
from app.house import Act, House, Refusal, record
from app.outbox import alarms, escalations
from app.outbox.alarms import Reason
from app.outbox.planning import Occurrence, announce, await_end, catch_up
from app.problems import Conflict, FieldError, Forbidden, InvalidInput, NotFound, ThroughcareError
from app.releases.events import EMERGENCY_OPENED, REVIEW_OVERDUE

log = logging.getLogger("throughcare.emergency")

ONE_DAY = timedelta(days=1)
UNKNOWN_FACT = "no such fact"


class ReviewOverdue(Conflict):
    """An emergency of this agency was not reviewed in time: until it is, there is no further."""

    title = "A review is overdue"
    slug = "review-overdue"


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact as whoever moved it may see it."""

    fact_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReview:
    """An emergency that somebody else has to look at, until `due_at`.

    `reference` is the custodian's own.
    """

    fact_id: str
    reference: str | None
    agency: str
    fields: tuple[str, ...]
    stated_by: str
    stated_at: datetime
    ends_at: datetime | None
    due_at: datetime
    overdue: bool
    reason: str
    narrative: str

    @classmethod
    def of(cls, kept: KeptFact, reference: str | None, *, at: datetime) -> Self:
        """The review of an emergency as it is due at this moment."""
        due_at = kept.asserted_at + REVIEW_WITHIN
        return cls(
            fact_id=kept.fact.fact_id,
            reference=reference,
            agency=kept.fact.agency_id,
            fields=kept.fact.parts,
            stated_by=f"{kept.fact.by_agency}/{kept.fact.by_officer}",
            stated_at=kept.asserted_at,
            ends_at=kept.fact.expires_at,
            due_at=due_at,
            overdue=due_at <= at,
            reason=str(kept.details.get("reason", "")),
            narrative=str(kept.details.get("narrative", "")),
        )


def state(
    connection: Connection, house: House, caller: Caller, statement: Statement, *, at: datetime
) -> Stated | Refusal:
    """State a fact. It counts at once, or is proposed to whoever has to confirm it.

    The same fact stated twice is one.
    """
    rule = RULES[statement.kind]
    try:
        place = standing(connection, house, caller, statement.reference)
        if not rule.may_state(place, caller, statement):
            raise refusal(place, "this fact is for others to state")
        _require_in_person(house, caller)
        if statement.kind is Kind.EMERGENCY_ACCESS:
            _require_emergency(connection, caller, at=at)
        _check(connection, house, statement, rule, place, at=at)
        new = _new(house, caller, statement, place, at=at)
        fact = facts.state(connection, new, ring=house.ring, at=at, random=house.random)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, statement.kind, problem, at=at)
    if fact.fact_id == new.fact.fact_id:
        if statement.kind is Kind.EMERGENCY_ACCESS:
            # At once, to whoever watches the service; nobody is named.
            log.warning("ALARM: emergency access %s was opened", fact.fact_id)
            _tell_overseers(connection, house, fact, at=at)
        _moved(connection, house, caller, fact, at=at, evidence=statement.evidence_sha256)
    return Stated(fact.fact_id, fact.status)


def confirm(
    connection: Connection,
    house: House,
    caller: Caller,
    kind: Kind,
    fact_id: str,
    *,
    at: datetime,
) -> Stated | Refusal:
    """Put in force what somebody else has proposed."""
    try:
        fact, place = _find(connection, house, caller, kind, fact_id)
        if not RULES[kind].may_confirm(place, caller, fact):
            raise _refused(place, caller, fact, "this fact is for somebody else to confirm")
        _require_in_person(house, caller)
        if fact.status != Status.PROPOSED:
            raise Conflict("the fact is not proposed")
        if fact.expires_at is not None and fact.expires_at <= at:
            raise Conflict("the time of the fact is over")
        moved = _move(connection, house, caller, fact, Status.IN_FORCE, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, kind, problem, at=at)
    _moved(connection, house, caller, moved, at=at)
    return Stated(moved.fact_id, moved.status)


def end(
    connection: Connection,
    house: House,
    caller: Caller,
    kind: Kind,
    fact_id: str,
    *,
    at: datetime,
) -> Refusal | None:
    """End a fact, or take back what was proposed. It counts no more at the next decision."""
    try:
        fact, place = _find(connection, house, caller, kind, fact_id)
        if not RULES[kind].may_end(place, caller, fact):
            raise _refused(place, caller, fact, "this fact is for others to end")
        moved = _move(connection, house, caller, fact, Status.ENDED, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, kind, problem, at=at)
    _moved(connection, house, caller, moved, at=at)
    if kind is Kind.RELATIVE_CONSENT:
        recall(connection, house, moved, at=at)
    return None


def review(
    connection: Connection, house: House, caller: Caller, fact_id: str, *, at: datetime
) -> Refusal | None:
    """The custodian's officer, who did not state it, has looked at an emergency."""
    kind = Kind.EMERGENCY_ACCESS
    try:
        fact, place = _find(connection, house, caller, kind, fact_id)
        if not is_second_of_custodian(place, caller, fact):
            raise _refused(place, caller, fact, "an emergency is reviewed by somebody else")
        _require_in_person(house, caller)
        if any(one.status == steps.REVIEWED for one in steps.of(connection, [fact_id])[fact_id]):
            raise Conflict("the emergency is reviewed already")
        steps.append(
            connection,
            fact,
            agency=caller.agency_id,
            officer=caller.officer_id,
            at=at,
            status=steps.REVIEWED,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, kind, problem, at=at)
    person_id = str(fact.person_id)
    await_end(connection, person_id, REVIEW_OVERDUE, key=fact_id, due_at=None)
    escalations.settle_of_fact(connection, person_id, fact_id, at=at)
    if not facts.unreviewed(connection, person_id=person_id, ring=house.ring):
        alarms.settle(connection, person_id, reasons=(Reason.OVERSEER_UNREACHED,), at=at)
    reviewed = replace(fact, status=steps.REVIEWED)
    _moved(connection, house, caller, reviewed, at=at)
    return None


def due_reviews(
    connection: Connection, house: House, caller: Caller, *, at: datetime
) -> list[DueReview] | Refusal:
    """Emergencies about persons in the caller's keeping that nobody has reviewed yet."""
    try:
        kept = facts.unreviewed(connection, custodian=caller.agency_id, ring=house.ring)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, Kind.EMERGENCY_ACCESS, problem, at=at)
    for one in kept:
        _read(connection, house, caller, one.fact, at=at)
    return [
        DueReview.of(
            one,
            references.of(
                connection,
                ring=house.ring,
                agency_id=caller.agency_id,
                person_id=str(one.fact.person_id),
            ),
            at=at,
        )
        for one in kept
    ]


def _read(
    connection: Connection, house: House, caller: Caller, fact: Fact, *, at: datetime
) -> None:
    """A list that was read makes an entry for each person on it."""
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RELEASED,
        person_id=fact.person_id,
        fields={"fact": fact.kind, "id": fact.fact_id, "reason": "review-due"},
    )
    record(connection, house, caller, act, at=at)


def _tell_overseers(connection: Connection, house: House, fact: Fact, *, at: datetime) -> None:
    """Whoever keeps the file and whoever watches over it hear of it; and of no review in time."""
    person_id = str(fact.person_id)
    opened = Occurrence(event=EMERGENCY_OPENED, particulars={"fact": fact.fact_id})
    announce(connection, house.planner, person_id, opened, at=at)
    due_at = at + REVIEW_WITHIN
    await_end(connection, person_id, REVIEW_OVERDUE, key=fact.fact_id, due_at=due_at)


def _require_in_person(house: House, caller: Caller) -> None:
    if caller.role not in BY_OFFICE:
        require_officer(house, caller)


def _require_emergency(connection: Connection, caller: Caller, *, at: datetime) -> None:
    """An officer who is proven, whatever the setting says, of an agency that owes no review."""
    require_proven(caller)
    if facts.owes_review(connection, by_agency=caller.agency_id, stated_by=at - REVIEW_WITHIN):
        raise ReviewOverdue("an earlier emergency has to be reviewed first")


def _find(
    connection: Connection, house: House, caller: Caller, kind: Kind, fact_id: str
) -> tuple[Fact, Standing]:
    try:
        fact = facts.get(connection, fact_id, kind, ring=house.ring)
    except NotFound:
        raise NotFound(UNKNOWN_FACT) from None
    return fact, standing_towards(connection, house, caller, str(fact.person_id))


def _refused(place: Standing, caller: Caller, fact: Fact, rule: str) -> Forbidden | NotFound:
    """The rule, to whoever may know of the fact; to all others there is none.

    Whether a victim has opted in is not even for those who keep the file.
    """
    keeper = place.is_custodian and fact.kind != Kind.VICTIM_REGISTRATION
    return (
        Forbidden(rule) if keeper or caller.agency_id == fact.by_agency else NotFound(UNKNOWN_FACT)
    )


def _check(
    connection: Connection,
    house: House,
    statement: Statement,
    rule: Rule,
    place: Standing,
    *,
    at: datetime,
) -> None:
    role = _role(connection, statement.agency)
    today = house.legal_date(at)
    findings = list(rule.check(statement, role))
    if role not in rule.roles:
        findings.insert(0, FieldError("/agency", "expected an agency that this fact may favour"))
    latest = today + LONGEST
    if statement.kind is Kind.RELATIVE_CONSENT:
        latest = min(latest, latest_expiry(house, place, today))
    if statement.expires_on is not None and not today <= statement.expires_on <= latest:
        finding = FieldError("/expires_on", f"expected a day from today to {latest.isoformat()}")
        # The last day of a relative's consent would tell the release.
        if statement.kind is Kind.RELATIVE_CONSENT:
            finding = FieldError("/expires_on", "expected a day within six months of the release")
        findings.append(finding)
    if findings:
        raise InvalidInput("the fact cannot be recorded so", errors=tuple(findings))


def _role(connection: Connection, agency_id: str) -> str:
    """The role of a registered agency; that of an unknown one is none."""
    try:
        return registry.agency(connection, agency_id).role
    except InvalidInput:
        return ""


def _new(
    house: House, caller: Caller, statement: Statement, place: Standing, *, at: datetime
) -> NewFact:
    at_once = RULES[statement.kind].at_once(place, caller, statement)
    status = Status.IN_FORCE if at_once else Status.PROPOSED
    fact = Fact(
        fact_id=house.new_id(),
        kind=statement.kind.value,
        person_id=place.file.person_id,
        agency_id=statement.agency,
        status=Status.DENIED if status_denied(statement) else status,
        purpose=statement.purpose,
        parts=tuple(sorted(set(statement.parts))),
        element=statement.element,
        expires_at=_end_of(house, statement, at=at),
        by_agency=caller.agency_id,
        by_officer=caller.officer_id,
    )
    return NewFact(fact=fact, evidence_sha256=statement.evidence_sha256, details=statement.details)


def _end_of(house: House, statement: Statement, *, at: datetime) -> datetime | None:
    if statement.kind is Kind.EMERGENCY_ACCESS:
        return emergency_end(statement, at=at)
    return None if statement.expires_on is None else end_of_day(house, statement.expires_on)


def end_of_day(house: House, day: date) -> datetime:
    """The moment at which a legal day is over."""
    return datetime.combine(day + ONE_DAY, datetime.min.time(), tzinfo=house.profile.time_zone)


def _move(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: Fact,
    after: Status,
    *,
    at: datetime,
) -> Fact:
    return facts.move(
        connection,
        fact,
        ring=house.ring,
        after=after,
        agency=caller.agency_id,
        officer=caller.officer_id,
        at=at,
    )


def _moved(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: Fact,
    *,
    at: datetime,
    evidence: str | None = None,
) -> None:
    """Put a step on record, and tell those who may be told only now."""
    moved = Moved(
        kind=Kind(fact.kind),
        fact_id=fact.fact_id,
        status=fact.status,
        person_id=fact.person_id,
        evidence_sha256=evidence,
    )
    record_fact(connection, house, caller, moved, at=at)
    if fact.status == Status.IN_FORCE and fact.person_id is not None:
        catch_up(connection, house.planner, fact.person_id, at=at)
