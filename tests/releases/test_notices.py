from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.events import Priority
from app.releases.milestones import LADDER, MILESTONES, Milestone, lead_milestone, plan
from app.releases.notices import (
    Notice,
    UnknownMilestone,
    addressed_roles,
    collapse,
    immediate,
    named_milestones,
)
from app.releases.profile import Profile
from app.releases.roles import ROLES

RELEASES = st.dates(date(2026, 8, 1), date(2110, 12, 31))
BEFORE = [step.name for step in LADDER if step.day < 0]
EVERYBODY = frozenset(ROLES)
LOCAL = {"police_local", "municipal_team", "health_provider", "employment_service"}
MENTORS = {"ngo_mentor", "religious_counsellor"}


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def firings(release: date, profile: Profile, start: datetime) -> list[tuple[datetime, Notice]]:
    """All notices of a person: due milestones are told together, at the instant they are due."""
    due: dict[datetime, list[str]] = {}
    for milestone in plan(release, profile=profile, at=start):
        due.setdefault(milestone.due_at, []).append(milestone.name)
    return [
        (at, collapse(names, release_date=release, profile=profile, at=at))
        for at, names in due.items()
    ]


def test_scenario_1_each_role_at_its_milestone(xk: Profile) -> None:
    release = date(2027, 6, 1)
    told = {
        at.astimezone(xk.time_zone).date(): notice.roles
        for at, notice in firings(release, xk, noon(date(2026, 1, 5)))
        if notice.event == "release_planned" and notice.roles
    }
    assert told == {
        date(2027, 3, 3): {"probation_service", "reintegration_unit"},
        date(2027, 4, 2): {"social_welfare_centre"},
        date(2027, 4, 30): LOCAL,
        date(2027, 5, 18): MENTORS,
    }


def test_scenario_1_a_notice_on_the_friday_before_is_on_time(xk: Profile) -> None:
    friday = datetime(2027, 4, 30, 7, tzinfo=UTC)
    notice = collapse(["T-30"], release_date=date(2027, 6, 1), profile=xk, at=friday)
    assert not notice.late
    assert notice.shortfall_days == dict.fromkeys(LOCAL, 0)
    assert notice.priority is Priority.ROUTINE
    assert notice.acknowledgement_hours == 72


def test_scenario_2_one_late_notice_for_all_that_is_past(ba: Profile) -> None:
    opened = datetime(2027, 3, 11, 10, 20, tzinfo=UTC)
    release = date(2027, 3, 19)
    (_, notice), *later = firings(release, ba, opened)
    assert notice.event == "release_planned"
    assert notice.milestones == ("T-180", "T-90", "T-60", "T-30", "T-14", "T-8")
    assert notice.roles == EVERYBODY
    assert notice.late
    assert notice.shortfall_days == {
        "probation_service": 82,
        "social_welfare_centre": 82,
        "reintegration_unit": 82,
        **dict.fromkeys(LOCAL, 22),
        **dict.fromkeys(MENTORS, 6),
    }
    assert notice.priority is Priority.URGENT
    assert not notice.alarm_roles  # who is told just now needs no reminder of it
    assert [n.event for _, n in later if n.milestones == ("T+21",)] == ["entitlement_expiring"]


def test_the_welfare_centre_of_bosnia_is_reminded_eight_days_ahead(
    ba: Profile, xk: Profile
) -> None:
    at, release = datetime(2027, 3, 11, 8, tzinfo=UTC), date(2027, 3, 19)
    reminder = collapse(["T-8"], release_date=release, profile=ba, at=at)
    assert not reminder.roles
    assert reminder.alarm_roles == {"social_welfare_centre"}
    assert reminder.priority is Priority.URGENT
    assert not collapse(["T-8"], release_date=release, profile=xk, at=at).alarm_roles


def test_a_step_that_is_nobodys_lead_time_addresses_nobody(xk: Profile) -> None:
    notice = collapse(
        ["T-3"], release_date=date(2027, 6, 1), profile=xk, at=noon(date(2027, 5, 28))
    )
    assert (notice.event, notice.roles, notice.late) == ("release_planned", frozenset(), False)


def test_a_lead_time_between_steps_is_kept_at_the_next_and_not_late_there(xk: Profile) -> None:
    odd = replace(xk, lead_days={**xk.lead_days, "police_local": 45})
    assert "police_local" not in addressed_roles(MILESTONES["T-60"], odd)
    assert "police_local" in addressed_roles(MILESTONES["T-30"], odd)
    on_time = collapse(
        ["T-30"], release_date=date(2027, 6, 1), profile=odd, at=noon(date(2027, 4, 30))
    )
    assert not on_time.late


@pytest.mark.parametrize(
    ("due", "event"),
    [
        (["T+1"], "follow_up_due"),
        (["T+21"], "entitlement_expiring"),
        (["T+90"], "joint_evaluation_due"),
        (["T+180"], "support_window_ended"),
        (["T+30", "T+21"], "entitlement_expiring"),
        (["T-3", "T+1"], "follow_up_due"),  # nobody is addressed at T-3
        (["T+1", "T-30"], "release_planned"),  # the release is news to some
        (["T+180", "T+90", "T-90"], "support_window_ended"),
    ],
)
def test_the_notice_is_named_after_what_matters_most(
    xk: Profile, due: list[str], event: str
) -> None:
    at = noon(date(2027, 6, 2))
    assert collapse(due, release_date=date(2027, 6, 1), profile=xk, at=at).event == event


