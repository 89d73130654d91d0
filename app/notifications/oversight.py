"""What is told to overseers at its attempt: who opened what in an emergency, for how long.

To the agency that keeps the file by its own reference; to an auditor whom the policy lets read
the access log by the id that the entries of the log have. Both are asked anew each time.

INVARIANT: no file is read here. Why the fields were opened stands in the list that both may ask
for, and in no message.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from app.administration.deciding_facts import DueReview
from app.agencies.registry import AGENCY
from app.agencies.tokens import Caller
from app.audit.read_log import objection
from app.cases import facts, steps
from app.house import House
from app.notifications.bare import Bare
from app.notifications.fresh_decision import Withdrawn, recipient_of
from app.outbox import alarms
from app.outbox.competence import CUSTODIAN_ROLE, FILE
from app.outbox.events import reached_roles
from app.policy.errors import DecisionFailed
from app.problems import NotFound
from app.releases.event_types import Kind
from app.releases.events import EVENTS, REVIEW_OVERDUE

NO_LONGER_TRUE = "no-longer-true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An emergency as an overseer is told of it. Times are in RFC 3339."""

    id: str
    agency: str
    fields: tuple[str, ...]
    stated_by: str
    stated_at: str
    ends_at: str | None
    review_due_at: str
    overdue: bool


def is_oversight(event: Row[Any]) -> bool:
    """Whether an event is for overseers."""
    return EVENTS[event.event_type].kind is Kind.OVERSIGHT


def tell_overseer(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    event: Row[Any],
    subscription: Row[Any],
    *,
    at: datetime,
) -> Bare:
    """The message of one delivery. Raises Withdrawn, DecisionFailed, FactAltered."""
    caller = recipient_of(connection, subscription)
    keeps = _keeps(connection, caller, delivery.person_id)
    if not keeps:
        _require_auditor(house, caller, at=at)
    fact_id = event.notice["particulars"]["fact"]
    content = {
        "priority": event.priority,
        "acknowledgement_hours": event.notice["acknowledgement_hours"],
        "purpose": caller.purpose,
        "legal_basis": caller.legal_basis,
        "policy": house.bundle.digest,
        "emergency": asdict(_emergency(connection, house, event, fact_id, at=at)),
    }
    return Bare(
        caller=caller,
        content=content,
        on_record={"event": event.event_type, "id": fact_id},
        reference=None if keeps else delivery.person_id,
    )


def see_to_it(
    connection: Connection, house: House, delivery: Row[Any], event: Row[Any], *, at: datetime
) -> None:
    """That a notice came to nobody of its recipient's role is an alarm, as if there were none."""
    if not is_oversight(event):
        return
    role = connection.scalar(select(AGENCY.c.role).where(AGENCY.c.agency_id == delivery.agency_id))
    if role not in reached_roles(connection, event.event_id):
        alarms.raise_overseer_unreached(
            connection, delivery.person_id, event.event_type, new_id=house.new_id, at=at
        )


def _keeps(connection: Connection, caller: Caller, person_id: str) -> bool:
    """Whether the recipient keeps the file, now."""
    custodian = select(FILE.c.custodian).where(FILE.c.person_id == person_id)
    return caller.role == CUSTODIAN_ROLE and connection.scalar(custodian) == caller.agency_id


def _require_auditor(house: House, caller: Caller, *, at: datetime) -> None:
    """The policy lets the recipient read the access log, and so what this tells."""
    problem = objection(house, caller, at=at)
    if isinstance(problem, DecisionFailed):
        raise problem
    if problem is not None:
        raise Withdrawn("nothing-permitted")


def _emergency(
    connection: Connection, house: House, event: Row[Any], fact_id: str, *, at: datetime
) -> Emergency:
    """What is said of it. Raises Withdrawn where the review that was overdue is done."""
    try:
        kept = facts.kept(connection, fact_id, ring=house.ring)
    except NotFound as error:
        raise Withdrawn(NO_LONGER_TRUE) from error
    done = any(one.status == steps.REVIEWED for one in steps.of(connection, [fact_id])[fact_id])
    if done and event.event_type == REVIEW_OVERDUE:
        raise Withdrawn(NO_LONGER_TRUE)
    review = DueReview.of(kept, None, at=at)
    return Emergency(
        id=fact_id,
        agency=review.agency,
        fields=review.fields,
        stated_by=review.stated_by,
        stated_at=review.stated_at.isoformat(),
        ends_at=None if review.ends_at is None else review.ends_at.isoformat(),
        review_due_at=review.due_at.isoformat(),
        overdue=review.overdue and not done,
    )
