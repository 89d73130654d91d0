"""Alarms go on record: whoever runs this installation, and whoever audits it, sees them."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.house import Act, House, record
from app.outbox import alarms, feeds

# The dispatcher as the log names it: it acts on nobody's behalf.
DISPATCHER = replace(
    OPERATOR,
    agency_id="exchange",
    agency_name="this installation",
    client_id="dispatcher",
    officer_id="dispatcher",
    officer_function="dispatcher",
    purpose="notification",
)
AT_ONCE = 100


def record_feeds(connection: Connection, house: House, *, at: datetime) -> int:
    """Write the entry of each feed that fell silent, is held, or waits for a decision too long."""
    found = feeds.unrecorded(connection, at=at)
    for feed, news in found:
        act = Act(
            operation=Operation.COLLECTION,
            channel=Channel.IMPORT,
            outcome=Outcome.FAILED,
            fields={"alarm": news, "feed": feed.client_id, "custodian": feed.agency_id},
        )
        record(connection, house, DISPATCHER, act, at=at)
    return len(found)


def record_alarms(connection: Connection, house: House, *, at: datetime) -> int:
    """Write the entry of each alarm that has none yet; how many."""
    found = alarms.unrecorded(connection, limit=AT_ONCE)
    for alarm in found:
        act = Act(
            operation=Operation.DELIVERY,
            channel=Channel.PUSH,
            outcome=Outcome.FAILED,
            person_id=alarm.person_id,
            fields={"alarm": alarm.reason, "id": alarm.alarm_id, "event": alarm.event_type},
        )
        record(connection, house, DISPATCHER, act, at=at)
        alarms.mark_recorded(connection, alarm.alarm_id, at=at)
    return len(found)
