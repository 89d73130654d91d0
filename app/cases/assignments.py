"""Case assignments (condition N): the owner offers, the receiving agency accepts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from app.cases.tables import CaseAssignment
from app.database import insert_new, table_of
from app.problems import Conflict, NotFound

ASSIGNMENT = table_of(CaseAssignment)

OFFERED = "offered"
ACCEPTED = "accepted"
DECLINED = "declined"
ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The custodian's offer of a case to an agency."""

    assignment_id: str
    person_id: str
    agency_id: str
    by_agency: str
    by_officer: str


def offer(connection: Connection, new: Offer, *, standing_acceptance: bool, at: datetime) -> str:
    """Store an offer; it is accepted at once where the agency has agreed to that beforehand.

    Conflict where the agency has this case, or an offer of it, already.
    """
    status = ACCEPTED if standing_acceptance else OFFERED
    added = insert_new(
        connection,
        CaseAssignment,
        assignment_id=new.assignment_id,
        person_id=new.person_id,
        agency_id=new.agency_id,
        offered_by_agency=new.by_agency,
        offered_by_officer=new.by_officer,
        offered_at=at,
        status=status,
        decided_at=at if standing_acceptance else None,
    )
    if not added:
        raise Conflict("this case is referred to this agency already")
    return status


def get(connection: Connection, assignment_id: str) -> Row[Any]:
    """The assignment of this id; NotFound where there is none."""
    row = connection.execute(
        select(ASSIGNMENT).where(ASSIGNMENT.c.assignment_id == assignment_id)
    ).one_or_none()
    if row is None:
        raise NotFound("no such case assignment")
    return row


def decide(
    connection: Connection, assignment_id: str, *, status: str, officer: str, at: datetime
) -> None:
    """The receiving agency accepts or declines; only an open offer can be decided."""
    _move(connection, assignment_id, before=OFFERED, after=status, officer=officer, at=at)


def end(connection: Connection, assignment_id: str, *, officer: str, at: datetime) -> None:
    """End an accepted assignment: from the next decision on it counts as absent."""
    _move(connection, assignment_id, before=ACCEPTED, after=ENDED, officer=officer, at=at)


def is_accepted(connection: Connection, *, person_id: str, agency_id: str) -> bool:
    """Whether this agency has accepted this person's case now."""
    found = connection.scalar(
        select(ASSIGNMENT.c.assignment_id)
        .where(
            ASSIGNMENT.c.person_id == person_id,
            ASSIGNMENT.c.agency_id == agency_id,
            ASSIGNMENT.c.status == ACCEPTED,
        )
        .limit(1)
    )
    return found is not None


def open_offers(connection: Connection, agency_id: str) -> list[Row[Any]]:
    """Offers that wait for this agency's answer, oldest first."""
    query = (
        select(ASSIGNMENT)
        .where(ASSIGNMENT.c.agency_id == agency_id, ASSIGNMENT.c.status == OFFERED)
        .order_by(ASSIGNMENT.c.offered_at, ASSIGNMENT.c.assignment_id)
    )
    return list(connection.execute(query))


def _move(
    connection: Connection,
    assignment_id: str,
    *,
    before: str,
    after: str,
    officer: str,
    at: datetime,
) -> None:
    changed = connection.execute(
        update(ASSIGNMENT)
        .where(ASSIGNMENT.c.assignment_id == assignment_id, ASSIGNMENT.c.status == before)
        .values(status=after, decided_by_officer=officer, decided_at=at)
    )
    if changed.rowcount != 1:
        raise Conflict(f"the case assignment is not {before}")
