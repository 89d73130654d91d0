"""One look at new facts by all rules: for every kind the facts that it needs, and no more. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.alerts import kinds
from app.alerts.alert import Alert
from app.alerts.fact import Fact, Past
from app.alerts.rules import (
    ManyPersons,
    OutOfHours,
    OutsideCaseload,
    PurposeSwitch,
    Rules,
    UnusualVolume,
)
from app.releases.profile import Profile

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Last:
    """The end and the count of the last alert of a rule about an actor."""

    until: datetime
    count: int


Raised = Mapping[tuple[str, str], Last]


@dataclass(frozen=True, slots=True)
class Batch:
    """New facts, in the order of the log, and what happened up to their end."""

    facts: Sequence[Fact]
    past: Past
    profile: Profile

    @property
    def new(self) -> int:
        """The index from which facts are new."""
        return self.facts[0].index

    def window(self, facts: Sequence[Fact], length: timedelta) -> tuple[datetime, datetime]:
        """From the longest before the first of these facts to the last."""
        times = [fact.at for fact in facts]
        return min(times) - length, max(times)


def look(rules: Rules, batch: Batch) -> Iterator[Alert]:
    """All alerts that new facts complete. Of one rule and actor there may be several."""
    if not batch.facts:
        return
    for facts in _by(batch.facts, "officer"):
        yield from _at_officer(rules, batch, facts)
    for facts in _by(batch.facts, "case"):
        if facts[0].case is not None:
            yield from _at_case(rules, batch, facts)
    for facts in _by(batch.facts, None):
        yield from _volume(rules, batch, facts, "agency")


def only_new(alerts: Iterable[Alert], raised: Raised) -> list[Alert]:
    """One alert for each rule, actor and window: the strongest; later ones once twice as strong.

    `raised` has the last one of each.
    """
    last = dict(raised)
    chosen: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        before = last.get(alert.key)
        if before is None or abs(alert.until - before.until) >= alert.rule.window:
            last[alert.key] = Last(alert.until, alert.count)
            chosen.setdefault(alert.key, []).append(alert)
        elif found := chosen.get(alert.key):
            found[-1] = max(found[-1], alert, key=lambda one: one.count)
        elif alert.count >= 2 * before.count:
            last[alert.key] = Last(alert.until, alert.count)
            chosen[alert.key] = [alert]
    return [alert for found in chosen.values() for alert in found]


def local_days(facts: Iterable[Fact], profile: Profile) -> list[date]:
    """The local days of facts."""
    return sorted({profile.local_date(fact.at) for fact in facts})


def day_bounds(day: date, profile: Profile) -> tuple[datetime, datetime]:
    """The first and the last moment of a local day."""
    first = datetime.combine(day, datetime.min.time(), tzinfo=profile.time_zone)
    next_day = datetime.combine(day + ONE_DAY, datetime.min.time(), tzinfo=profile.time_zone)
    return first, next_day - timedelta(microseconds=1)


def _at_officer(rules: Rules, batch: Batch, facts: Sequence[Fact]) -> Iterator[Alert]:
    agency, officer = facts[0].agency, facts[0].officer
    yield from _volume(rules, batch, facts, "officer")
    for rule in rules.all:
        since, until = batch.window(facts, rule.window)
        if isinstance(rule, OutOfHours):
            odd = any(kinds.is_odd(rule, fact.at, batch.profile) for fact in facts)
            if odd and batch.past.role(agency) not in rule.round_the_clock:
                known = batch.past.facts(agency, since=since, until=until, officer=officer)
                yield from kinds.out_of_hours(rule, known, new=batch.new, profile=batch.profile)
        elif isinstance(rule, PurposeSwitch) or (
            # Only another refusal completes what is made of refusals alone.
            isinstance(rule, OutsideCaseload) and any(fact.refused for fact in facts)
        ):
            refused = batch.past.facts(
                agency, since=since, until=until, officer=officer, refused=True
            )
            if isinstance(rule, PurposeSwitch):
                every = sorted({*refused, *facts}, key=lambda fact: fact.index)
                yield from kinds.purpose_switch(rule, every, new=batch.new)
            else:
                yield from kinds.outside_caseload(rule, refused, new=batch.new)


def _at_case(rules: Rules, batch: Batch, facts: Sequence[Fact]) -> Iterator[Alert]:
    for rule in rules.all:
        if isinstance(rule, ManyPersons):
            since, until = batch.window(facts, rule.window)
            known = batch.past.facts(facts[0].agency, since=since, until=until, case=facts[0].case)
            yield from kinds.many_persons(rule, known, new=batch.new)


def _volume(rules: Rules, batch: Batch, facts: Sequence[Fact], actor: str) -> Iterator[Alert]:
    wanted = [r for r in rules.all if isinstance(r, UnusualVolume) and r.actor == actor]
    reads = [fact for fact in facts if not fact.refused]
    agency = facts[0].agency
    officer = facts[0].officer if actor == "officer" else None
    for day in local_days(reads, batch.profile):
        for rule in wanted:
            first = day - (rule.past_days + 2 * rule.days) * ONE_DAY
            persons = batch.past.persons(agency, officer, first=first, last=day)
            count = kinds.unusual_volume(rule, persons, day)
            if count is not None:
                since, _ = day_bounds(day - (rule.days - 1) * ONE_DAY, batch.profile)
                _, until = day_bounds(day, batch.profile)
                known = batch.past.facts(
                    agency, since=since, until=until, officer=officer, refused=False
                )
                yield Alert.of(rule, known, count=count, officer=officer)


def _by(facts: Sequence[Fact], member: str | None) -> Iterable[Sequence[Fact]]:
    """Facts by agency, and within it by a member; each in the order of the log."""
    groups: dict[tuple[str, object], list[Fact]] = {}
    for fact in facts:
        key = fact.agency, None if member is None else getattr(fact, member)
        groups.setdefault(key, []).append(fact)
    return groups.values()
