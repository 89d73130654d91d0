"""The ladder of milestones around a release, and when each falls due. Pure.

Legal days are counted in calendar days of the country's legal time zone. What falls on
a day off is delivered on the working day before it. The ladder is the same for every
person of a profile: the rhythm of notices must tell nothing about the person.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.releases.profile import Profile
from app.releases.working_days import ONE_DAY

# Notices arrive at the beginning of the working day, in legal time.
DELIVERY_TIME = time(9)
# Support ends with the last milestone; a release longer ago is history.
SUPPORT_DAYS = 180
# Registers write 9999-12-31 for "never": nobody's release is planned a century ahead.
PLANNING_DAYS = 36_525
# Contributions half a year ahead are asked for where the sentence is longer than two years.
LONG_SENTENCE_DAYS = 730
CONTRIBUTIONS = "T-180"
PLAN = "T-90"
# The hard floor of notice: from here on everything unsent is urgent (practice of prisons
# in Bosnia and Herzegovina, which begin the preparation eight days ahead).
NOTICE_FLOOR_DAYS = 8


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step of the ladder: `day` counts from the release, negative before it.

    Before a release a step addresses the roles whose lead time it is; after it, the group
    of its event type.
    """

    name: str
    day: int
    event: str
    purpose: str


# T-0 is no step of the clock: it is the fact that somebody was released.
LADDER = (
    Milestone(CONTRIBUTIONS, -180, "release_planned", "contributions"),
    Milestone(PLAN, -90, "release_planned", "release plan and individual plan"),
    Milestone("T-60", -60, "release_planned", "gaps closed, visit before the release"),
    Milestone("T-30", -30, "release_planned", "local services and police"),
    Milestone("T-14", -14, "release_planned", "mentors; capability check"),
    Milestone("T-8", -NOTICE_FLOOR_DAYS, "release_planned", "hard floor of notice"),
    Milestone("T-3", -3, "release_planned", "date confirmed again"),
    Milestone("T-1", -1, "release_planned", "travel and medication"),
    Milestone("T+1", 1, "follow_up_due", "first contact"),
    Milestone("T+7", 7, "follow_up_due", "housing and benefits"),
    Milestone("T+21", 21, "entitlement_expiring", "before the one-month limit"),
    Milestone("T+30", 30, "follow_up_due", "review"),
    Milestone("T+90", 90, "joint_evaluation_due", "joint evaluation"),
    Milestone("T+180", SUPPORT_DAYS, "support_window_ended", "end of support"),
)
MILESTONES: Mapping[str, Milestone] = {milestone.name: milestone for milestone in LADDER}


@dataclass(frozen=True, slots=True)
class FiredMilestone:
    """A milestone that was told (or addressed nobody) for a person and this release date."""

    name: str
    release_date: date


@dataclass(frozen=True, slots=True)
class PlannedMilestone:
    """A milestone to come. `due_at` is UTC; `legal_day` is the day it must not be later than."""

    name: str
    release_date: date
    legal_day: date
    due_at: datetime


def lead_milestone(days: int) -> Milestone:
    """The step at which a lead time is kept: the first at or after `days` before the release.

    Never an earlier one: the window of policy is not open yet then.
    """
    return next(step for step in LADDER if -days <= step.day)


def is_within_horizon(release_date: date, *, profile: Profile, at: datetime) -> bool:
    """Whether a date is of interest: neither past the end of support nor a mere placeholder."""
    days = (release_date - profile.local_date(at)).days
    return -SUPPORT_DAYS <= days <= PLANNING_DAYS


def plan(
    release_date: date,
    *,
    profile: Profile,
    at: datetime,
    released: bool = False,
    fired: Collection[FiredMilestone] = (),
    sentence_days: int | None = None,
) -> tuple[PlannedMilestone, ...]:
    """Every milestone still to be told, in order of the ladder.

    What is past at `at` is due at `at`, never back-dated. Once somebody is `released`, only
    what follows a release is planned. What has `fired` is not planned again, unless a new
    date puts it into the future. Nothing at all is planned for a date outside the horizon, and
    no contributions are asked for where the sentence is known to be short.
    """
    if not is_within_horizon(release_date, profile=profile, at=at):
        return ()
    short = sentence_days is not None and sentence_days <= LONG_SENTENCE_DAYS
    ladder = [step for step in LADDER if not (short and step.name == CONTRIBUTIONS)]
    steps = (step for step in ladder if step.day > 0 or not released)
    scheduled = (_schedule(step, release_date, profile) for step in steps)
    return tuple(
        _not_back_dated(milestone, at)
        for milestone in scheduled
        if not _was_told(milestone, fired, at)
    )


def notice_days(release_date: date, *, profile: Profile, at: datetime) -> int:
    """Days to the release as windows of policy count them; negative after the release.

    Before a release the count is taken on the last day before the next working day, so that
    a window which opens on a day off is open when its notice is delivered; it is never
    below 0 then.
    """
    today = profile.local_date(at)
    if today > release_date:
        return (release_date - today).days
    last_day = profile.holidays.next_working_day(today) - ONE_DAY
    return max(0, (release_date - last_day).days)


def _schedule(step: Milestone, release_date: date, profile: Profile) -> PlannedMilestone:
    legal_day = release_date + timedelta(days=step.day)
    due_day = profile.holidays.previous_working_day(legal_day)
    if step.day > 0:
        # Nobody is asked about a follow-up before the person is out.
        due_day = max(due_day, release_date + ONE_DAY)
    local = datetime.combine(due_day, DELIVERY_TIME, tzinfo=profile.time_zone)
    return PlannedMilestone(step.name, release_date, legal_day, local.astimezone(UTC))


def _not_back_dated(milestone: PlannedMilestone, at: datetime) -> PlannedMilestone:
    due_at = max(milestone.due_at, at.astimezone(UTC))
    return PlannedMilestone(milestone.name, milestone.release_date, milestone.legal_day, due_at)


def _was_told(milestone: PlannedMilestone, fired: Collection[FiredMilestone], at: datetime) -> bool:
    dates = {earlier.release_date for earlier in fired if earlier.name == milestone.name}
    if not dates or milestone.release_date in dates:
        return bool(dates)
    # Told for another date: told again only if its time is still to come.
    return milestone.due_at <= at
