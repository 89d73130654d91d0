"""Auditors see every emergency that nobody has reviewed, from the moment it was opened."""

from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.audit.read_log import may_read
from app.cases import facts
from app.cases.facts import KeptFact
from app.house import Act, House, record


def unreviewed(
    connection: Connection, house: House, caller: Caller, *, at: datetime
) -> list[KeptFact] | None:
    """All of them, oldest first, to an auditor; None to anybody else. An entry for each person."""
    if not may_read(house, caller, at=at):
        return None
    kept = facts.unreviewed(connection, ring=house.ring)
    for person_id in sorted({str(one.fact.person_id) for one in kept}):
        act = Act(
            operation=Operation.LOG_READ,
            channel=Channel.AUDIT,
            outcome=Outcome.RELEASED,
            person_id=person_id,
            fields={"facts": "emergencies"},
        )
        record(connection, house, caller, act, at=at)
    return kept
