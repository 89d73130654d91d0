"""One look: an alert for each rule, actor and window, whenever it is that somebody looks."""

from datetime import timedelta

import pytest

from app.alerts.alert import Alert
from app.alerts.look import Batch, Last, day_bounds, look, only_new
from app.alerts.rules import OutsideCaseload, Rules
from app.releases.profile import Profile
from bench.alerts import Remembered
from tests.alerts.conftest import AT, MakeFact
from tests.alerts.test_kinds import DAY, rule_of

RULE = rule_of(OutsideCaseload, hours=24)
WINDOW = timedelta(hours=24)


def alert(count: int, *, after: timedelta = timedelta(0), officer: str = "officer-1") -> Alert:
    at = AT + after
    return Alert(rule=RULE, agency="a", officer=officer, since=at, until=at, count=count)


def test_of_one_window_the_strongest_alert_is_raised() -> None:
    found = [alert(count, after=timedelta(minutes=count)) for count in range(10, 20)]
    assert [one.count for one in only_new(found, {})] == [19]


def test_after_the_window_there_is_another_one() -> None:
    found = [alert(3), alert(3, after=WINDOW - timedelta(seconds=1)), alert(3, after=WINDOW)]
    assert [one.until for one in only_new(found, {})] == [AT, AT + WINDOW]


def test_each_actor_has_alerts_of_its_own() -> None:
    assert len(only_new([alert(3), alert(3, officer="officer-2")], {})) == 2


def test_what_was_raised_is_raised_again_only_when_it_is_twice_as_much() -> None:
    raised = {alert(5).key: Last(AT, 5)}
    later = timedelta(hours=1)
    assert only_new([alert(9, after=later)], raised) == []
    assert only_new([alert(10, after=later)], raised) == [alert(10, after=later)]
    assert only_new([alert(1, after=WINDOW)], raised) == [alert(1, after=WINDOW)]


def test_an_entry_from_before_the_last_alert_raises_none(profile: Profile) -> None:
    # Clocks of two processes differ: what is later in the log may be earlier by its time.
    raised = {alert(5).key: Last(AT, 5)}
    assert only_new([alert(5, after=-timedelta(minutes=1))], raised) == []
    first, last = day_bounds(DAY, profile)
    assert first < AT < last
    assert last - first == WINDOW - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("role", "found"), [("ngo_mentor", ["out-of-hours"]), ("police_local", [])]
)
def test_who_works_in_shifts_works_at_night(
    role: str, found: list[str], fact: MakeFact, profile: Profile
) -> None:
    past = Remembered(profile, {"agency-1": role})
    facts = [fact(at=AT + timedelta(hours=12)) for _ in range(3)]
    for one in facts:
        past.add(one)
    alerts = only_new(look(Rules.from_file(None), Batch(facts, past, profile)), {})
    assert [one.rule.id for one in alerts] == found


def test_a_look_at_nothing_finds_nothing(profile: Profile) -> None:
    empty = Batch((), Remembered(profile, {}), profile)
    assert [*look(Rules.from_file(None), empty)] == []
