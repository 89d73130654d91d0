"""Each kind fires on what it is for, and is silent one step before."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TypeVar

import pytest

from app.alerts import kinds
from app.alerts.alert import MOST_ENTRIES, Alert
from app.alerts.kinds import Unsigned, WitnessRefusal
from app.alerts.rules import (
    AnyRule,
    ManyPersons,
    OutOfHours,
    OutsideCaseload,
    PurposeSwitch,
    RefusedWitness,
    Rules,
    StaleCheckpoint,
    UnusualVolume,
)
from app.releases.profile import Profile
from tests.alerts.conftest import AT, MakeFact

R = TypeVar("R", bound=AnyRule)
DAY = date(2027, 3, 3)
ONE_DAY = timedelta(days=1)


def rule_of(kind: type[R], **members: object) -> R:
    """The shipped rule of a kind, with these members."""
    shipped = [rule for rule in Rules.from_file(None).all if isinstance(rule, kind)]
    return replace(shipped[0], **members)  # type: ignore[arg-type]  # a test names real members


def counts(alerts: Iterable[Alert]) -> list[int]:
    return [alert.count for alert in alerts]


def before(*persons: int) -> dict[date, int]:
    """Days before the day with so many persons each."""
    return {DAY - (back + 1) * ONE_DAY: count for back, count in enumerate(persons)}


# Unusual volume.


def volume(**members: object) -> UnusualVolume:
    usual = {"days": 1, "least_past": 10, "deviations": 3.5, "floor": 20}
    return rule_of(UnusualVolume, **{**usual, "floor_without_past": 40, **members})


def test_far_more_than_the_own_past_is_unusual() -> None:
    past = before(*[8, 9, 10, 11, 12] * 3)
    assert kinds.unusual_volume(volume(), past | {DAY: 30}, DAY) == 30
    assert kinds.unusual_volume(volume(), past | {DAY: 20}, DAY) is None


def test_less_than_the_floor_is_never_unusual() -> None:
    past = before(*[1] * 20)
    assert kinds.unusual_volume(volume(), past | {DAY: 20}, DAY) == 20
    assert kinds.unusual_volume(volume(), past | {DAY: 19}, DAY) is None


def test_who_has_no_past_yet_is_held_to_a_floor() -> None:
    past = before(*[1] * 9)
    assert kinds.unusual_volume(volume(), past | {DAY: 40}, DAY) == 40
    assert kinds.unusual_volume(volume(), past | {DAY: 39}, DAY) is None


def test_a_past_that_is_too_long_ago_is_none() -> None:
    past = {day - 57 * ONE_DAY: count for day, count in before(*[10] * 15).items()}
    assert kinds.unusual_volume(volume(), past | {DAY: 39}, DAY) is None


def test_a_little_more_on_each_day_of_a_week_adds_up() -> None:
    past = {day - 6 * ONE_DAY: count for day, count in before(*[10] * 30).items()}
    week = {DAY - back * ONE_DAY: 17 for back in range(7)}
    assert kinds.unusual_volume(volume(), past | week, DAY) is None
    weekly = volume(days=7)
    assert kinds.unusual_volume(weekly, past | week, DAY) == 119
    assert kinds.unusual_volume(weekly, past | dict.fromkeys(week, 11), DAY) is None


# Out of hours.


def at_home(local: str, profile: Profile) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=profile.time_zone)


@pytest.mark.parametrize(
    ("local", "odd"),
    [
        ("2027-03-03T06:29:59", True),
        ("2027-03-03T06:30:00", False),
        ("2027-03-03T19:59:59", False),
        ("2027-03-03T20:00:00", True),
        ("2027-03-06T11:00:00", True),  # a Saturday
        ("2027-05-01T11:00:00", True),
        ("2027-05-03T11:00:00", True),  # off in lieu of the first of May, a Saturday
        ("2027-07-07T06:45:00", False),  # in summer time, which UTC has not
    ],
)
def test_hours_are_those_of_the_country(local: str, odd: bool, profile: Profile) -> None:  # noqa: FBT001 - a column
    assert kinds.is_odd(rule_of(OutOfHours), at_home(local, profile), profile) is odd


@pytest.mark.parametrize(
    ("hours", "emergency", "found"),
    [
        ((0, 0, 12), False, [3]),
        ((0, 0, 12), True, []),
        ((0, 0, 13), False, []),
    ],
)
def test_reads_by_night_are_told_unless_there_is_an_emergency(
    hours: tuple[int, ...],
    emergency: bool,  # noqa: FBT001 - a column
    found: list[int],
    fact: MakeFact,
    profile: Profile,
) -> None:
    at = at_home("2027-03-05T21:00:00", profile)
    facts = [fact(at=at + timedelta(hours=one), emergency=emergency) for one in hours]
    rule = rule_of(OutOfHours, least=3, hours=12)
    assert counts(kinds.out_of_hours(rule, facts, new=0, profile=profile)) == found


# Purpose switching after a refusal.

SWITCH = timedelta(hours=72)


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ({"purpose": "court_report", "at": AT + SWITCH}, True),
        ({"purpose": "court_report", "refused": True}, True),
        ({"purpose": "court_report", "at": AT + SWITCH + timedelta(seconds=1)}, False),
        ({"purpose": "supervision"}, False),
        ({"purpose": "court_report", "subject": "somebody else"}, False),
    ],
)
def test_another_purpose_after_a_refusal_is_told(
    second: dict[str, object],
    found: bool,  # noqa: FBT001 - a column
    fact: MakeFact,
) -> None:
    facts = [fact(subject="one", refused=True), fact(**{"subject": "one", **second})]
    alerts = [*kinds.purpose_switch(rule_of(PurposeSwitch, hours=72), facts, new=1)]
    assert [alert.entries for alert in alerts] == ([(0, 1)] if found else [])


def test_two_purposes_without_a_refusal_are_work(fact: MakeFact) -> None:
    facts = [fact(subject="one"), fact(subject="one", purpose="court_report")]
    assert counts(kinds.purpose_switch(rule_of(PurposeSwitch), facts, new=0)) == []


def test_references_of_nobody_are_not_one_person(fact: MakeFact) -> None:
    facts = [
        fact(subject=None, refused=True),
        fact(subject=None, refused=True, purpose="court_report"),
    ]
    assert counts(kinds.purpose_switch(rule_of(PurposeSwitch), facts, new=0)) == []


# Outside the caseload.


def test_persons_outside_the_caseload_count_once_each(fact: MakeFact) -> None:
    rule = rule_of(OutsideCaseload, whom="persons", least=3)
    again = [fact(subject="one", refused=True) for _ in range(9)]
    facts = [*again, fact(refused=True), fact(), fact(subject=None, refused=True)]
    assert counts(kinds.outside_caseload(rule, facts, new=0)) == []
    facts.append(fact(refused=True))
    assert counts(kinds.outside_caseload(rule, facts, new=0)) == [3]


def test_references_of_nobody_count_at_each_attempt(fact: MakeFact) -> None:
    rule = rule_of(OutsideCaseload, whom="references", least=4)
    facts = [fact(subject=None, refused=True) for _ in range(3)]
    assert counts(kinds.outside_caseload(rule, [*facts, fact(refused=True)], new=0)) == []
    facts.append(fact(subject=None, refused=True))
    assert counts(kinds.outside_caseload(rule, facts, new=0)) == [4]


def test_what_is_older_than_the_window_does_not_count(fact: MakeFact) -> None:
    rule = rule_of(OutsideCaseload, whom="references", least=2, hours=24)
    for later, found in ((timedelta(hours=24), [2]), (timedelta(hours=24, seconds=1), [])):
        facts = [fact(subject=None, refused=True, at=at) for at in (AT, AT + later)]
        assert counts(kinds.outside_caseload(rule, facts, new=0)) == found


def test_only_a_new_fact_completes_an_alert(fact: MakeFact) -> None:
    rule = rule_of(OutsideCaseload, whom="references", least=2)
    facts = [fact(subject=None, refused=True) for _ in range(4)]
    assert counts(kinds.outside_caseload(rule, facts, new=3)) == [4]
    assert counts(kinds.outside_caseload(rule, facts, new=4)) == []


# Many persons under one case.


def test_many_persons_under_one_case_are_told(fact: MakeFact) -> None:
    rule = rule_of(ManyPersons, least=3)
    facts = [fact(case="c", subject=one, officer=one) for one in ("a", "b", "a", "b")]
    assert counts(kinds.many_persons(rule, facts, new=0)) == []
    [alert] = kinds.many_persons(rule, [*facts, fact(case="c")], new=0)
    assert (alert.count, alert.agency, alert.officer) == (3, "agency-1", None)


# The log itself.


@pytest.mark.parametrize(("seconds", "found"), [(300, []), (301, [301])])
def test_a_log_that_is_not_signed_for_long_is_told(seconds: int, found: list[int]) -> None:
    rule = rule_of(StaleCheckpoint, intervals=300)
    at = AT + timedelta(seconds=seconds)
    alerts = kinds.stale_checkpoint(rule, Unsigned(AT, 7), interval=timedelta(seconds=1), at=at)
    assert counts(alerts) == found


def test_a_log_that_does_not_grow_needs_no_signature() -> None:
    rule = rule_of(StaleCheckpoint)
    assert [*kinds.stale_checkpoint(rule, None, interval=timedelta(seconds=1), at=AT)] == []


def test_a_witness_that_refuses_is_told() -> None:
    [alert] = kinds.refused_witness(rule_of(RefusedWitness), [WitnessRefusal(3, AT, "w1")])
    assert (alert.agency, alert.entries) == (None, (3,))
    assert "w1" in alert.key[1]


# What an alert says.


def test_an_alert_names_rule_actor_window_and_entries_and_nobody_else(fact: MakeFact) -> None:
    facts = [fact(case="case 17") for _ in range(MOST_ENTRIES + 50)]
    [alert] = kinds.many_persons(rule_of(ManyPersons), facts, new=len(facts) - 1)
    said = alert.to_json()
    assert said == {
        "alert": "many-persons-one-case",
        "kind": "many-persons-one-case",
        "severity": "high",
        "agency": "agency-1",
        "since": "2027-03-03T09:00:00+00:00",
        "until": "2027-03-03T09:00:00+00:00",
        "count": MOST_ENTRIES + 50,
        "entries": list(range(50, MOST_ENTRIES + 50)),
    }
