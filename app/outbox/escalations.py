"""Escalations: to whom an unanswered notice is taken, step by step, as rows.

The steps are planned with the first attempt, answered or not: whether a notice has arrived
nobody knows, and that a receiver is down is no reason to call nobody. An answer settles them.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from app.agencies.registry import AGENCY
from app.files.tables import InmateFile
from app.outbox.deliveries import DELIVERY
from app.outbox.receipts import EVENT, is_over
from app.outbox.tables import Escalation
from app.releases.events import EVENTS
from app.rows import insert_new, table_of

ESCALATION = table_of(Escalation)
FILE = table_of(InmateFile)


def plan(
    connection: Connection,
    event_type: str,
    *,
    hours: int | None,
    jti: str,
    person_id: str,
    at: datetime,
) -> None:
    """Plan the steps of an event type, the answer being due in so many hours.

    Those of a delivery that has them stay. Where no answer is due they count from now.
    """
    for number, step in enumerate(EVENTS[event_type].escalation):
        insert_new(
            connection,
            Escalation,
            jti=jti,
            step=number,
            person_id=person_id,
            contact=step.to.value,
            due_at=at + timedelta(hours=(hours or 0) + step.after_hours),
        )


def settle(connection: Connection, jti: str, *, at: datetime) -> None:
    """The answer came: what was raised is settled, and nothing more will be."""
    drop(connection, jti)
    connection.execute(
        update(ESCALATION)
        .where(ESCALATION.c.jti == jti, ESCALATION.c.settled_at.is_(None))
        .values(settled_at=at)
    )


def settle_of_fact(connection: Connection, person_id: str, fact_id: str, *, at: datetime) -> None:
    """What a fact gave rise to is done: its notices need no answer any more."""
    query = (
        select(DELIVERY.c.jti, EVENT.c.notice)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(EVENT.c.person_id == person_id, DELIVERY.c.jti.in_(select(ESCALATION.c.jti)))
    )
    for row in connection.execute(query).all():
        if row.notice.get("particulars", {}).get("fact") == fact_id:
            settle(connection, row.jti, at=at)


def drop(connection: Connection, jti: str) -> None:
    """No answer is awaited any more: steps to come are none."""
    connection.execute(
        delete(ESCALATION).where(ESCALATION.c.jti == jti, ESCALATION.c.raised_at.is_(None))
    )


def take_due(connection: Connection, *, at: datetime, limit: int) -> list[Row[Any]]:
    """Steps that are due now, each for one caller alone, marked as raised.

    A notice about what is over, such as a release that was cancelled, is escalated no more.
    """
    query = (
        select(
            ESCALATION,
            DELIVERY.c.agency_id,
            EVENT.c.event_id,
            EVENT.c.event_type,
            EVENT.c.occurred_at,
        )
        .join(DELIVERY, DELIVERY.c.jti == ESCALATION.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(ESCALATION.c.raised_at.is_(None), ESCALATION.c.due_at <= at)
        .order_by(ESCALATION.c.due_at, ESCALATION.c.jti, ESCALATION.c.step)
        .limit(limit)
        .with_for_update(skip_locked=True, of=ESCALATION)
    )
    due = []
    for row in connection.execute(query).all():
        if is_over(connection, row):
            drop(connection, row.jti)
            continue
        connection.execute(
            update(ESCALATION)
            .where(ESCALATION.c.jti == row.jti, ESCALATION.c.step == row.step)
            .values(raised_at=at)
        )
        due.append(row)
    return due


def open_escalations(connection: Connection, *, custodian: str | None = None) -> list[Row[Any]]:
    """Steps that were taken and have no answer yet, the oldest first; of a custodian, or all."""
    query = (
        select(
            ESCALATION,
            DELIVERY.c.agency_id,
            EVENT.c.event_type,
            EVENT.c.release_date,
            FILE.c.custodian,
            AGENCY.c.second_contact,
        )
        .join(DELIVERY, DELIVERY.c.jti == ESCALATION.c.jti)
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .join(FILE, FILE.c.person_id == ESCALATION.c.person_id)
        .join(AGENCY, AGENCY.c.agency_id == DELIVERY.c.agency_id)
        .where(ESCALATION.c.raised_at.is_not(None), ESCALATION.c.settled_at.is_(None))
        .order_by(ESCALATION.c.raised_at, ESCALATION.c.jti, ESCALATION.c.step)
    )
    if custodian is not None:
        query = query.where(FILE.c.custodian == custodian)
    return list(connection.execute(query))
