"""Erasure: a person's keys are destroyed and every row about them goes (crypto-shredding).

Two officers of the custodian want it, for a ground; the term has ended or the recording was
unlawful; no hold stands; no notice is still on its way, for a notice that takes another one
back must reach whoever holds that. What remains is a certificate that names nobody, and a
log whose leaves still prove their place.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, or_, select

from app.access_log import kept_exports
from app.access_log.erasure import ERASED_ENTRIES, erase_subject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.recording import record_change, refuse_fact
from app.administration.registry import OPERATOR
from app.administration.standing import require_custodian, standing
from app.agencies.tokens import Caller
from app.cases import steps
from app.crypto import signing
from app.files.tables import InmateFile
from app.house import Act, House, Refusal, record
from app.outbox import take_backs
from app.outbox.deliveries import QUEUED
from app.outbox.planning import hold
from app.outbox.tables import Delivery
from app.problems import Conflict, ThroughcareError
from app.retention import holds, requests
from app.retention.requests import Ground
from app.retention.schedule import Due, Term
from app.rows import table_of
from app.tables import METADATA

CERTIFICATE = "erasure-certificate+jwt"
RETENTION = "retention"
FILE = table_of(InmateFile)
DELIVERY = table_of(Delivery)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStatus:
    """How a request stands: `requested`, `approved` (it waits for its term) or `erased`."""

    erasure_id: str
    status: str
    certificate: str | None = None


def ask(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    *,
    ground: Ground,
    at: datetime,
) -> ErasureStatus | Refusal:
    """The first of two officers of the custodian wants a person erased."""
    erasure_id = house.new_id()
    try:
        person_id = _own(connection, house, caller, reference)
        requests.ask(
            connection,
            erasure_id,
            person_id=person_id,
            ground=ground,
            by=caller.officer_id,
            at=at,
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, RETENTION, problem, at=at)
    change = {"id": erasure_id, "status": "requested"}
    record_change(connection, house, caller, RETENTION, change, person_id=person_id, at=at)
    return ErasureStatus(erasure_id=erasure_id, status="requested")


def approve(
    connection: Connection, house: House, caller: Caller, reference: str, *, term: int, at: datetime
) -> ErasureStatus | Refusal:
    """A second officer approves; what is due is erased at once, the rest when its term ends.

    `term` is the number of days for which a file is kept after a release.
    """
    try:
        person_id = _own(connection, house, caller, reference)
        row = requests.approve(connection, person_id=person_id, by=caller.officer_id, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, RETENTION, problem, at=at)
    change = {"id": row.erasure_id, "status": "approved"}
    record_change(connection, house, caller, RETENTION, change, person_id=person_id, at=at)
    due = due_of(connection, house, person_id, term=term, at=at)
    if why_not(connection, person_id, Ground(row.ground), due=due, at=at) is None:
        certificate = erase(connection, house, person_id, at=at)
        return ErasureStatus(erasure_id=row.erasure_id, status="erased", certificate=certificate)
    return ErasureStatus(erasure_id=row.erasure_id, status="approved")


def withdraw(
    connection: Connection, house: House, caller: Caller, reference: str, *, at: datetime
) -> Refusal | None:
    """Any officer of the custodian takes a request back that was not carried out."""
    try:
        person_id = _own(connection, house, caller, reference)
        requests.withdraw(connection, person_id=person_id)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, RETENTION, problem, at=at)
    change = {"status": "withdrawn"}
    record_change(connection, house, caller, RETENTION, change, person_id=person_id, at=at)
    return None


def place_hold(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    *,
    reason: str,
    at: datetime,
) -> str | Refusal:
    """The custodian keeps a file beyond its term; the id of the hold."""
    hold_id = house.new_id()
    try:
        person_id = _own(connection, house, caller, reference)
        holds.place(
            connection, hold_id, person_id=person_id, reason=reason, by=caller.officer_id, at=at
        )
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, RETENTION, problem, at=at)
    change = {"hold": hold_id, "status": "placed"}
    record_change(connection, house, caller, RETENTION, change, person_id=person_id, at=at)
    return hold_id


def lift_hold(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    hold_id: str,
    *,
    at: datetime,
) -> Refusal | None:
    """The custodian ends a hold."""
    try:
        person_id = _own(connection, house, caller, reference)
        holds.lift(connection, hold_id, person_id=person_id, by=caller.officer_id, at=at)
    except ThroughcareError as problem:
        return refuse_fact(connection, house, caller, RETENTION, problem, at=at)
    change = {"hold": hold_id, "status": "lifted"}
    record_change(connection, house, caller, RETENTION, change, person_id=person_id, at=at)
    return None


def why_not(
    connection: Connection, person_id: str, ground: Ground, *, due: Due, at: datetime
) -> str | None:
    """What speaks against erasing this person now, whose file stands as `due`; or None."""
    if ground is Ground.RETENTION_ENDED and due is not Due.ENDED:
        return "the term has not ended"
    if holds.is_held(connection, person_id):
        return "a hold stands"
    if _is_being_told(connection, person_id, at=at):
        return "notices are on their way"
    if take_backs.is_open(connection, person_id, at=at):
        return "somebody has yet to confirm what was taken back"
    return None


def due_of(connection: Connection, house: House, person_id: str, *, term: int, at: datetime) -> Due:
    """How a person's file stands to its term."""
    file = connection.execute(select(FILE).where(FILE.c.person_id == person_id)).one()
    return due_by(house, file, term=term, at=at)


