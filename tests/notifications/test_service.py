"""The service by itself: its own dispatcher, its own clock, nobody who asks it to look."""

from datetime import timedelta

from tests.notifications.mailroom import wait_until
from tests.notifications.play import Prison, Town


def test_it_tells_when_the_time_has_come(lively_town: Town) -> None:
    town = lively_town
    prison = Prison(town.join("correctional_service", purpose="release_preparation"), town)
    probation = town.subscribed("probation_service")
    release = town.release_in(100)
    reference = prison.admit(release)
    town.settle()
    assert probation.told() == []
    town.travel_to(release - timedelta(days=90))
    assert probation.told() == ["release_planned"]
    prison.move(reference, None)
    wait_until(lambda: probation.told() == ["release_planned", "release_cancelled"])
    town.settle()
