"""What is in force, how it came about, and what waits for somebody."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from app.access_log.instants import format_instant
from app.activation import register
from app.activation.evidence import Evidence, NotBorneOut
from app.activation.register import APPROVAL
from app.activation.statement import SIGNATURES, ApprovalRefused, Kind
from app.administration.policy_bundles import CONFIRMATION, evidence_of
from app.house import House
from app.policy.bundle import Bundle
from app.problems import NotFound


def policy_status(connection: Connection, house: House, *, at: datetime) -> dict[str, Any]:
    """The bundle in force, the history, open approvals and reviews that are due, as JSON."""
    evidence = evidence_of(connection, house)
    chain = register.history(connection)
    history = [_activation(connection, row, evidence) for row in chain]
    last = chain[-1]
    return {
        "in_force": {
            **history[-1],
            "country": register.stored(connection, last.digest).country,
            "confirmation": _confirmation(last, history[-1]["signed_by"], at),
        },
        "history": history,
        "open_approvals": list(_approvals(connection, last.sequence, evidence)),
        "reviews_due": reviews_due(house.bundle, house.legal_date(at)),
    }


def reviews_due(bundle: Bundle, today: date) -> list[str]:
    """Ids of agreements and legal authorities whose review date has passed."""
    agreements = {one.id: one.review_date for one in bundle.register.agreements.values()}
    authorities = {one.id: one.review_date for one in bundle.authorities.values()}
    reviewed = {**agreements, **authorities}
    return sorted(id_ for id_, review_date in reviewed.items() if review_date < today)


def _activation(connection: Connection, row: Row[Any], evidence: Evidence) -> dict[str, Any]:
    given = register.approvals(connection, row.digest, row.sequence - 1, evidence)
    signed = [] if row.kind == Kind.INITIAL else [one.officer.officer_id for one in given]
    return {
        "sequence": row.sequence,
        "digest": row.digest,
        "kind": row.kind,
        "at": format_instant(row.activated_at),
        "report": row.report,
        "entry": row.entry_id,
        "signed_by": signed,
    }


def _confirmation(last: Row[Any], signed: list[str], at: datetime) -> dict[str, Any] | None:
    """Until when a second officer has to confirm an emergency revocation; None if not needed."""
    if last.kind != Kind.EMERGENCY_REVOCATION or len(signed) >= SIGNATURES[Kind.ACTIVATION]:
        return None
    due = last.activated_at + CONFIRMATION
    return {"due": format_instant(due), "overdue": at > due}


def _approvals(connection: Connection, after: int, evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Approvals of bundles that could follow the one in force; each bundle by itself."""
    waiting = select(APPROVAL.c.digest).where(APPROVAL.c.after == after).distinct()
    for digest in sorted(connection.scalars(waiting)):
        try:
            for one in register.approvals(connection, digest, after, evidence):
                yield {"officer": one.officer.officer_id, **one.statement.to_json()}
        except (NotBorneOut, NotFound, ApprovalRefused) as error:
            yield {"new": digest, "problem": str(error)}