def due_by(house: House, file: Row[Any], *, term: int, at: datetime) -> Due:
    """The same, by the row of the file: the release that was recorded, or planned."""
    released_at = file.actual_release_at
    released = None if released_at is None else house.legal_date(released_at)
    today = house.legal_date(at)
    return Term(days=term, today=today).of(released=released, planned=file.planned_release_date)


def erase(connection: Connection, house: House, person_id: str, *, at: datetime) -> str:
    """Destroy everything about a person whose erasure is approved; the signed certificate.

    Conflict where nobody approved it: this door is open to two officers and to nobody alone.
    """
    asked = requests.of(connection, person_id)
    if asked is None or asked.approved_by is None:
        raise Conflict("the erasure of this person was not approved")
    # Whoever publishes about a person holds the file: else an event could come in between.
    hold(connection, person_id)
    erased = erase_subject(connection, house.log_keys().subject_index(person_id))
    destroyed = {
        **_delete_rows(connection, person_id),
        "access_log_keys": erased.keys,
        "access_log_entries": len(erased.entries),
        # After the keys: see kept_exports.add_part.
        "access_log_exports": kept_exports.drop_all(connection),
    }
    certificate = _certificate(house, asked, destroyed, at=at)
    requests.store_certificate(
        connection, asked.erasure_id, destroyed=destroyed, certificate=certificate, at=at
    )
    # Without the person: the entry of an erasure must not become the last trace.
    act = Act(
        operation=Operation.ERASURE,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={
            "erasure": asked.erasure_id,
            "ground": asked.ground,
            "officers": sorted([asked.requested_by, asked.approved_by]),
            "destroyed": destroyed,
            ERASED_ENTRIES: list(erased.entries),
        },
    )
    record(connection, house, OPERATOR, act, at=at)
    return certificate


def tables_of_persons() -> tuple[tuple[Table, Table | None], ...]:
    """Every table with rows about one person, children first.

    Beside each the table that its rows hang on, where they name no person themselves.
    """
    found: list[tuple[Table, Table | None]] = []
    for table in reversed(METADATA.sorted_tables):
        if "person_id" in table.c:
            found.append((table, None))
        else:
            parents = {key.column.table for key in table.foreign_keys}
            found.extend((table, parent) for parent in parents if "person_id" in parent.c)
    return tuple(found)


def _delete_rows(connection: Connection, person_id: str) -> dict[str, int]:
    # They hang on facts of three tables by an id alone, so no key leads to the person.
    counts = {"deciding_fact_step": steps.erase(connection, person_id)}
    for table, parent in tables_of_persons():
        if parent is None:
            condition = table.c.person_id == person_id
        else:
            condition = or_(
                *(
                    key.parent.in_(select(key.column).where(parent.c.person_id == person_id))
                    for key in table.foreign_keys
                    if key.column.table is parent
                )
            )
        deleted = connection.execute(delete(table).where(condition)).rowcount
        name = str(table.name)
        counts[name] = counts.get(name, 0) + deleted
    return counts


def _certificate(house: House, asked: Row[Any], destroyed: dict[str, int], *, at: datetime) -> str:
    claims = {
        "iss": house.issuer,
        "iat": int(at.timestamp()),
        "jti": asked.erasure_id,
        "ground": asked.ground,
        "destroyed": destroyed,
        "log": house.log_origin,
    }
    return signing.sign(claims, house.ring.notification_signing, typ=CERTIFICATE)


def _is_being_told(connection: Connection, person_id: str, *, at: datetime) -> bool:
    """Whether a notice about the person is due, or in the hands of a dispatcher."""
    found = connection.scalar(
        select(DELIVERY.c.jti)
        .where(
            DELIVERY.c.person_id == person_id,
            or_(DELIVERY.c.status == QUEUED, DELIVERY.c.lease_until > at),
        )
        .limit(1)
    )
    return found is not None


def _own(connection: Connection, house: House, caller: Caller, reference: str) -> str:
    place = standing(connection, house, caller, reference)
    require_custodian(place)
    return place.file.person_id
