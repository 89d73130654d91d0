from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.events import EVENTS
from app.releases.milestones import (
    LADDER,
    MILESTONES,
    FiredMilestone,
    Milestone,
    PlannedMilestone,
    lead_milestone,
    notice_days,
    plan,
)
from app.releases.profile import Profile

EARLY = datetime(2026, 1, 5, 8, tzinfo=UTC)
RELEASES = st.dates(date(2026, 8, 1), date(2110, 12, 31))
# From long before to long after a release, in minutes.
DISTANCES = st.integers(-400 * 1440, 179 * 1440).map(lambda minutes: timedelta(minutes=minutes))


def named(planned: tuple[PlannedMilestone, ...]) -> dict[str, PlannedMilestone]:
    return {milestone.name: milestone for milestone in planned}


def local_day(milestone: PlannedMilestone, profile: Profile) -> date:
    return profile.local_date(milestone.due_at)


def noon(day: date, distance: timedelta = timedelta()) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + distance


def test_the_ladder_is_in_order_and_its_names_tell_the_days() -> None:
    assert [step.day for step in LADDER] == sorted(step.day for step in LADDER)
    assert all(step.name == f"T{step.day:+d}" for step in LADDER)
    assert len(MILESTONES) == len(LADDER)
    assert all(step.event in EVENTS for step in LADDER)


def test_scenario_1_kosovo_ninety_days_with_an_individual_plan(xk: Profile) -> None:
    planned = named(plan(date(2027, 6, 1), profile=xk, at=EARLY))
    assert planned["T-90"].due_at == datetime(2027, 3, 3, 8, tzinfo=UTC)  # 09:00 winter time
    assert planned["T-60"].due_at == datetime(2027, 4, 2, 7, tzinfo=UTC)  # 09:00 summer time
    assert planned["T-30"].legal_day == date(2027, 5, 2)  # a Sunday
    assert planned["T-30"].due_at == datetime(2027, 4, 30, 7, tzinfo=UTC)


def test_scenario_2_bosnia_with_eight_days(ba: Profile) -> None:
    opened = datetime(2027, 3, 11, 10, 20, tzinfo=UTC)
    planned = named(plan(date(2027, 3, 19), profile=ba, at=opened))
    due = {name for name, milestone in planned.items() if milestone.due_at <= opened}
    assert due == {"T-180", "T-90", "T-60", "T-30", "T-14", "T-8"}
    assert {planned[name].due_at for name in due} == {opened}
    assert local_day(planned["T+21"], ba) == date(2027, 4, 9)


def test_scenario_7_a_saturday_is_told_on_friday(xk: Profile) -> None:
    planned = named(plan(date(2027, 4, 3), profile=xk, at=EARLY))
    assert planned["T-14"].legal_day == date(2027, 3, 20)
    assert local_day(planned["T-14"], xk) == date(2027, 3, 19)


def test_a_holiday_is_passed_over_backwards(xk: Profile) -> None:
    # T-14 is Monday 4 January 2027, off in lieu; before it a weekend and New Year.
    planned = named(plan(date(2027, 1, 18), profile=xk, at=EARLY))
    assert local_day(planned["T-14"], xk) == date(2026, 12, 31)


def test_delivery_stays_at_nine_over_a_change_of_the_clock(profile: Profile) -> None:
    # Clocks change on Sundays 28 March and 31 October 2027.
    for release in (date(2027, 3, 29), date(2027, 4, 7), date(2027, 11, 8), date(2027, 11, 1)):
        for milestone in plan(release, profile=profile, at=EARLY):
            local = milestone.due_at.astimezone(profile.time_zone)
            assert (local.hour, local.minute) == (9, 0)


def test_a_leap_day_counts(xk: Profile) -> None:
    leap = named(plan(date(2028, 3, 14), profile=xk, at=EARLY))
    plain = named(plan(date(2029, 3, 14), profile=xk, at=EARLY))
    assert leap["T-14"].legal_day == date(2028, 2, 29)
    assert plain["T-14"].legal_day == date(2029, 2, 28)
    assert named(plan(date(2028, 2, 29), profile=xk, at=EARLY))["T+1"].legal_day == date(2028, 3, 1)


