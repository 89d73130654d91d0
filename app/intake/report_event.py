"""What a prison reports or decides and no field of the file says: a flight, a leave, a death.

Only the custodian of the file reports. The report is on record, and whom the table of events
names is told in the same transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import take_backs
from app.administration.standing import require_custodian, require_officer, standing
from app.agencies import registry
from app.agencies.tokens import Caller
from app.cases import custody
from app.cases.custody import RETURNED, STARTED, Custody
from app.files.catalogue import SECTIONS
from app.files.store import StoredFile
from app.house import Act, House, Refusal, record
from app.outbox.planning import Occurrence, announce, await_return, close, hold
from app.problems import Conflict, FieldError, InvalidInput, ThroughcareError
from app.releases.changes import CLOCK_TOLERANCE
from app.releases.event_types import Trigger
from app.releases.events import EVENTS
from app.releases.leaves import FAILED
from app.releases.leaves import RETURNED as LEAVE_RETURNED
from app.releases.leaves import STARTED as LEAVE_STARTED

REPORTED = tuple(name for name, event in EVENTS.items() if Trigger.CUSTODY in event.triggers)
DEATH = "died_in_custody"
REQUEST = "contribution_requested"
RECAPTURE = "recaptured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of a person. `event` is one of `REPORTED`.

    `agency` is the one that an event with a named recipient is for, `sections` what is to be
    contributed. `occurred_at` is None for now. `next_of_kin_informed` belongs to a death: nobody
    but the court hears of it before the family does.
    """

    event: str
    agency: str | None = None
    sections: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    next_of_kin_informed: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A report that is on record."""

    event: str


def report_event(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    report: Report,
    *,
    at: datetime,
) -> Reported | Refusal:
    """Put a report on record and tell of it. Conflict where it contradicts what is known."""
    try:
        place = standing(connection, house, caller, reference)
        require_custodian(place)
        require_officer(house, caller)
        _check(connection, report, at=at)
        _take_effect(connection, house, place.file, report, at=at)
    except ThroughcareError as problem:
        _record(connection, house, caller, {"reason": problem.slug}, report, None, at=at)
        return Refusal(problem)
    _record(connection, house, caller, {}, report, place.file.person_id, at=at)
    return Reported(report.event)


def _take_effect(
    connection: Connection, house: House, file: StoredFile, report: Report, *, at: datetime
) -> None:
    person_id = file.person_id
    # Of two reports at once the second is judged by what the first has left.
    hold(connection, person_id)
    before = custody.of(connection, person_id, ring=house.ring)
    after = _next_state(house, before, file, report, at=at)
    if after != before:
        custody.keep(connection, person_id, after, ring=house.ring)
    if after.died and not before.died:
        close(connection, person_id)
    elif after.leave != before.leave or after.at_large is not None:
        ends = after.leave_end if after.leave == STARTED and after.at_large is None else None
        await_return(connection, house.planner, person_id, ends)
    if not (before.died and report.event == DEATH):
        announce(connection, house.planner, person_id, _occurrence(report), at=at)
    if report.event == DEATH and report.next_of_kin_informed:
        take_backs.close(connection, house, person_id, at=at)


def _occurrence(report: Report) -> Occurrence:
    happened = report.occurred_at
    particulars = {
        **({"sections": list(report.sections)} if report.sections else {}),
        **({} if happened is None else {"occurred_at": happened.isoformat()}),
    }
    named = EVENTS[report.event].named and report.agency is not None
    return Occurrence(
        event=report.event,
        agencies=frozenset({str(report.agency)}) if named else None,
        particulars=particulars,
    )


# What a report makes of the state that is known.


def _next_state(
    house: House, state: Custody, file: StoredFile, report: Report, *, at: datetime
) -> Custody:
    if state.died and not (report.event == DEATH and report.next_of_kin_informed):
        raise Conflict("the person has died")
    change = _MOVES.get(report.event)
    if change is None:
        return state
    at_large = state.is_at_large(at=at, grace_hours=house.profile.leave_grace_hours)
    return change(state, file, at_large, at)


def _start_leave(state: Custody, file: StoredFile, _at_large: bool, at: datetime) -> Custody:  # noqa: FBT001 - as all moves
    if file.leave_end is None or file.leave_end <= at or state.leave is not None:
        raise Conflict("no leave is granted that could begin now")
    return replace(state, leave=STARTED, leave_end=file.leave_end)


def _return(state: Custody, _file: StoredFile, at_large: bool, _at: datetime) -> Custody:  # noqa: FBT001 - as all moves
    if at_large:
        raise Conflict("the person is at large: who comes back is reported as recaptured")
    if state.leave != STARTED:
        raise Conflict("no leave has begun that could end")
    return replace(state, leave=RETURNED, leave_end=None)


def _fail(state: Custody, _file: StoredFile, at_large: bool, _at: datetime) -> Custody:  # noqa: FBT001 - as all moves
    if at_large:
        raise Conflict("the person is known to be at large")
    if state.leave != STARTED:
        raise Conflict("no leave has begun that somebody could not have come back from")
    return replace(state, at_large=FAILED)


def _flee(how: str) -> "_Move":
    def move(state: Custody, _file: StoredFile, at_large: bool, _at: datetime) -> Custody:  # noqa: FBT001 - as all moves
        if at_large:
            raise Conflict("the person is known to be at large")
        return replace(state, at_large=how)

    return move


def _recapture(state: Custody, _file: StoredFile, at_large: bool, _at: datetime) -> Custody:  # noqa: FBT001 - as all moves
    if not at_large:
        raise Conflict("the person is not known to be at large")
    leave = None if state.leave is None else RETURNED
    return replace(state, at_large=None, leave=leave, leave_end=None)


def _die(state: Custody, _file: StoredFile, _at_large: bool, _at: datetime) -> Custody:  # noqa: FBT001 - as all moves
    return replace(state, died=True)


_Move = Callable[[Custody, StoredFile, bool, datetime], Custody]
_MOVES: Mapping[str, _Move] = {
    LEAVE_STARTED: _start_leave,
    LEAVE_RETURNED: _return,
    FAILED: _fail,
    "absconded": _flee("absconded"),
    "escaped": _flee("escaped"),
    RECAPTURE: _recapture,
    DEATH: _die,
}


# What a report has to say.


def _check(connection: Connection, report: Report, *, at: datetime) -> None:
    findings = [*_findings(connection, report, at=at)]
    if findings:
        raise InvalidInput("the event cannot be reported so", errors=tuple(findings))


def _findings(connection: Connection, report: Report, *, at: datetime) -> Iterator[FieldError]:
    event = EVENTS[report.event]
    if event.named and _role(connection, report.agency) not in event.recipients:
        yield FieldError("/agency", "expected a registered agency that this event can be for")
    if not event.named and report.agency is not None:
        yield FieldError("/agency", "expected none: the table says whom this event is for")
    if (report.event == REQUEST) != bool(report.sections):
        yield FieldError("/sections", "expected for a request of a contribution, and only there")
    if not set(report.sections) <= SECTIONS.keys():
        yield FieldError("/sections", "expected sections of the catalogue")
    if report.next_of_kin_informed and report.event != DEATH:
        yield FieldError("/next_of_kin_informed", "expected with a death only")
    if report.occurred_at is not None and report.occurred_at > at + CLOCK_TOLERANCE:
        yield FieldError("/occurred_at", "expected an instant in the past")


def _role(connection: Connection, agency_id: str | None) -> str:
    """The role of a registered agency; that of an unknown one is none."""
    if agency_id is None:
        return ""
    try:
        return registry.agency(connection, agency_id).role
    except InvalidInput:
        return ""


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    more: Mapping[str, Any],
    report: Report,
    person_id: str | None,
    *,
    at: datetime,
) -> None:
    """Write the entry of a report. That of a refused one names nobody."""
    named = {} if report.agency is None or person_id is None else {"agency": report.agency}
    act = Act(
        operation=Operation.ALTERATION,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.REFUSED if more else Outcome.RECORDED,
        person_id=person_id,
        fields={"event": report.event, **named, **more},
    )
    record(connection, house, caller, act, at=at)
