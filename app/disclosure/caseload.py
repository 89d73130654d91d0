"""The caller's cases: the references by which it may ask. It names nobody else's.

A list read makes an entry for each person on it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.disclosure.disclose import decide_file
from app.house import Act, House, record
from app.policy.errors import DecisionFailed


@dataclass(frozen=True, slots=True)
class Caseload:
    """A page of references; `next` is the cursor of the page after it, None at the end."""

    references: tuple[str, ...]
    next: str | None


def caseload(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    after: str | None,
    limit: int,
    at: datetime,
) -> Caseload:
    """References of persons about whom the caller may have anything at all now."""
    listed = references.listing(
        connection, ring=house.ring, agency_id=caller.agency_id, after=after, limit=limit
    )
    known = [one for one in listed if _may_know(connection, house, caller, one.person_id, at=at)]
    # In one order everywhere: two readers that make persons' first entries cannot deadlock.
    for person_id in sorted(one.person_id for one in known):
        _record(connection, house, caller, person_id, at=at)
    cursor = listed[-1].reference if len(listed) == limit else None
    return Caseload(tuple(one.reference for one in known), cursor)


def _record(
    connection: Connection, house: House, caller: Caller, person_id: str, *, at: datetime
) -> None:
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.RELEASED,
        person_id=person_id,
        fields={"released": [], "withheld": [], "reason": "case-listed"},
    )
    record(connection, house, caller, act, at=at)


def _may_know(
    connection: Connection, house: House, caller: Caller, person_id: str, *, at: datetime
) -> bool:
    try:
        decided = decide_file(connection, house, caller, person_id, at=at)
    except DecisionFailed:
        return False
    return not decided.projection.empty or bool(decided.decision.contribute)
