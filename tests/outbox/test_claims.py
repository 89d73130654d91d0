"""Fair claims: what one subscription gets of a claim, and at a time."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, insert, update

from app.outbox import claims, deliveries, endpoints, subscriptions
from app.outbox.claims import INBOX, NOBODY_CAME, SHARE
from app.outbox.deliveries import (
    CANCELLED,
    DEAD,
    DELIVERY,
    HELD,
    IMMEDIATE,
    QUEUED,
    RANKS,
    SENT,
    TAKEN_BACK,
)
from app.outbox.endpoints import PATIENCE
from app.outbox.receipts import EVENT
from tests.outbox.conftest import LEASE, Office

HOUR = timedelta(hours=1)
BASE = timedelta(seconds=30)


def fill(office: Office, subscription: str, number: int, *, prefix: str) -> None:
    """Deliveries that are due, each about a person of its own."""
    people = [f"{prefix}-{count:04}" for count in range(number)]
    for person in people:
        office.person(person)
    event: dict[str, Any] = {
        "event_type": "release_planned",
        "release_date": None,
        "notice": {},
        "priority": "routine",
        "occurred_at": office.at,
    }
    delivery = {
        "subscription_id": subscription,
        "agency_id": subscription.removesuffix("-endpoint"),
        "status": QUEUED,
        "rank": RANKS["routine"],
        "created_at": office.at,
        "attempts": 0,
        "next_attempt_at": office.at,
    }
    events = [{"event_id": f"e-{one}", "person_id": one, **event} for one in people]
    office.connection.execute(insert(EVENT), events)
    rows = [
        {"jti": f"j-{one}", "event_id": f"e-{one}", "person_id": one, **delivery} for one in people
    ]
    office.connection.execute(insert(DELIVERY), rows)


@pytest.fixture
def beside(office: Office) -> Office:
    """A poison subscription with a long backlog, which waits longest, beside 99 good ones."""
    poison = office.subscriber("poison", "probation_service")
    fill(office, poison, 300, prefix="poison")
    office.at += HOUR
    office.agency("good", "probation_service")
    for number in range(99):
        fill(office, office.subscription("good", name=f"good-{number}"), 1, prefix=f"good-{number}")
    return office


def of_poison(rows: list[object]) -> int:
    return sum(getattr(row, "subscription_id", "") == "poison-endpoint" for row in rows)


def test_a_poison_endpoint_gets_its_share_of_a_claim_and_no_more(beside: Office) -> None:
    first = beside.claim("one", limit=64)
    assert (len(first), of_poison([*first])) == (64, SHARE)
    # What is in somebody's hands counts: the next claim is all for the others.
    second = beside.claim("two", limit=64)
    assert (len(second), of_poison([*second])) == (99 - (64 - SHARE), 0)
    assert beside.claim("three", limit=64) == []


def test_what_was_in_the_hands_of_a_killed_one_makes_room_again(beside: Office) -> None:
    beside.claim("killed", limit=64)
    beside.at += LEASE + timedelta(seconds=1)
    assert of_poison([*beside.claim("next", limit=64)]) == SHARE


def test_an_endpoint_that_rests_is_left_alone_and_then_tried_with_one(beside: Office) -> None:
    connection = beside.connection
    for _ in range(PATIENCE):
        endpoints.note_failure(connection, "poison-endpoint", problem="x", base=BASE, at=beside.at)
    assert of_poison([*beside.claim("one", limit=64)]) == 0
    beside.at += BASE
    assert of_poison([*beside.claim("two", limit=64)]) == 1
    endpoints.note_success(connection, "poison-endpoint")
    assert of_poison([*beside.claim("three", limit=64)]) == SHARE - 1


def test_the_good_are_served_when_they_are_due_beside_one_that_is_slow_and_then_fails(
    beside: Office,
) -> None:
    """One claim a second, of what 64 hands can hold; the poison keeps each for ten and fails."""
    held: list[tuple[datetime, Row[Any]]] = []
    taken, served = Counter[str](), Counter[int]()
    for second in range(45):
        beside.at += timedelta(seconds=1)
        held = fail_the_slow(beside, held)
        rows = beside.claim("one", limit=64 - len(held))
        held += [(beside.at, row) for row in rows if row.subscription_id == "poison-endpoint"]
        assert len(held) <= SHARE
        for row in rows:
            taken["poison" if row.subscription_id == "poison-endpoint" else "good"] += 1
            if row.subscription_id != "poison-endpoint":
                served[second] += 1
                deliveries.finish(beside.connection, row.jti, lease="one", status=SENT)
    # The share of the poison leaves 48 hands of 64 for the 99: nobody waits longer than for those.
    assert served == {0: 48, 1: 48, 2: 3}
    # Of 300 that waited longest the poison got its share once, then it rested; then one probe.
    assert taken == {"good": 99, "poison": SHARE + 1}


def fail_the_slow(
    office: Office, held: list[tuple[datetime, Row[Any]]]
) -> list[tuple[datetime, Row[Any]]]:
    """After ten seconds the poison says 500; what it still holds."""
    for since, row in held:
        if office.at - since >= timedelta(seconds=10):
            endpoints.note_failure(
                office.connection, row.subscription_id, problem="x", base=BASE, at=office.at
            )
            deliveries.postpone(
                office.connection,
                row.jti,
                lease="one",
                attempts=1,
                next_at=office.at + BASE,
                reason="x",
            )
    return [one for one in held if office.at - one[0] < timedelta(seconds=10)]


def test_what_nobody_may_be_pushed_is_not_claimed_but_what_was_ended_is(office: Office) -> None:
    ready = office.subscriber("probation", "probation_service")
    fill(office, ready, 1, prefix="one")
    for held in ({"paused": True}, {"endpoint": None}, {"disabled_at": office.at}):
        subscriptions.change(office.connection, ready, held)
        assert office.claim() == []
        free = {"paused": False, "endpoint": "https://receiver.example/", "disabled_at": None}
        subscriptions.change(office.connection, ready, free)
    subscriptions.change(office.connection, ready, {"status": "ended", "endpoint": None})
    assert len(office.claim()) == 1


# The inbox.


def poll(office: Office, subscription_id: str, lease: str, *, limit: int = 9) -> list[str]:
    """The deliveries that a poll takes."""
    found, _ = claims.claim_for_inbox(
        office.connection,
        subscriptions.find(office.connection, subscription_id),
        lease=INBOX + lease,
        at=office.at,
        until=office.at + LEASE,
        limit=limit,
    )
    return [row.jti for row in found]


def test_what_one_took_to_push_another_cannot_poll_meanwhile(office: Office) -> None:
    ready = office.subscriber("probation", "probation_service")
    fill(office, ready, 1, prefix="one")
    assert poll(office, ready, "early") == []  # nobody has tried to push it
    [row] = office.claim("push")
    assert poll(office, ready, "a") == []
    deliveries.postpone(
        office.connection, row.jti, lease="push", attempts=1, next_at=office.at, reason="x"
    )
    assert poll(office, ready, "b") == [row.jti]
    assert office.claim("push") == []
    # A second poll takes it over, and the first one's lease is worth nothing.
    assert poll(office, ready, "c") == [row.jti]
    assert deliveries.held(office.connection, row.jti, lease=f"{INBOX}b") is None


def test_what_nobody_came_for_is_given_up_unless_it_is_pushed_or_asked_for(
    office: Office,
) -> None:
    polled = office.subscriber("welfare", "social_welfare_centre")
    subscriptions.change(office.connection, polled, {"endpoint": None})
    pushed = office.subscriber("probation", "probation_service")
    for name, subscription in (("polled", polled), ("pushed", pushed)):
        fill(office, subscription, 1, prefix=name)
    before, office.at = office.at, office.at + HOUR
    assert claims.expire(office.connection, before=before, at=office.at, limit=9) == 0
    assert claims.expire(office.connection, before=office.at, at=office.at, limit=9) == 1
    rows = {row.jti: (row.status, row.reason) for row in office.rows()}
    assert rows == {"j-polled-0000": (DEAD, NOBODY_CAME), "j-pushed-0000": (QUEUED, None)}
    assert poll(office, polled, "late") == ["j-polled-0000"]


def test_what_is_immediate_is_polled_first(office: Office) -> None:
    polled = office.subscriber("welfare", "social_welfare_centre")
    subscriptions.change(office.connection, polled, {"endpoint": None})
    for name in ("a", "b"):
        fill(office, polled, 1, prefix=name)
    last = DELIVERY.c.jti == "j-b-0000"
    office.connection.execute(update(DELIVERY).where(last).values(rank=IMMEDIATE))
    assert poll(office, polled, "one", limit=1) == ["j-b-0000"]


def test_what_is_held_is_neither_pushed_nor_polled_nor_given_up_nor_replayed(
    office: Office,
) -> None:
    ready = office.subscriber("probation", "probation_service")
    fill(office, ready, 1, prefix="one")
    office.connection.execute(update(DELIVERY).values(status=HELD))
    assert office.claim() == []
    subscriptions.change(office.connection, ready, {"endpoint": None})
    assert poll(office, ready, "one") == []
    before, office.at = office.at + HOUR, office.at + 2 * HOUR
    assert claims.expire(office.connection, before=before, at=office.at, limit=9) == 0
    assert deliveries.replay(office.connection, ready, since=0, at=office.at) == 0
    assert [row.status for row in office.rows()] == [HELD]


# Replay.


def test_a_replay_queues_what_came_after_a_number(office: Office) -> None:
    ready = office.subscriber("probation", "probation_service")
    fill(office, ready, 4, prefix="one")
    office.send_all()
    connection = office.connection
    dead = office.rows(DELIVERY.c.sequence == 3)[0].jti
    deliveries.settle(connection, dead, status=DEAD)
    office.at += HOUR
    assert deliveries.replay(connection, ready, since=9, at=office.at) == 0
    assert deliveries.replay(connection, ready, since=0, status=DEAD, at=office.at) == 1
    assert deliveries.replay(connection, ready, since=2, at=office.at) == 1
    by_number = {row.sequence: row.status for row in office.rows()}
    assert by_number == {1: SENT, 2: SENT, 3: QUEUED, 4: QUEUED}
    assert {row.replayed_at for row in office.rows(DELIVERY.c.status == QUEUED)} == {office.at}
    first = office.rows(DELIVERY.c.sequence == 1)[0].jti
    deliveries.settle(connection, first, status=CANCELLED, reason=TAKEN_BACK)
    assert deliveries.replay(connection, ready, since=0, at=office.at) == 1
    assert office.rows(DELIVERY.c.sequence == 1)[0].status == CANCELLED
