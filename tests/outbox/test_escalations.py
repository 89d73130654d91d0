"""Steps of an escalation on rows: when they are due, that each is taken once, what ends them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select

from app.outbox import escalations
from app.outbox.escalations import ESCALATION
from app.outbox.planning import Occurrence, announce
from app.outbox.receipts import EVENT
from app.releases.event_types import Contact
from app.releases.events import EVENTS
from tests.outbox.conftest import START, Office

HOUR = timedelta(hours=1)


def sent(office: Office, event: str, *, role: str = "probation_service") -> Row[Any]:
    """A notice of this type, sent now to one agency, with its steps planned."""
    office.subscriber("agency", role)
    office.person("p", release=START.date() + timedelta(days=80))
    announce(office.connection, office.planner, "p", Occurrence(event=event), at=office.at)
    office.send_all()
    [row] = office.rows()
    for _ in range(2):  # an attempt may be made again
        plan(office, row)
    return row


def plan(office: Office, delivery: Row[Any]) -> None:
    event = office.connection.execute(
        select(EVENT).where(EVENT.c.event_id == delivery.event_id)
    ).one()
    escalations.plan(
        office.connection,
        event.event_type,
        hours=event.notice["acknowledgement_hours"],
        jti=delivery.jti,
        person_id=delivery.person_id,
        at=office.at,
    )


def taken(office: Office) -> list[str]:
    due = escalations.take_due(office.connection, at=office.at, limit=99)
    return [row.contact for row in due]


@pytest.mark.parametrize(
    "event",
    [
        "release_planned",  # 72 hours, then the supervisor; five days later the agency's head
        "early_release_decided",  # 4 hours, the duty officer
        "supervision_conditions_set",  # nobody
    ],
)
def test_each_step_is_taken_once_when_its_hours_are_over(office: Office, event: str) -> None:
    sent(office, event)
    hours = EVENTS[event].acknowledgement_hours or 0
    for step in EVENTS[event].escalation:
        office.at = START + (hours + step.after_hours) * HOUR - timedelta(seconds=1)
        assert taken(office) == []
        office.at += timedelta(seconds=1)
        assert taken(office) == [step.to.value]
        assert taken(office) == []
    office.at += timedelta(days=400)
    assert taken(office) == []


def test_an_answer_settles_what_was_raised_and_what_was_to_come(office: Office) -> None:
    row = sent(office, "release_planned")
    office.at = START + 72 * HOUR
    assert taken(office) == [Contact.SUPERVISOR]
    assert len(escalations.open_escalations(office.connection, custodian="prison")) == 1
    assert escalations.open_escalations(office.connection, custodian="other") == []
    escalations.settle(office.connection, row.jti, at=office.at)
    assert escalations.open_escalations(office.connection) == []
    office.at += timedelta(days=30)
    assert taken(office) == []
    [kept] = office.connection.execute(select(ESCALATION))
    assert kept.settled_at is not None


def test_a_notice_about_what_is_over_goes_to_nobody_else(office: Office) -> None:
    sent(office, "release_planned")
    off = Occurrence(event="release_cancelled")
    announce(office.connection, office.planner, "p", off, at=START + HOUR)
    office.at = START + 72 * HOUR
    assert taken(office) == []
    office.at += timedelta(days=30)
    assert taken(office) == []


def test_the_end_itself_is_not_over_by_itself(office: Office) -> None:
    sent(office, "temporary_leave_granted")
    office.change("p", leave_municipality=None)
    gone = Occurrence(event="temporary_leave_cancelled")
    office.at += HOUR
    announce(office.connection, office.planner, "p", gone, at=office.at)
    office.send_all()
    [_, cancelled] = office.rows()
    plan(office, cancelled)
    office.at += 24 * HOUR
    assert taken(office) == [Contact.CUSTODIAN]
