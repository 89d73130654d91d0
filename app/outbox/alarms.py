"""Alarms of this installation: notices that reach nobody, leaves of which nobody reported.

One that is open is not raised again for the same person and reason. What could be told after
all settles it. Its entry in the access log is written by a door, which holds the keys.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.outbox.tables import Alarm
from app.rows import table_of

ALARM = table_of(Alarm)


class Reason(StrEnum):
    """Why somebody has to act."""

    NOBODY_COMPETENT = "nobody-competent"
    NO_ENDPOINT = "no-endpoint"
    LEAVE_UNREPORTED = "leave-unreported"
    # The owner of a file, or every auditor, has no way to be told of an emergency.
    OVERSEER_UNREACHED = "overseer-unreached"
    # Somebody has to print a notice and bring it.
    ON_PAPER = "on-paper"
    # Somebody has to bring what an agency is to give back, on paper.
    TAKE_BACK_UNREACHED = "take-back-unreached"
    # A consent has ended of which nobody can say what it opened.
    TAKE_BACK_UNDECIDED = "take-back-undecided"


NOBODY_TOLD = (Reason.NOBODY_COMPETENT, Reason.NO_ENDPOINT)


def raise_alarm(
    connection: Connection,
    person_id: str,
    reason: Reason,
    *,
    event_type: str,
    municipality: str | None,
    new_id: Callable[[], str],
    at: datetime,
) -> None:
    """Raise an alarm, unless it stands already."""
    known = select(ALARM.c.alarm_id).where(
        ALARM.c.person_id == person_id,
        ALARM.c.reason == reason.value,
        ALARM.c.municipality.is_not_distinct_from(municipality),
        ALARM.c.settled_at.is_(None),
    )
    if connection.scalar(known.limit(1)) is not None:
        return
    connection.execute(
        insert(ALARM).values(
            alarm_id=new_id(),
            person_id=person_id,
            reason=reason.value,
            event_type=event_type,
            municipality=municipality,
            raised_at=at,
        )
    )


def raise_overseer_unreached(
    connection: Connection,
    person_id: str,
    event_type: str,
    *,
    new_id: Callable[[], str],
    at: datetime,
) -> None:
    """Raise that an emergency is told to nobody of a role that watches over it.

    It is about no place: whoever watches does so everywhere.
    """
    raise_alarm(
        connection,
        person_id,
        Reason.OVERSEER_UNREACHED,
        event_type=event_type,
        municipality=None,
        new_id=new_id,
        at=at,
    )


def settle(
    connection: Connection,
    person_id: str,
    *,
    reasons: Iterable[Reason] = NOBODY_TOLD,
    at: datetime,
) -> None:
    """Somebody is told of this person: nobody has to be found any more."""
    connection.execute(
        update(ALARM)
        .where(
            ALARM.c.person_id == person_id,
            ALARM.c.reason.in_([reason.value for reason in reasons]),
            ALARM.c.settled_at.is_(None),
        )
        .values(settled_at=at)
    )


def persons(connection: Connection, reason: Reason) -> set[str]:
    """About whom an alarm for this reason is open."""
    query = select(ALARM.c.person_id).where(
        ALARM.c.reason == reason.value, ALARM.c.settled_at.is_(None)
    )
    return set(connection.scalars(query))


def unrecorded(connection: Connection, *, limit: int) -> list[Row[Any]]:
    """Alarms without their entry in the access log, kept from others."""
    query = select(ALARM).where(ALARM.c.recorded_at.is_(None)).order_by(ALARM.c.alarm_id)
    return list(connection.execute(query.limit(limit).with_for_update(skip_locked=True)))


def mark_recorded(connection: Connection, alarm_id: str, *, at: datetime) -> None:
    """The entry of an alarm stands, in the same transaction."""
    connection.execute(update(ALARM).where(ALARM.c.alarm_id == alarm_id).values(recorded_at=at))


def open_alarms(connection: Connection) -> list[Row[Any]]:
    """What somebody has to put right, the oldest first."""
    query = select(ALARM).where(ALARM.c.settled_at.is_(None))
    return list(connection.execute(query.order_by(ALARM.c.raised_at, ALARM.c.alarm_id)))
