"""The kinds of misuse, each a function over facts that yields alerts. Pure.

`new` is the index from which facts have not been looked at. An alert is yielded where a new fact
completes it, so that a run that comes late finds what a run in time would have found.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.alerts.alert import Alert
from app.alerts.fact import Fact
from app.alerts.rules import (
    ManyPersons,
    OutOfHours,
    OutsideCaseload,
    PurposeSwitch,
    RefusedWitness,
    StaleCheckpoint,
    UnusualVolume,
)
from app.alerts.volume import deviations
from app.releases.profile import Profile

ONE_DAY = timedelta(days=1)


def unusual_volume(rule: UnusualVolume, persons: Mapping[date, int], day: date) -> int | None:
    """Of how many persons files were read in the days up to `day`, if that is unusual.

    `persons` has the days with reads, of which the past is made. Days without any are no part of
    it: whoever was away for weeks would else seem to read much when back.
    """
    count = _summed(persons, day, rule.days)
    begins = day - (rule.days - 1) * ONE_DAY
    past = [one for one in persons if begins - rule.past_days * ONE_DAY <= one < begins]
    if len(past) < rule.least_past:
        return count if count >= rule.floor_without_past else None
    if count < rule.floor:
        return None
    sums = [_summed(persons, one, rule.days) for one in past]
    return count if deviations(count, sums) > rule.deviations else None


def _summed(persons: Mapping[date, int], last: date, days: int) -> int:
    return sum(persons.get(last - back * ONE_DAY, 0) for back in range(days))


def out_of_hours(
    rule: OutOfHours, facts: Sequence[Fact], *, new: int, profile: Profile
) -> Iterator[Alert]:
    """Reads of one officer at times at which the agency does not work; emergencies are none."""
    odd = [one for one in facts if not one.emergency and is_odd(rule, one.at, profile)]
    for window in _windows(odd, new=new, within=rule.window):
        if len(window) >= rule.least:
            yield Alert.of(rule, window, count=len(window), officer=window[0].officer)


def is_odd(rule: OutOfHours, at: datetime, profile: Profile) -> bool:
    """Whether nobody works then who does not work in shifts."""
    local = at.astimezone(profile.time_zone)
    working = profile.holidays.is_working_day(local.date())
    return not (working and rule.opens <= local.time() < rule.closes)


def purpose_switch(rule: PurposeSwitch, facts: Sequence[Fact], *, new: int) -> Iterator[Alert]:
    """One officer about one person: refused, and soon afterwards asking under another purpose."""
    refused: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.subject is None:
            continue
        others = [
            one
            for one in refused.get(fact.subject, ())
            if one.purpose != fact.purpose and fact.at - one.at <= rule.window
        ]
        if others and fact.index >= new:
            # Each refusal has an alert of its own: a slip must not hide what comes the day after.
            about = f"refused at {others[0].index}"
            found = [*others, fact]
            yield Alert.of(rule, found, count=len(found), officer=fact.officer, about=about)
        if fact.refused:
            refused.setdefault(fact.subject, []).append(fact)


def outside_caseload(rule: OutsideCaseload, facts: Sequence[Fact], *, new: int) -> Iterator[Alert]:
    """Refused reads of one officer: of persons without ground, or of references of nobody."""
    known = rule.whom == "persons"
    misses = [one for one in facts if one.refused and (one.subject is not None) is known]
    for window in _windows(misses, new=new, within=rule.window):
        count = len({one.subject for one in window}) if known else len(window)
        if count >= rule.least:
            yield Alert.of(rule, window, count=count, officer=window[0].officer)


def many_persons(rule: ManyPersons, facts: Sequence[Fact], *, new: int) -> Iterator[Alert]:
    """Facts of one case of one agency that are about many persons."""
    about = [one for one in facts if one.subject is not None]
    for window in _windows(about, new=new, within=rule.window):
        count = len({one.subject for one in window})
        if count >= rule.least:
            yield Alert.of(rule, window, count=count, about=f"case {window[0].case}")


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What waits for a checkpoint: since when the oldest entry, behind how many signed ones."""

    since: datetime
    signed: int


def stale_checkpoint(
    rule: StaleCheckpoint, unsigned: Unsigned | None, *, interval: timedelta, at: datetime
) -> Iterator[Alert]:
    """The log grows and is not signed. `interval` is that between checkpoints.

    The age of the oldest unsigned entry counts and not that of the checkpoint: at night nothing
    happens, and the first entry of the morning is not late.
    """
    if unsigned is None or at - unsigned.since <= rule.intervals * interval:
        return
    waited = int((at - unsigned.since).total_seconds())
    about = f"checkpoint of {unsigned.signed}"
    yield Alert(rule=rule, about=about, since=unsigned.since, until=at, count=waited)


@dataclass(frozen=True, slots=True)
class WitnessRefusal:
    """The entry of a refusal: its place, when, and which witness."""

    index: int
    at: datetime
    witness: str


def refused_witness(rule: RefusedWitness, refusals: Sequence[WitnessRefusal]) -> Iterator[Alert]:
    """A witness says that it knows another history of the log; and each such entry is new."""
    for one in refusals:
        yield Alert(
            rule=rule,
            about=f"witness {one.witness}",
            since=one.at,
            until=one.at,
            count=1,
            entries=(one.index,),
        )


def _windows(facts: Sequence[Fact], *, new: int, within: timedelta) -> Iterator[Sequence[Fact]]:
    """For each new fact, it and those before it that are not older than the window."""
    window: deque[Fact] = deque()
    for fact in facts:
        window.append(fact)
        while fact.at - window[0].at > within:
            window.popleft()
        if fact.index >= new:
            yield tuple(window)
