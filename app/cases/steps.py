"""The versions of facts: each step that a fact took, added and never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, union_all

from app.cases.fact import Fact
from app.cases.tables import CaseAssignment, Consent, DecidingFact, FactStep
from app.problems import Conflict
from app.rows import insert_new, table_of

STEP = table_of(FactStep)
FACT = table_of(DecidingFact)
ASSIGNMENT = table_of(CaseAssignment)
CONSENT = table_of(Consent)

# A step that leaves the fact as it stands: somebody looked at it afterwards.
REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Step:
    """Who moved a fact to which status, and when."""

    number: int
    status: str
    by_agency: str
    by_officer: str
    at: datetime


def append(
    connection: Connection,
    fact: Fact,
    *,
    agency: str,
    officer: str,
    at: datetime,
    status: str | None = None,
) -> None:
    """Add a version: the fact as it stands now, or a `status` of its own such as a review."""
    last = connection.scalar(select(func.max(STEP.c.number)).where(STEP.c.fact_id == fact.fact_id))
    added = insert_new(
        connection,
        FactStep,
        fact_id=fact.fact_id,
        number=(last or 0) + 1,
        status=status or fact.status,
        by_agency=agency,
        by_officer=officer,
        at=at,
    )
    if not added:
        raise Conflict("the fact was moved at the same time")


def of(connection: Connection, fact_ids: list[str]) -> dict[str, list[Step]]:
    """The steps of these facts, oldest first."""
    found: dict[str, list[Step]] = {fact_id: [] for fact_id in fact_ids}
    rows = connection.execute(
        select(STEP).where(STEP.c.fact_id.in_(fact_ids)).order_by(STEP.c.fact_id, STEP.c.number)
    )
    for row in rows:
        step = Step(row.number, row.status, row.by_agency, row.by_officer, row.at)
        found[row.fact_id].append(step)
    return found


def erase(connection: Connection, person_id: str) -> int:
    """Delete the versions of every fact about a person; how many there were."""
    facts = union_all(
        select(FACT.c.fact_id).where(FACT.c.person_id == person_id),
        select(ASSIGNMENT.c.assignment_id).where(ASSIGNMENT.c.person_id == person_id),
        select(CONSENT.c.consent_id).where(CONSENT.c.person_id == person_id),
    )
    return connection.execute(delete(STEP).where(STEP.c.fact_id.in_(facts))).rowcount
