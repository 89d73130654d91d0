"""The breaker of a feed on rows of both databases: what it holds, what passes, how it ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row

from app.outbox import feeds
from app.outbox.deliveries import CANCELLED, DELIVERY, HELD, QUEUED
from app.outbox.feeds import FeedSettings, State
from app.outbox.planning import Occurrence, announce, follow, tell_due
from app.problems import NotFound
from app.releases.changes import Change, ReleaseFacts
from app.releases.plausibility import Limits
from tests.outbox.conftest import START, Office

TODAY = START.date()
FEED = "prison-1"
LIMITS = Limits(largest_share=0.5, least_count=2)
PLANNED = ReleaseFacts(planned_release_date=TODAY + timedelta(days=80))
MOVED = ReleaseFacts(planned_release_date=TODAY + timedelta(days=3))


@pytest.fixture
def busy(office: Office) -> Office:
    """A prison with four persons, a probation service that was told of all, a feed of limits."""
    office.subscriber("probation", "probation_service")
    change = Change(before=ReleaseFacts(), after=PLANNED)
    for number in range(4):
        person = office.person(f"p{number}", release=PLANNED.planned_release_date)
        follow(office.connection, office.planner, person, change, at=office.at)
    tell_due(office.connection, office.planner, at=office.at, limit=99)
    office.send_all()
    feeds.configure(office.connection, FEED, "prison", FeedSettings(limits=LIMITS), at=office.at)
    return office


def feed(office: Office) -> Row[Any]:
    return feeds.get(office.connection, FEED)


def move(office: Office, person: str, *, single: bool = True) -> None:
    """A date that was announced moves, as a contribution of the feed has it."""
    office.at += timedelta(minutes=1)
    office.change(person, planned_release_date=MOVED.planned_release_date)
    change = Change(before=PLANNED, after=MOVED)
    follow(office.connection, office.planner, person, change, at=office.at)
    found = feeds.seen(office.connection, FEED, "prison", at=office.at)
    feeds.turned(office.connection, found, person, single=single, at=office.at)


def statuses(office: Office, person: str) -> set[str]:
    return {row.status for row in office.rows(DELIVERY.c.person_id == person)}


def test_a_few_changes_go_out_at_once(busy: Office) -> None:
    for person in ("p0", "p1"):
        move(busy, person)
        assert QUEUED in statuses(busy, person)
    assert feeds.state_of(feed(busy), at=busy.at) is State.LIVE


def test_too_many_hold_the_feed_and_what_was_not_sent_yet(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    assert feeds.state_of(feed(busy), at=busy.at) is State.HELD
    assert all(HELD in statuses(busy, person) for person in ("p0", "p1", "p2"))
    assert busy.claim() == []
    move(busy, "p3")
    assert HELD in statuses(busy, "p3")


def test_what_was_sent_before_is_not_called_back_by_a_hold(busy: Office) -> None:
    move(busy, "p0")
    busy.send_all()
    for person in ("p1", "p2"):
        move(busy, person)
    assert HELD not in statuses(busy, "p0")


def test_an_immediate_event_of_one_person_passes(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    announce(
        busy.connection,
        busy.planner,
        "p2",
        Occurrence(event="release_advanced_by_court"),
        at=busy.at + timedelta(minutes=1),
    )
    busy.at += timedelta(minutes=2)
    [row] = busy.claim()
    assert row.person_id == "p2"


def test_what_is_made_meanwhile_about_a_held_person_waits_too(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    before = len(busy.rows(DELIVERY.c.status == HELD))
    announce(busy.connection, busy.planner, "p0", Occurrence(event="plan_updated"), at=busy.at)
    assert busy.rows(DELIVERY.c.status == QUEUED, DELIVERY.c.person_id == "p0") == []
    assert len(busy.rows(DELIVERY.c.status == HELD)) >= before


def test_released_it_goes_out_and_counting_begins_anew(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    held = len(busy.rows(DELIVERY.c.status == HELD))
    assert feeds.release(busy.connection, feed(busy), at=busy.at) == held > 0
    assert busy.rows(DELIVERY.c.status == HELD) == []
    assert len(busy.claim()) > 0
    assert feeds.state_of(feed(busy), at=busy.at) is State.LIVE
    move(busy, "p3")
    assert feeds.state_of(feed(busy), at=busy.at) is State.LIVE


def test_discarded_nobody_is_told(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    held = busy.rows(DELIVERY.c.status == HELD)
    assert feeds.discard(busy.connection, feed(busy)) == len(held)
    ended = busy.rows(DELIVERY.c.jti.in_([row.jti for row in held]))
    assert {row.status for row in ended} == {CANCELLED}
    assert {row.reason for row in ended} == {feeds.DISCARDED}
    assert busy.claim() == []


def test_a_day_later_the_same_number_is_a_new_day_s(busy: Office) -> None:
    move(busy, "p0")
    move(busy, "p1")
    busy.at += timedelta(hours=24)
    move(busy, "p2")
    assert feeds.state_of(feed(busy), at=busy.at) is State.LIVE


def test_a_feed_that_falls_silent_is_stale_once_on_record(busy: Office) -> None:
    assert feeds.unrecorded(busy.connection, at=busy.at) == []
    later = busy.at + timedelta(hours=73)
    assert feeds.state_of(feed(busy), at=later) is State.STALE
    [(one, news)] = feeds.unrecorded(busy.connection, at=later)
    assert (one.client_id, news) == (FEED, "feed-stale")
    assert feeds.unrecorded(busy.connection, at=later) == []
    feeds.seen(busy.connection, FEED, "prison", at=later)
    assert feeds.state_of(feed(busy), at=later) is State.LIVE


def test_a_hold_is_on_record_and_escalated_when_nobody_decides(busy: Office) -> None:
    for person in ("p0", "p1", "p2"):
        move(busy, person)
    assert [news for _, news in feeds.unrecorded(busy.connection, at=busy.at)] == ["feed-held"]
    later = busy.at + timedelta(hours=4)
    found = feeds.unrecorded(busy.connection, at=later)
    assert [news for _, news in found] == ["feed-hold-undecided"]
    assert feeds.unrecorded(busy.connection, at=later) == []


def test_a_feed_is_known_by_its_first_word(office: Office) -> None:
    with pytest.raises(NotFound):
        feeds.get(office.connection, FEED)
    made = feeds.seen(office.connection, FEED, "prison", at=office.at)
    assert feeds.limits_of(made) == Limits()
    with pytest.raises(NotFound):
        feeds.get(office.connection, FEED, agency_id="another")
    settings = FeedSettings(limits=replace(Limits(), least_count=7))
    feeds.configure(office.connection, FEED, "prison", settings, at=office.at)
    assert feeds.limits_of(feed(office)).least_count == 7
