"""Newer news makes older news pointless: news that waits behind it, or has overtaken it."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.outbox import receipts
from app.outbox.deliveries import CANCELLED, DELIVERY, HELD, QUEUED, SENT
from app.outbox.events import Audience, NewEvent, publish
from app.releases.events import EVENTS
from tests.outbox.conftest import Office

MOVED = "release_date_changed"
AUDIENCE = Audience(roles=frozenset({"probation_service"}))


def publish_to_probation(office: Office, event_type: str) -> str:
    """One delivery of such an event; its jti."""
    new = NewEvent(
        event_id=office.planner.new_id(),
        person_id="somebody",
        event_type=event_type,
        release_date=None,
        notice={},
        priority="routine",
    )
    office.at += timedelta(seconds=1)
    publish(office.connection, new, AUDIENCE, new_id=office.planner.new_id, at=office.at)
    [row] = office.rows(DELIVERY.c.event_id == new.event_id)
    return str(row.jti)


@pytest.fixture
def moved(office: Office) -> str:
    """A change of the date that nobody has seen."""
    office.person("somebody")
    office.subscriber("probation", "probation_service")
    return publish_to_probation(office, MOVED)


def is_superseded(office: Office, jti: str) -> bool:
    [row] = office.rows(DELIVERY.c.jti == jti)
    return receipts.is_superseded(office.connection, row, by=EVENTS[MOVED].superseded_by)


@pytest.mark.parametrize(
    ("status", "superseded"), [(QUEUED, True), (SENT, True), (HELD, False), (CANCELLED, False)]
)
def test_a_date_is_superseded_by_a_newer_one_that_goes_out_or_did(
    office: Office,
    moved: str,
    status: str,
    superseded: bool,  # noqa: FBT001 - of a table
) -> None:
    assert not is_superseded(office, moved)
    newer = publish_to_probation(office, MOVED)
    these = DELIVERY.c.jti == newer
    office.connection.execute(update(DELIVERY).where(these).values(status=status))
    assert is_superseded(office, moved) is superseded
    assert not is_superseded(office, newer)


def test_no_other_news_supersedes_a_date(office: Office, moved: str) -> None:
    publish_to_probation(office, "release_planned")
    assert not is_superseded(office, moved)


def test_a_date_that_may_have_arrived_is_not_taken_out_of_the_order(
    office: Office, moved: str
) -> None:
    publish_to_probation(office, MOVED)
    office.connection.execute(update(DELIVERY).where(DELIVERY.c.jti == moved).values(sequence=1))
    assert not is_superseded(office, moved)
