"""The service by itself: its own dispatcher, its own clock, nobody who asks it to look."""

import threading
from collections import Counter
from datetime import timedelta

from app.notifications.dispatcher import CLAIM
from app.outbox.claims import SHARE
from tests.notifications.mailroom import Letter, wait_until
from tests.notifications.play import Prison, Town


def test_it_tells_when_the_time_has_come(lively_town: Town, lively_prison: Prison) -> None:
    town, prison = lively_town, lively_prison
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


def test_a_poison_endpoint_keeps_nobody_waiting(lively_town: Town, lively_prison: Prison) -> None:
    """While one endpoint never answers, the other gets everything."""
    town, prison = lively_town, lively_prison
    poison = town.subscribed("probation_service", name="poison")
    good = town.subscribed("probation_service", name="good")
    stuck, release = Counter[str](), threading.Event()

    def hang(_: Letter) -> None:
        stuck["letters"] += 1
        release.wait(9)

    poison.box.reading = hang
    for _ in range(SHARE + 4):
        prison.admit(town.today + timedelta(days=40))
    try:
        wait_until(lambda: len(good.box.letters) == SHARE + 5)
        # Hanging still, on its share of connections: nobody waited for its deadline.
        assert 0 < stuck["letters"] <= SHARE < CLAIM
        assert {row.status for row in town.deliveries(poison)} == {"queued"}
    finally:
        release.set()