def test_the_end_of_support_carries_nothing_and_reaches_those_told(xk: Profile) -> None:
    notice = collapse(
        ["T+180"], release_date=date(2027, 6, 1), profile=xk, at=noon(date(2027, 11, 26))
    )
    assert notice.sections == ()
    assert notice.only_those_told
    assert notice.acknowledgement_hours is None


def test_a_release_that_nobody_heard_of_is_urgent_even_afterwards(ba: Profile) -> None:
    at = noon(date(2027, 3, 24))
    notice = collapse(BEFORE, release_date=date(2027, 3, 19), profile=ba, at=at)
    assert notice.priority is Priority.URGENT
    assert notice.shortfall_days["police_local"] == 35


def test_what_stands_on_no_step_is_refused(xk: Profile) -> None:
    at = noon(date(2027, 6, 2))
    with pytest.raises(UnknownMilestone, match="T-91"):
        collapse(["T-90", "T-91"], release_date=date(2027, 6, 1), profile=xk, at=at)
    with pytest.raises(ValueError, match="at least one"):
        collapse([], release_date=date(2027, 6, 1), profile=xk, at=at)


@pytest.mark.parametrize(
    ("days", "earlier", "priority", "hours"),
    [
        (40, False, Priority.ROUTINE, 24),
        (40, True, Priority.URGENT, 24),
        (5, False, Priority.URGENT, 24),
        (5, True, Priority.URGENT, 4),
    ],
)
def test_a_changed_date_is_urgent_when_near_or_earlier(
    xk: Profile, days: int, *, earlier: bool, priority: Priority, hours: int
) -> None:
    today = date(2027, 6, 1)
    notice = immediate(
        "release_date_changed",
        today + timedelta(days=days),
        profile=xk,
        at=noon(today),
        moved_earlier=earlier,
    )
    assert (notice.priority, notice.acknowledgement_hours) == (priority, hours)
    assert notice.roles == EVERYBODY
    assert notice.only_those_told


@given(release=RELEASES, days_before=st.integers(-150, 400))
def test_each_role_learns_of_a_release_exactly_once(
    profile: Profile, release: date, days_before: int
) -> None:
    start = noon(release - timedelta(days=days_before))
    told = Counter(
        role for _, notice in firings(release, profile, start) for role in notice.shortfall_days
    )
    assert told == dict.fromkeys(ROLES, 1)


@given(release=RELEASES)
def test_a_role_is_told_at_its_lead_milestone_and_never_late(
    profile: Profile, release: date
) -> None:
    start = noon(release - timedelta(days=500))
    for at, notice in firings(release, profile, start):
        assert not notice.late
        for role in notice.shortfall_days:
            assert lead_milestone(profile.lead_days[role]).name in notice.milestones
            lead = (release - profile.local_date(at)).days
            assert lead >= profile.lead_days[role]


@given(release=RELEASES, days_before=st.integers(0, 200))
def test_the_shortfall_is_what_is_missing_to_the_lead_time(
    profile: Profile, release: date, days_before: int
) -> None:
    at = noon(release - timedelta(days=days_before))
    notice = collapse(BEFORE, release_date=release, profile=profile, at=at)
    for role, shortfall in notice.shortfall_days.items():
        assert shortfall == max(0, profile.lead_days[role] - days_before)
    assert notice.late == any(notice.shortfall_days.values())


@given(release=RELEASES, due=st.sets(st.sampled_from(LADDER), min_size=1))
def test_a_notice_addresses_what_its_milestones_address(
    profile: Profile, release: date, due: set[Milestone]
) -> None:
    steps = [step for step in LADDER if step in due]
    notice = collapse(
        [step.name for step in reversed(steps)],
        release_date=release,
        profile=profile,
        at=noon(release),
    )
    assert notice.milestones == tuple(step.name for step in steps)
    assert notice.roles == frozenset().union(*(addressed_roles(s, profile) for s in steps))


@given(release=RELEASES, days_before=st.integers(-20, 400))
def test_no_notice_tells_how_long_the_sentence_is(
    profile: Profile, release: date, days_before: int
) -> None:
    """Contributions are planned for long sentences alone; what is told is the same for all."""
    start = noon(release - timedelta(days=days_before))

    def told(sentence_days: int | None) -> list[tuple[datetime, object]]:
        due: dict[datetime, list[str]] = {}
        for one in plan(release, profile=profile, at=start, sentence_days=sentence_days):
            due.setdefault(one.due_at, []).append(one.name)
        found: list[tuple[datetime, object]] = []
        for at, names in due.items():
            notice = collapse(names, release_date=release, profile=profile, at=at)
            lead = (release - profile.local_date(at)).days
            named = named_milestones(notice.milestones, lead_days=lead)
            if notice.roles:
                found.append((at, (notice.event, notice.roles, notice.shortfall_days, named)))
        return found

    assert told(365) == told(3650) == told(None)
