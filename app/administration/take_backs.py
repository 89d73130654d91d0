"""Taking back what was sent: recall, correction, retraction, closure, and who has confirmed.

The ground is the past receipt, as the access log has it, and no fresh decision: a consent that
was withdrawn cannot stop its own recall. Exactly those who received something are told, and
only the ids of what they received. Which fields that was stays in the log.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.disclosed import Disclosed, disclosed
from app.administration.recording import record_change, refuse_fact
from app.administration.standing import require_custodian, require_officer, standing
from app.agencies.tokens import Caller
from app.cases import consents
from app.cases.fact import Fact
from app.files.catalogue import FIELDS
from app.house import House, Refusal, record_list
from app.outbox import alarms, take_backs
from app.outbox.alarms import Reason
from app.outbox.planning import hold
from app.problems import FieldError, InvalidInput, ThroughcareError

TAKE_BACK = "take-back"
RECALL, CLOSURE, RETRACTION = "recall", "closure", "retraction"
EXPIRED = "consent_expired"


class What(StrEnum):
    """What a custodian says of values that were sent."""

    CORRECTED = "corrected"
    RESTRICTED = "restricted"
    ERASED = "erased"
    SENT_IN_ERROR = "sent_in_error"

    @property
    def event(self) -> str:
        """The message that follows."""
        return RETRACTION if self is What.SENT_IN_ERROR else f"record_{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is taken back: these fields, as far as they were sent since a moment, or ever.

    `safety`: somebody's safety hangs on it, so that an answer is due within a day.
    """

    what: What
    fields: tuple[str, ...]
    since: datetime | None = None
    safety: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How one agency stands to what it is to give back. `notices` and `reads` are how many."""

    event: str
    agency: str
    ordered_at: datetime
    due_at: datetime
    notices: int
    reads: int
    reachable: bool
    sent_at: datetime | None
    confirmed_at: datetime | None
    overdue: bool

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, its times in RFC 3339."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def take_back(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    asked: Asked,
    *,
    at: datetime,
) -> list[Told] | Refusal:
    """Tell every past recipient of these fields; how each of them stands now."""
    try:
        place = standing(connection, house, caller, reference)
        require_custodian(place)
        require_officer(house, caller)
        _check(asked)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, TAKE_BACK, problem, at=at)
    person_id = place.file.person_id
    hold(connection, person_id)
    got = (
        one
        for one in _received(connection, house, person_id, since=asked.since)
        if one.has_any(asked.fields)
    )
    event_id = take_backs.order(
        connection,
        person_id,
        asked.what.event,
        got,
        safety=asked.safety,
        new_id=house.new_id,
        at=at,
    )
    if event_id is not None and asked.what is What.SENT_IN_ERROR:
        take_backs.stop(connection, event_id, at=at)
    told = [row for row in take_backs.of_person(connection, person_id) if row.event_id == event_id]
    change = {
        "what": asked.what.value,
        "paths": sorted(asked.fields),
        "agencies": sorted({row.agency_id for row in told}),
    }
    record_change(connection, house, caller, TAKE_BACK, change, person_id=person_id, at=at)
    return [_told(row, at=at) for row in told]


def listed(
    connection: Connection, house: House, caller: Caller, reference: str, *, at: datetime
) -> list[Told] | Refusal:
    """What was taken back about a person in the caller's keeping, and who has confirmed."""
    try:
        place = standing(connection, house, caller, reference)
        require_custodian(place)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, TAKE_BACK, problem, at=at)
    person_id = place.file.person_id
    record_list(connection, house, caller, [person_id], "take-backs", at=at)
    return [_told(row, at=at) for row in take_backs.of_person(connection, person_id)]


def recall(connection: Connection, house: House, consent: Fact, *, at: datetime) -> None:
    """A consent has ended: its agency gives back what it received by it, and nobody else does.

    What another consent of the person still covers is kept.
    """
    kept = consents.still_given(connection, consent, ring=house.ring, on=house.legal_date(at))
    fields = set(consent.parts) - kept
    person_id = str(consent.person_id)
    hold(connection, person_id)
    received = disclosed(
        connection,
        house.log_keys().subject_index(person_id),
        keys=house.log_keys(),
        agency_id=consent.agency_id,
        purpose=consent.purpose,
    )
    got = (one for one in received if fields and one.has_any(fields))
    take_backs.order(connection, person_id, RECALL, got, new_id=house.new_id, at=at)


def recall_expired(connection: Connection, house: House, ended: Row[Any], *, at: datetime) -> None:
    """The time of a consent is over: as if it were withdrawn.

    One that cannot be relied on is an alarm and no error: the clock goes on for everybody else.
    """
    if ended.event_type != EXPIRED:
        return
    try:
        consent = consents.get(connection, ended.key, ring=house.ring)
        recall(connection, house, consent, at=at)
    except ThroughcareError:
        alarms.raise_alarm(
            connection,
            ended.person_id,
            Reason.TAKE_BACK_UNDECIDED,
            event_type=EXPIRED,
            municipality=None,
            new_id=house.new_id,
            at=at,
        )


def close(connection: Connection, house: House, person_id: str, *, at: datetime) -> None:
    """Somebody has died and the next of kin know: all who were told close the case. Once."""
    hold(connection, person_id)
    if not take_backs.was_ordered(connection, person_id, CLOSURE):
        got = _received(connection, house, person_id)
        take_backs.order(connection, person_id, CLOSURE, got, new_id=house.new_id, at=at)


def _received(
    connection: Connection, house: House, person_id: str, *, since: datetime | None = None
) -> Iterable[Disclosed]:
    """What others than the custodian have received of a person."""
    keys = house.log_keys()
    subject = keys.subject_index(person_id)
    custodian = hold(connection, person_id).custodian
    found = disclosed(connection, subject, keys=keys, since=since)
    return [one for one in found if one.agency_id != custodian]


def _told(row: Row[Any], *, at: datetime) -> Told:
    confirmed = row.acknowledged_at if row.acknowledgement == take_backs.ACCEPTED else None
    return Told(
        event=row.event_type,
        agency=row.agency_id,
        ordered_at=row.ordered_at,
        due_at=row.due_at,
        notices=len(row.notices),
        reads=len(row.reads),
        reachable=row.jti is not None,
        sent_at=row.sent_at,
        confirmed_at=confirmed,
        overdue=confirmed is None and row.due_at <= at,
    )


def _check(asked: Asked) -> None:
    findings = [*_findings(asked)]
    if findings:
        raise InvalidInput("this cannot be taken back so", errors=tuple(findings))


def _findings(asked: Asked) -> Iterator[FieldError]:
    if not asked.fields:
        yield FieldError("/fields", "expected at least one field")
    for place, path in enumerate(asked.fields):
        if path not in FIELDS:
            yield FieldError(f"/fields/{place}", "expected a field of the catalogue")
