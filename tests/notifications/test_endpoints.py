"""What receivers answer, and what becomes of their endpoints and of what waits for them."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest

from app.notifications.dispatcher import BACKLOG
from app.outbox.endpoints import LONGEST_ASKED, LONGEST_REST, PATIENCE
from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town


def days(number: int) -> timedelta:
    return timedelta(days=number)


def statuses(town: Town, agency: Agency) -> list[str]:
    return [row.status for row in town.deliveries(agency)]


def subscription_facts(town: Town, agency: Agency) -> list[dict[str, object]]:
    """What stands in the log about the subscription of an agency, oldest first."""
    entries = [entry.get("fields", {}) for entry in town.entries(agency)]
    return [fields for fields in entries if fields.get("fact") == "subscription"]


# Supersession.


def test_the_newest_date_supersedes_those_that_nobody_has_seen(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.settle()
    for number in (50, 60, 70):
        prison.move(reference, town.today + days(number))
    town.settle()
    assert [n.event_type for n in probation.notices()] == [
        "release_planned",
        "release_date_changed",
    ]
    assert [n.sequence for n in probation.notices()] == [(1, 1), (2, 2)]
    assert statuses(town, probation) == ["sent", "cancelled", "cancelled", "sent"]
    reasons = [
        entry["fields"]["reason"]
        for entry in town.entries(probation)
        if entry["circumstances"]["outcome"] == "cancelled"
    ]
    assert reasons == ["superseded"] * 2


def test_a_date_that_may_have_arrived_is_sent_before_the_newer_one(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.move(reference, town.today + days(50))
    probation.box.answer_next(503)
    town.settle()
    prison.move(reference, town.today + days(60))
    town.advance(hours=1)
    assert statuses(town, probation) == ["sent"] * 3
    assert [n.sequence[0] for n in probation.notices()] == [1, 2, 2, 3]


def test_what_happened_is_never_superseded(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.move(reference, town.today + days(50))
    moment = town.world.clock().isoformat()
    prison.change(reference, "release", actual_release_datetime=moment)
    town.settle()
    assert probation.told() == ["release_planned", "release_date_changed", "released"]
    assert set(statuses(town, probation)) == {"sent"}


# Answers.


def test_retry_after_as_a_date_is_obeyed(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    moment = format_datetime(town.world.clock() + timedelta(seconds=900), usegmt=True)
    probation.box.answer_next(503, Retry_After=moment)
    town.settle()
    # It is the endpoint that asked: nothing else is sent there either.
    prison.admit(town.today + days(40))
    town.advance(seconds=899)
    assert len(probation.notices()) == 1
    assert probation.shown()["endpoint_state"] == "resting"
    town.advance(seconds=1)
    assert set(statuses(town, probation)) == {"sent"}


@pytest.mark.parametrize("asked", ["999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_beyond_all_measure_is_capped(town: Town, prison: Prison, asked: str) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(2))
    probation.box.answer_next(503, Retry_After=asked)
    town.settle()
    town.advance(seconds=LONGEST_ASKED.total_seconds())
    assert statuses(town, probation) == ["sent"]


def test_a_retry_after_that_is_none_is_overlooked(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(503, Retry_After="soon")
    town.settle()
    town.advance(seconds=30)
    assert statuses(town, probation) == ["sent"]


def test_gone_disables_the_endpoint_and_its_owner_sees_why(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    probation.box.answer_next(410)
    town.settle()
    prison.move(reference, town.today + days(45))
    town.advance(days=7)
    # Kept, and pushed to nobody, however long it lasts.
    assert statuses(town, probation) == ["queued", "queued"]
    assert len(probation.notices()) == 1
    shown = probation.shown()
    assert (shown["endpoint_state"], shown["problem"]) == ("disabled", "answered 410")
    assert subscription_facts(town, probation)[-1]["reason"] == "answered 410"
    planned, *_ = probation.poll()
    assert planned.event_type == "release_planned"
    [changed] = probation.poll(planned.jti)
    assert changed.event["concerns"] == [planned.jti]


def test_only_a_new_handshake_opens_what_was_disabled(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(410)
    town.settle()
    old = probation.nonces()[-1]
    assert probation.answer_handshake(old).status_code == 204  # the same answer again: nothing
    assert probation.shown()["endpoint_state"] == "disabled"
    probation.change(endpoint=probation.box.url)
    town.settle()
    assert statuses(town, probation) == ["queued"]
    assert probation.answer_handshake(old).status_code == 422
    assert probation.answer_handshake(probation.nonces()[-1]).status_code == 204
    town.settle()
    assert statuses(town, probation) == ["sent"]
    assert probation.shown()["endpoint_state"] == "open"


@pytest.mark.parametrize("status", [400, 413, 415])
def test_what_cannot_be_read_is_put_aside_until_it_is_asked_for(
    town: Town, prison: Prison, status: int
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    probation.box.answer_next(status)
    town.settle()
    prison.move(reference, town.today + days(45))
    town.advance(days=1)
    # It holds up nothing about the same person, and nobody tries it by himself.
    assert statuses(town, probation) == ["quarantined", "sent"]
    [aside] = probation.listed("quarantined")
    assert (aside["sequence"], aside["problem"]) == (1, f"answered {status}")
    assert probation.poll() == []
    assert probation.replay(0, status="quarantined") == 1
    town.settle()
    assert statuses(town, probation) == ["sent", "sent"]
    first, _, again = probation.notices()
    assert (first.jti, first.sequence) == (again.jti, again.sequence)


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_a_failure(town: Town, prison: Prison, status: int) -> None:
    probation = town.subscribed("probation_service")
    elsewhere = town.mailroom.box(f"elsewhere-{town.number}")
    prison.admit(town.today + days(40))
    probation.box.answer_next(status, Location=elsewhere.url)
    town.settle()
    assert statuses(town, probation) == ["queued"]
    assert elsewhere.letters == []


# The breaker.


def test_an_endpoint_that_fails_rests_and_is_tried_with_one_at_a_time(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    for _ in range(PATIENCE + 3):
        prison.admit(town.today + days(40))
    probation.box.answer_next(*[503] * 30)
    town.settle()
    tried = len(probation.notices())
    assert tried == PATIENCE + 3  # all at once, before anybody knew
    shown = probation.shown()
    assert (shown["endpoint_state"], shown["problem"]) == ("resting", "answered 503")
    for probe in range(1, 4):
        town.advance(seconds=LONGEST_REST.total_seconds())
        assert len(probation.notices()) == tried + probe
    assert set(statuses(town, probation)) == {"queued"}
    probation.box.answers.clear()
    town.advance(hours=6)
    assert set(statuses(town, probation)) == {"sent"}
    assert probation.shown()["problem"] is None


def test_one_failure_in_between_lets_nobody_rest(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    for _ in range(PATIENCE + 1):
        prison.admit(town.today + days(40))
        probation.box.answer_next(503, 202)
        town.settle()
        town.advance(minutes=1)
    assert set(statuses(town, probation)) == {"sent"}


# What nobody comes for, and heartbeats.


def test_what_nobody_came_for_is_given_up_and_can_still_be_polled(
    town: Town, prison: Prison
) -> None:
    welfare = town.join("social_welfare_centre")
    welfare.subscribe_to_inbox()
    prison.admit(town.today + days(60))
    town.settle()
    town.advance(days=BACKLOG.days + 1)
    assert "dead" in statuses(town, welfare)
    assert "release_planned" in [notice.event_type for notice in welfare.poll()]


def test_a_heartbeat_tells_the_last_number_and_nothing_of_anybody(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.settle()
    assert town.dispatcher is not None
    beating = town.another_dispatcher(heartbeat=timedelta(hours=1))
    town.world.clock.advance(minutes=59)
    asyncio.run(beating.round())
    assert probation.heartbeats() == []
    town.world.clock.advance(minutes=2)
    asyncio.run(beating.round())
    asyncio.run(beating.round())
    [heartbeat] = probation.heartbeats()
    assert heartbeat.event == {
        "subscription_id": probation.subscription_id,
        "last_sequence": len(probation.notices()),
    }
    assert heartbeat.claims.keys() == {"iss", "aud", "iat", "jti", "txn", "events", "pad"}