def test_nobody_is_asked_about_a_follow_up_before_the_release(xk: Profile) -> None:
    friday, saturday = date(2027, 6, 4), date(2027, 6, 5)
    for release in (friday, saturday):
        planned = named(plan(release, profile=xk, at=EARLY))
        assert local_day(planned["T+1"], xk) == release + timedelta(days=1)


def test_after_the_release_only_what_follows_is_planned(xk: Profile) -> None:
    planned = plan(date(2027, 6, 1), profile=xk, at=noon(date(2027, 6, 1)), released=True)
    assert [milestone.name for milestone in planned] == [
        "T+1", "T+7", "T+21", "T+30", "T+90", "T+180",
    ]  # fmt: skip


@pytest.mark.parametrize("days_ago", [181, 1000, 300_000])
def test_a_release_long_past_is_history(profile: Profile, days_ago: int) -> None:
    at = datetime(2027, 6, 1, 12, tzinfo=UTC)
    assert plan(date(2027, 6, 1) - timedelta(days=days_ago), profile=profile, at=at) == ()
    assert plan(date(2027, 6, 1) - timedelta(days=180), profile=profile, at=at)


@pytest.mark.parametrize("placeholder", [date.max, date(9999, 1, 1), date(2200, 1, 1), date.min])
def test_a_placeholder_is_no_date(profile: Profile, placeholder: date) -> None:
    assert plan(placeholder, profile=profile, at=EARLY) == ()


def test_what_fired_for_a_date_never_fires_again_for_it(xk: Profile) -> None:
    release = date(2027, 6, 1)
    fired = [FiredMilestone(name, release) for name in ("T-90", "T+1")]
    planned = named(plan(release, profile=xk, at=EARLY, fired=fired))
    assert planned.keys() == MILESTONES.keys() - {"T-90", "T+1"}


def test_a_moved_date_tells_again_only_what_lies_ahead(xk: Profile) -> None:
    told = {"T-180", "T-90"}
    fired = [FiredMilestone(name, date(2027, 6, 1)) for name in told]
    at = noon(date(2027, 3, 5))
    sooner = named(plan(date(2027, 5, 1), profile=xk, at=at, fired=fired))
    later = named(plan(date(2028, 6, 1), profile=xk, at=at, fired=fired))
    assert sooner.keys() == MILESTONES.keys() - told
    assert later.keys() == MILESTONES.keys()


def test_a_follow_up_comes_again_only_when_the_release_was_put_off(xk: Profile) -> None:
    told = [FiredMilestone(step.name, date(2027, 6, 1)) for step in LADDER if step.day <= 7]
    at = noon(date(2027, 6, 9))
    put_off = named(plan(date(2027, 8, 2), profile=xk, at=at, fired=told))
    corrected = named(plan(date(2027, 5, 31), profile=xk, at=at, fired=told))
    assert {"T+1", "T+7"} <= put_off.keys()
    assert not {"T+1", "T+7"} & corrected.keys()


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (180, "T-180"),
        (179, "T-90"),
        (90, "T-90"),
        (45, "T-30"),
        (30, "T-30"),
        (2, "T-1"),
        (1, "T-1"),
    ],
)
def test_a_lead_time_is_kept_at_its_step_or_the_next(days: int, name: str) -> None:
    assert lead_milestone(days).name == name


@given(release=RELEASES)
def test_nothing_is_due_later_than_its_legal_day(profile: Profile, release: date) -> None:
    for milestone in plan(release, profile=profile, at=EARLY):
        due = local_day(milestone, profile)
        assert due <= milestone.legal_day
        assert milestone.legal_day == release + timedelta(days=MILESTONES[milestone.name].day)
        assert profile.holidays.is_working_day(due) or due == release + timedelta(days=1)


