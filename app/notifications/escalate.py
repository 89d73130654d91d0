"""Unanswered notices go on: each step of their type once, and on record."""

from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.house import Act, House, record
from app.notifications.alarms import DISPATCHER
from app.outbox import escalations

AT_ONCE = 100


def escalate(connection: Connection, house: House, *, at: datetime) -> int:
    """Take the steps that are due, each with its entry; how many."""
    due = escalations.take_due(connection, at=at, limit=AT_ONCE)
    for step in due:
        act = Act(
            operation=Operation.DELIVERY,
            channel=Channel.PUSH,
            outcome=Outcome.FAILED,
            person_id=step.person_id,
            fields={"escalation": step.contact, "event": step.event_type, "agency": step.agency_id},
            payload={"notification": step.jti},
        )
        record(connection, house, DISPATCHER, act, at=at)
    return len(due)
