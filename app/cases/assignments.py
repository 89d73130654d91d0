"""Case assignments (condition N): the owner offers, the receiving agency accepts.

Here as in every room of facts: what is read bears its code out, or FactAltered is raised.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from app.cases import steps
from app.cases.fact import ACCEPTED, Fact, Kind, code_of, require_genuine
from app.cases.tables import CaseAssignment
from app.crypto.key_ring import KeyRing
from app.problems import Conflict, NotFound
from app.rows import insert_new, table_of

ASSIGNMENT = table_of(CaseAssignment)

OFFERED = "offered"
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


def offer(
    connection: Connection, new: Offer, *, ring: KeyRing, standing_acceptance: bool, at: datetime
) -> str:
    """Store an offer; it is accepted at once where the agency has agreed to that beforehand.

    Conflict where the agency has this case, or an offer of it, already.
    """
    status = ACCEPTED if standing_acceptance else OFFERED
    fact = Fact(
        fact_id=new.assignment_id,
        kind=Kind.CASE_ASSIGNMENT,
        person_id=new.person_id,
        agency_id=new.agency_id,
        status=status,
        by_agency=new.by_agency,
        by_officer=new.by_officer,
    )
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
        authentication_code=code_of(ring, fact),
    )
    if not added:
        raise Conflict("this case is referred to this agency already")
    steps.append(connection, fact, agency=new.by_agency, officer=new.by_officer, at=at)
    return status


def get(connection: Connection, assignment_id: str, *, ring: KeyRing) -> Fact:
    """The assignment of this id; NotFound where there is none."""
    row = connection.execute(
        select(ASSIGNMENT).where(ASSIGNMENT.c.assignment_id == assignment_id)
    ).one_or_none()
    if row is None:
        raise NotFound("no such case assignment")
    return require_genuine(ring, fact_of(row), row.authentication_code)


def decide(
    connection: Connection,
    offered: Fact,
    *,
    ring: KeyRing,
    status: str,
    officer: str,
    at: datetime,
) -> None:
    """The receiving agency accepts or declines; only an open offer can be decided."""
    _move(
        connection,
        offered,
        ring=ring,
        before=OFFERED,
        after=status,
        agency=offered.agency_id,
        officer=officer,
        at=at,
    )


def end(
    connection: Connection,
    accepted: Fact,
    *,
    ring: KeyRing,
    agency: str,
    officer: str,
    at: datetime,
) -> None:
    """End an accepted assignment: from the next decision on it counts as absent."""
    _move(
        connection,
        accepted,
        ring=ring,
        before=ACCEPTED,
        after=ENDED,
        agency=agency,
        officer=officer,
        at=at,
    )


def is_accepted(connection: Connection, *, ring: KeyRing, person_id: str, agency_id: str) -> bool:
    """Whether this agency has accepted this person's case now."""
    rows = connection.execute(
        select(ASSIGNMENT).where(
            ASSIGNMENT.c.person_id == person_id,
            ASSIGNMENT.c.agency_id == agency_id,
            ASSIGNMENT.c.status == ACCEPTED,
        )
    ).all()
    # Every one of them: an altered row beside a good one is still an alarm.
    return bool([require_genuine(ring, fact_of(row), row.authentication_code) for row in rows])


def open_between(
    connection: Connection, *, ring: KeyRing, person_id: str, agency_id: str
) -> Fact | None:
    """The one assignment between them that is offered or accepted, if there is one."""
    row = connection.execute(
        select(ASSIGNMENT).where(
            ASSIGNMENT.c.person_id == person_id,
            ASSIGNMENT.c.agency_id == agency_id,
            ASSIGNMENT.c.status.in_([OFFERED, ACCEPTED]),
        )
    ).one_or_none()
    return None if row is None else require_genuine(ring, fact_of(row), row.authentication_code)


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
    fact: Fact,
    *,
    ring: KeyRing,
    before: str,
    after: str,
    agency: str,
    officer: str,
    at: datetime,
) -> None:
    moved = replace(fact, status=after)
    changed = connection.execute(
        update(ASSIGNMENT)
        .where(ASSIGNMENT.c.assignment_id == fact.fact_id, ASSIGNMENT.c.status == before)
        .values(
            status=after,
            decided_by_officer=officer,
            decided_at=at,
            authentication_code=code_of(ring, moved),
        )
    )
    if changed.rowcount != 1:
        raise Conflict(f"the case assignment is not {before}")
    steps.append(connection, moved, agency=agency, officer=officer, at=at)


def fact_of(row: Row[Any]) -> Fact:
    """What a row says, before its code is looked at."""
    return Fact(
        fact_id=row.assignment_id,
        kind=Kind.CASE_ASSIGNMENT,
        person_id=row.person_id,
        agency_id=row.agency_id,
        status=row.status,
        by_agency=row.offered_by_agency,
        by_officer=row.offered_by_officer,
    )
