"""What follows from a change of a file: notices at once, and a new plan of milestones. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.problems import FieldError, InvalidInput
from app.releases.milestones import FiredMilestone, PlannedMilestone, is_within_horizon, plan
from app.releases.notices import Notice, immediate
from app.releases.profile import Profile

# Clocks of a prison and of this service differ; more than this is no difference of clocks.
CLOCK_TOLERANCE = timedelta(minutes=15)


class ReleaseInFuture(InvalidInput):
    """A release is recorded as done before it can have happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What a file says of a release: the date in view, when the person left, the whole sentence.

    `sentence_days` is None where no sentence is recorded.
    """

    planned_release_date: date | None = None
    actual_release_datetime: datetime | None = None
    sentence_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file before and after; None where there was no file, or is none any more."""

    before: ReleaseFacts | None
    after: ReleaseFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What the caller has to do.

    Send `notices` now; replace all milestones of the person that have not fired by `plan`.
    With `forget_fired` those that have fired are replaced, too: no release was in view, or
    none is any more, and of the next one everybody is told anew.
    """

    notices: tuple[Notice, ...]
    plan: tuple[PlannedMilestone, ...]
    forget_fired: bool


@dataclass(frozen=True, slots=True)
class _Outlook:
    """The release in view; no date when none is, be it history or a placeholder."""

    day: date | None
    released: bool


_NOTHING_IN_VIEW = _Outlook(None, released=False)


def consequences(
    change: Change,
    *,
    profile: Profile,
    at: datetime,
    fired: Collection[FiredMilestone] = (),
) -> Consequences:
    """What a change of a file entails. A change that changes nothing makes no notice.

    `fired` are the milestones told so far for this person. Raises ReleaseInFuture.
    """
    _check_not_in_future(change.after, at)
    before = _outlook(change.before, profile, at)
    after = _outlook(change.after, profile, at)
    return Consequences(
        notices=_notices(before, after, profile=profile, at=at),
        plan=_plan(
            before,
            after,
            profile=profile,
            at=at,
            fired=fired,
            sentence_days=change.after.sentence_days if change.after else None,
        ),
        forget_fired=before.day is None or after.day is None,
    )


def _check_not_in_future(facts: ReleaseFacts | None, at: datetime) -> None:
    actual = facts.actual_release_datetime if facts else None
    if actual is not None and actual > at + CLOCK_TOLERANCE:
        finding = FieldError(
            "/sections/release/actual_release_datetime/value", "expected an instant in the past"
        )
        raise ReleaseInFuture("a release is recorded in the future", errors=(finding,))


def _outlook(facts: ReleaseFacts | None, profile: Profile, at: datetime) -> _Outlook:
    if facts is None:
        return _NOTHING_IN_VIEW
    actual = facts.actual_release_datetime
    day = profile.local_date(actual) if actual else facts.planned_release_date
    if day is None or not is_within_horizon(day, profile=profile, at=at):
        return _NOTHING_IN_VIEW
    return _Outlook(day, released=actual is not None)


def _notices(
    before: _Outlook, after: _Outlook, *, profile: Profile, at: datetime
) -> tuple[Notice, ...]:
    if before.day is not None and after.day is None:
        return (immediate("release_cancelled", before.day, profile=profile, at=at),)
    if after.day is None or before == after:
        return ()
    if after.released and not before.released:
        return (immediate("released", after.day, profile=profile, at=at),)
    if before.day is None:
        return ()  # the milestones tell of a new date
    return (_date_changed(before.day, after.day, profile=profile, at=at),)


def _date_changed(before: date, after: date, *, profile: Profile, at: datetime) -> Notice:
    # The nearer of the two dates makes it urgent: somebody waits at a gate, or should.
    return immediate(
        "release_date_changed",
        min(before, after),
        profile=profile,
        at=at,
        moved_earlier=after < before,
    )


def _plan(
    before: _Outlook,
    after: _Outlook,
    *,
    profile: Profile,
    at: datetime,
    fired: Collection[FiredMilestone],
    sentence_days: int | None,
) -> tuple[PlannedMilestone, ...]:
    if after.day is None:
        return ()
    # What was told of another release, cancelled or long ago, says nothing about this one.
    told = fired if before.day is not None else ()
    return plan(
        after.day,
        profile=profile,
        at=at,
        released=after.released,
        fired=told,
        sentence_days=sentence_days,
    )
