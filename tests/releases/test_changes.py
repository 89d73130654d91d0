from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.problems import InvalidInput
from app.releases.changes import Change, Consequences, ReleaseFacts, ReleaseInFuture, consequences
from app.releases.events import Priority
from app.releases.milestones import LADDER, FiredMilestone
from app.releases.notices import collapse
from app.releases.profile import Profile
from app.releases.roles import ROLES

AT = datetime(2027, 3, 11, 10, 20, tzinfo=UTC)
NOTHING = ReleaseFacts()
DATES = st.none() | st.dates() | st.dates(date(2026, 6, 1), date(2028, 6, 1))
FACTS = st.none() | st.builds(
    ReleaseFacts,
    planned_release_date=DATES,
    actual_release_datetime=st.none()
    | st.datetimes(datetime(2026, 1, 1), datetime(2027, 3, 11), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis adds the zone
)


def planned(day: date | None) -> ReleaseFacts:
    return ReleaseFacts(planned_release_date=day)


def left(at: datetime, day: date | None = None) -> ReleaseFacts:
    return ReleaseFacts(planned_release_date=day, actual_release_datetime=at)


def follow(
    before: ReleaseFacts | None,
    after: ReleaseFacts | None,
    profile: Profile,
    *,
    at: datetime = AT,
    fired: tuple[FiredMilestone, ...] = (),
) -> Consequences:
    change = Change(before=before, after=after)
    return consequences(change, profile=profile, at=at, fired=fired)


def events(outcome: Consequences) -> list[str]:
    return [notice.event for notice in outcome.notices]


def names(outcome: Consequences) -> set[str]:
    return {milestone.name for milestone in outcome.plan}


def test_a_new_date_makes_a_plan_and_no_notice_of_its_own(xk: Profile) -> None:
    for before in (None, NOTHING):
        outcome = follow(before, planned(date(2027, 6, 1)), xk)
        assert outcome.notices == ()
        assert names(outcome) == {step.name for step in LADDER}


def test_no_date_is_nothing(profile: Profile) -> None:
    for before in (None, NOTHING):
        for after in (None, NOTHING):
            outcome = follow(before, after, profile)
            assert (outcome.notices, outcome.plan) == ((), ())


def test_a_change_that_changes_nothing_makes_no_event(xk: Profile) -> None:
    facts = planned(date(2027, 6, 1))
    assert follow(facts, facts, xk).notices == ()


def test_a_moved_date_is_told_and_planned_anew(xk: Profile) -> None:
    fired = (FiredMilestone("T-90", date(2027, 6, 1)),)
    outcome = follow(planned(date(2027, 6, 1)), planned(date(2027, 6, 20)), xk, fired=fired)
    assert events(outcome) == ["release_date_changed"]
    assert outcome.notices[0].priority is Priority.ROUTINE
    assert names(outcome) == {step.name for step in LADDER}
    assert {milestone.release_date for milestone in outcome.plan} == {date(2027, 6, 20)}
    assert not outcome.forget_fired


def test_a_date_moved_near_is_urgent_and_the_untold_hear_of_it_at_once(xk: Profile) -> None:
    fired = (FiredMilestone("T-90", date(2027, 6, 1)),)
    outcome = follow(planned(date(2027, 6, 1)), planned(date(2027, 3, 15)), xk, fired=fired)
    (notice,) = outcome.notices
    assert (notice.priority, notice.acknowledgement_hours) == (Priority.URGENT, 4)
    due = [milestone.name for milestone in outcome.plan if milestone.due_at <= AT]
    late = collapse(due, release_date=date(2027, 3, 15), profile=xk, at=AT)
    assert late.roles == ROLES.keys() - {"probation_service", "reintegration_unit"}


def test_a_release_put_off_at_the_last_moment_is_urgent_too(xk: Profile) -> None:
    outcome = follow(planned(date(2027, 3, 12)), planned(date(2027, 6, 1)), xk)
    (notice,) = outcome.notices
    assert (notice.priority, notice.acknowledgement_hours) == (Priority.URGENT, 24)


@pytest.mark.parametrize("after", [None, NOTHING, planned(date.max), planned(date(1999, 1, 1))])
def test_a_date_that_is_gone_is_a_release_cancelled(
    xk: Profile, after: ReleaseFacts | None
) -> None:
    outcome = follow(planned(date(2027, 3, 15)), after, xk)
    assert events(outcome) == ["release_cancelled"]
    assert outcome.notices[0].priority is Priority.URGENT
    assert outcome.plan == ()
    assert outcome.forget_fired


def test_after_a_cancellation_everybody_is_told_anew(xk: Profile) -> None:
    fired = (FiredMilestone("T-90", date(2027, 6, 1)),)
    outcome = follow(NOTHING, planned(date(2027, 6, 1)), xk, fired=fired)
    assert "T-90" in names(outcome)
    assert outcome.forget_fired


def test_a_release_is_told_at_once_and_only_what_follows_is_planned(xk: Profile) -> None:
    before = planned(date(2027, 3, 11))
    outcome = follow(before, left(AT, date(2027, 3, 11)), xk, at=AT)
    (notice,) = outcome.notices
    assert (notice.event, notice.priority) == ("released", Priority.URGENT)
    assert notice.acknowledgement_hours == 24
    assert not notice.only_those_told
    assert names(outcome) == {step.name for step in LADDER if step.day > 0}


def test_what_follows_counts_from_the_day_the_person_left_in_legal_time(xk: Profile) -> None:
    gate = datetime(2027, 3, 9, 23, 30, tzinfo=UTC)  # already the 10th in the country
    outcome = follow(planned(date(2027, 3, 19)), left(gate, date(2027, 3, 19)), xk)
    assert events(outcome) == ["released"]
    assert {milestone.release_date for milestone in outcome.plan} == {date(2027, 3, 10)}


def test_another_hour_of_the_same_day_is_no_event(xk: Profile) -> None:
    assert follow(left(AT), left(AT - timedelta(hours=1)), xk).notices == ()


def test_a_corrected_day_of_release_and_a_release_taken_back_are_changes_of_the_date(
    xk: Profile,
) -> None:
    day = date(2027, 3, 11)
    corrected = follow(left(AT, day), left(AT - timedelta(days=1), day), xk)
    taken_back = follow(left(AT, day), planned(day), xk)
    assert events(corrected) == events(taken_back) == ["release_date_changed"]
    assert names(taken_back) == {step.name for step in LADDER}


def test_a_release_first_heard_of_afterwards_is_told_as_done(xk: Profile) -> None:
    outcome = follow(None, left(AT - timedelta(days=10)), xk)
    assert events(outcome) == ["released"]
    due = {milestone.name for milestone in outcome.plan if milestone.due_at == AT}
    assert due == {"T+1", "T+7"}


def test_a_release_long_past_is_history(profile: Profile) -> None:
    for after in (planned(date(2026, 1, 1)), left(datetime(2026, 1, 1, 9, tzinfo=UTC))):
        outcome = follow(None, after, profile)
        assert (outcome.notices, outcome.plan) == ((), ())


def test_a_release_recorded_before_it_can_have_happened_is_refused(xk: Profile) -> None:
    with pytest.raises(ReleaseInFuture) as refused:
        follow(planned(date(2027, 3, 12)), left(AT + timedelta(days=1)), xk)
    assert isinstance(refused.value, InvalidInput)
    assert "actual_release_datetime" in refused.value.errors[0].pointer
    assert "2027" not in str(refused.value)


def test_a_clock_that_runs_a_little_fast_is_no_error(xk: Profile) -> None:
    assert events(follow(None, left(AT + timedelta(minutes=5)), xk)) == ["released"]


@given(before=FACTS, after=FACTS)
def test_any_change_of_any_dates_has_consequences(
    profile: Profile, before: ReleaseFacts | None, after: ReleaseFacts | None
) -> None:
    outcome = follow(before, after, profile)
    assert len(outcome.notices) <= 1
    assert follow(after, after, profile).notices == ()
    assert all(milestone.due_at >= AT for milestone in outcome.plan)


@given(moves=st.lists(st.dates(date(2027, 3, 1), date(2028, 3, 1)), min_size=2, max_size=6))
def test_however_often_a_date_moves_no_role_is_told_twice_of_the_same_one(
    profile: Profile, moves: list[date]
) -> None:
    fired: list[FiredMilestone] = []
    told: list[tuple[str, date]] = []
    before, at = NOTHING, AT
    for day in moves:
        after = planned(day)
        outcome = follow(before, after, profile, at=at, fired=tuple(fired))
        at += timedelta(days=20)
        due = [milestone.name for milestone in outcome.plan if milestone.due_at <= at]
        if due:
            notice = collapse(due, release_date=day, profile=profile, at=at)
            told.extend((role, day) for role in notice.shortfall_days)
        fired.extend(FiredMilestone(name, day) for name in due)
        before = after
    assert len(set(told)) == len(told)
    assert len(set(fired)) == len(fired)
