"""Bosnia and Herzegovina: eight days before a release those who did not answer are reminded."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.conftest import BOTH, empty_database
from tests.notifications.play import Prison, Town
from tests.world import ASLEEP, World, running_world


@pytest.fixture(scope="module", params=BOTH)
def still_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """As everywhere in this folder, with the other profile."""
    folder = tmp_path_factory.mktemp("bosnia")
    url = empty_database(request.param, request, folder)
    with running_world(url, folder, dispatch_interval=ASLEEP, profile="ba") as world:
        yield world


def days(number: int) -> timedelta:
    return timedelta(days=number)


def test_the_alarm_reaches_those_who_were_told_and_kept_silent(town: Town, prison: Prison) -> None:
    answering, silent, unproven = (
        town.join("social_welfare_centre", name=name) for name in ("answering", "silent", "new")
    )
    for agency in (answering, silent):
        agency.subscribe()
        town.shake_hands(agency)
    others = [town.subscribed(role) for role in ("probation_service", "police_local")]
    release = town.release_in(60)
    prison.admit(release)
    town.settle()
    assert answering.told() == silent.told() == ["release_planned"]
    assert answering.acknowledge(answering.notices()[0].jti).status_code == 204
    unproven.subscribe()
    for ahead in (30, 14, 7):
        town.travel_to(release - days(ahead))
    assert answering.told() == ["release_planned"]
    assert unproven.told() == []
    assert [agency.told() for agency in others] == [["release_planned"]] * 2
    planned, alarm = silent.notices()
    assert (alarm.event_type, alarm.event["milestones"]) == ("release_planned", ["T-8"])
    assert (planned.event["priority"], alarm.event["priority"]) == ("routine", "urgent")


def test_an_answer_about_another_person_is_no_answer(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    release = town.release_in(60)
    prison.admit(release)
    town.settle()
    prison.admit(release + days(10))
    town.settle()
    answered = welfare.notices()[1]
    welfare.acknowledge(answered.jti)
    town.travel_to(release - days(7))
    assert len(welfare.notices()) == 3
    assert welfare.notices()[2].reference == welfare.notices()[0].reference


def test_an_answer_about_an_earlier_release_is_no_answer(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(town.today + days(80))
    town.settle()
    welfare.acknowledge(welfare.notices()[0].jti)
    prison.move(reference, None)
    town.settle()
    release = town.release_in(60)
    prison.move(reference, release)
    town.settle()
    town.travel_to(release - days(7))
    assert welfare.told() == ["release_planned", "release_cancelled"] + ["release_planned"] * 2


def test_whom_the_notice_never_reached_is_reminded_too(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    release = town.release_in(60)
    prison.admit(release)
    welfare.box.answer_next(413)
    town.settle()
    assert [row.status for row in town.deliveries(welfare)] == ["quarantined"]
    town.travel_to(release - days(7))
    assert [row.status for row in town.deliveries(welfare)] == ["quarantined", "sent"]


def test_in_kosovo_and_here_the_same_date_makes_the_same_steps_late_at_once(
    town: Town, prison: Prison
) -> None:
    welfare = town.subscribed("social_welfare_centre")
    prison.admit(town.today + days(5))
    town.settle()
    [notice] = welfare.notices()
    assert notice.event["milestones"] == ["T-180", "T-90", "T-60", "T-30", "T-14", "T-8"]
    assert (notice.event["priority"], notice.event["shortfall_days"]) == ("urgent", 85)