@given(release=RELEASES, distance=DISTANCES)
def test_a_late_plan_has_all_that_is_past_due_now_and_nothing_back_dated(
    profile: Profile, release: date, distance: timedelta
) -> None:
    at = noon(release, distance)
    on_time = named(plan(release, profile=profile, at=noon(release, timedelta(days=-500))))
    for name, milestone in named(plan(release, profile=profile, at=at)).items():
        assert milestone.due_at == max(at, on_time[name].due_at)


@given(release=RELEASES, distance=DISTANCES)
def test_a_plan_follows_the_ladder(profile: Profile, release: date, distance: timedelta) -> None:
    planned = plan(release, profile=profile, at=noon(release, distance))
    assert [milestone.name for milestone in planned] == [step.name for step in LADDER]
    due = [milestone.due_at for milestone in planned]
    assert due == sorted(due)
    assert all(instant.tzinfo is UTC for instant in due)


@given(release=RELEASES, later=st.integers(1, 60))
def test_a_later_release_never_makes_a_milestone_earlier(
    profile: Profile, release: date, later: int
) -> None:
    first = plan(release, profile=profile, at=EARLY)
    second = plan(release + timedelta(days=later), profile=profile, at=EARLY)
    for one, other in zip(first, second, strict=True):
        assert one.due_at <= other.due_at


@given(release=RELEASES, day=st.integers(-200, 0), step=st.sampled_from(LADDER[:8]))
def test_a_window_of_policy_opens_on_the_day_its_notice_is_delivered(
    profile: Profile, release: date, day: int, step: Milestone
) -> None:
    due = named(plan(release, profile=profile, at=noon(release, timedelta(days=-500))))
    today = release + timedelta(days=day)
    open_now = notice_days(release, profile=profile, at=noon(today)) <= -step.day
    if local_day(due[step.name], profile) <= today:
        assert open_now
    elif profile.holidays.is_working_day(today):
        assert not open_now


@given(release=RELEASES, day=st.integers(-200, 200))
def test_notice_days_shrink_and_change_their_sign_at_the_release(
    profile: Profile, release: date, day: int
) -> None:
    today = release + timedelta(days=day)
    days = notice_days(release, profile=profile, at=noon(today))
    assert days >= notice_days(release, profile=profile, at=noon(today, timedelta(days=1)))
    assert (days == -day) if day > 0 else (0 <= days <= -day)


def test_a_friday_counts_as_the_sunday_that_follows(xk: Profile) -> None:
    assert notice_days(date(2027, 6, 21), profile=xk, at=noon(date(2027, 6, 10))) == 11
    assert notice_days(date(2027, 6, 21), profile=xk, at=noon(date(2027, 6, 11))) == 8
    assert notice_days(date(2027, 6, 21), profile=xk, at=noon(date(2027, 6, 19))) == 1


def test_the_days_are_those_of_the_country_and_not_of_greenwich(xk: Profile) -> None:
    release = date(2027, 6, 4)
    before_midnight = datetime(2027, 6, 2, 21, 59, tzinfo=UTC)
    assert notice_days(release, profile=xk, at=before_midnight) == 2
    assert notice_days(release, profile=xk, at=before_midnight + timedelta(minutes=1)) == 1


@given(release=RELEASES, distance=DISTANCES)
def test_the_plan_depends_on_profile_and_date_and_nothing_else(
    profile: Profile, release: date, distance: timedelta
) -> None:
    at = noon(release, distance)
    elsewhere = at.astimezone(profile.time_zone)
    assert plan(release, profile=profile, at=at) == plan(
        release, profile=replace(profile), at=elsewhere
    )


@pytest.mark.parametrize(
    ("sentence_days", "planned"), [(None, True), (730, False), (731, True), (30, False)]
)
def test_contributions_are_asked_for_where_the_sentence_is_longer_than_two_years(
    xk: Profile, sentence_days: int | None, *, planned: bool
) -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    steps = plan(date(2027, 6, 1), profile=xk, at=at, sentence_days=sentence_days)
    assert ("T-180" in [step.name for step in steps]) is planned
    assert [step.name for step in steps if step.name != "T-180"] == [
        step.name for step in LADDER if step.name != "T-180"
    ]
