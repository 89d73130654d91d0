"""Alerts: how much planted misuse they find, and how often they are raised for nothing.

    python -m bench.alerts

The traffic is made up (`bench.traffic`) and knows nothing of the rules. The shipped rules were
tuned on the seeds of `TUNED`; what is written down comes from the others. Each seed is a quarter
of a year of twelve agencies: eight weeks of past, then four weeks that count.
"""

import sys
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from app.alerts.alert import Alert
from app.alerts.fact import Fact
from app.alerts.kinds import Unsigned, stale_checkpoint
from app.alerts.look import Batch, Last, look, only_new
from app.alerts.rules import Rules, StaleCheckpoint
from app.releases.profile import Profile
from bench import results
from bench.traffic import AGENCIES, COUNTED_WEEKS, Episode, Traffic, make

PROFILE = Path(__file__).parent.parent / "policies" / "xk" / "profile.toml"
TUNED = (1, 2, 3)
REPORTED = tuple(range(301, 311))
BATCH = 500
# What a planted kind is found by. Another alert on its entries is no false alarm, and no recall.
FOUND_BY = {"agency-volume": "unusual-volume", "guessing": "outside-caseload"}
ROUND = timedelta(seconds=60)
INTERVAL = timedelta(seconds=1)
# For how long the sequencer stands still, in seconds.
STALLS = {"2 hours": 7_200, "10 minutes": 600, "4 minutes": 240}


class Remembered:
    """The past in memory: facts come in the order of their times."""

    def __init__(self, profile: Profile, roles: Mapping[str, str]) -> None:
        self._profile = profile
        self._roles = roles
        self._facts: dict[tuple[str, str | None, str | None], list[Fact]] = defaultdict(list)
        self._persons: dict[tuple[str, str | None], dict[date, set[str]]] = defaultdict(dict)

    def add(self, fact: Fact) -> None:
        """One more fact."""
        day = self._profile.local_date(fact.at)
        for officer in (None, fact.officer):
            self._facts[fact.agency, officer, None].append(fact)
            if not fact.refused and fact.subject is not None:
                days = self._persons[fact.agency, officer]
                days.setdefault(day, set()).add(fact.subject)
        if fact.case is not None:
            self._facts[fact.agency, None, fact.case].append(fact)

    def facts(
        self,
        agency: str,
        *,
        since: datetime,
        until: datetime,
        officer: str | None = None,
        case: str | None = None,
        refused: bool | None = None,
    ) -> Sequence[Fact]:
        """As `Past` says."""
        known = self._facts[agency, officer, case]
        first = bisect_left(known, since, key=lambda fact: fact.at)
        last = bisect_right(known, until, key=lambda fact: fact.at)
        return [one for one in known[first:last] if refused in (None, one.refused)]

    def persons(
        self, agency: str, officer: str | None, *, first: date, last: date
    ) -> Mapping[date, int]:
        """As `Past` says."""
        days = self._persons[agency, officer]
        return {day: len(found) for day, found in days.items() if first <= day <= last}

    def role(self, agency: str) -> str:
        """As `Past` says."""
        return self._roles[agency]


def alerts(rules: Rules, traffic: Traffic, profile: Profile) -> list[Alert]:
    """All alerts of the quarter, as rounds of the service raise them."""
    past = Remembered(profile, traffic.roles)
    raised: dict[tuple[str, str], Last] = {}
    found: list[Alert] = []
    for start in range(0, len(traffic.facts), BATCH):
        facts = traffic.facts[start : start + BATCH]
        for fact in facts:
            past.add(fact)
        fresh = only_new(look(rules, Batch(facts, past, profile)), raised)
        raised |= {alert.key: Last(alert.until, alert.count) for alert in fresh}
        found += fresh
    return found


def finds(alert: Alert, episode: Episode) -> bool:
    """Whether an alert is of the kind of an episode, names its officer and rests on its entries."""
    kind = FOUND_BY.get(episode.kind, episode.kind)
    same = (alert.agency, alert.officer) == (episode.agency, episode.officer)
    return same and alert.rule.kind == kind and not episode.entries.isdisjoint(alert.entries)


def measure(rules: Rules, profile: Profile, seeds: Sequence[int]) -> dict[str, Any]:
    """Recall by kind and strength, and false alarms by rule, agency and week."""
    planted: Counter[str] = Counter()
    recalled: Counter[str] = Counter()
    false: Counter[str] = Counter({rule.id: 0 for rule in rules.all})
    entries = 0
    for seed in seeds:
        traffic = make(seed, profile)
        entries += len(traffic.facts)
        counted = [one for one in alerts(rules, traffic, profile) if one.until >= traffic.planted]
        for episode in traffic.episodes:
            name = f"{episode.kind}: {episode.strength}"
            planted[name] += 1
            recalled[name] += any(finds(one, episode) for one in counted)
        planted_entries = frozenset().union(*(one.entries for one in traffic.episodes))
        for alert in counted:
            false[alert.rule.id] += planted_entries.isdisjoint(alert.entries)
    for name, found, ordinary in stalls(rules, seeds):
        planted[name] += not ordinary
        recalled[name] += found and not ordinary
        false["stale-checkpoint"] += found and ordinary
    agency_weeks = len(seeds) * COUNTED_WEEKS * len(AGENCIES)
    return {
        "seeds": [*seeds],
        "entries_each": entries // len(seeds),
        "recall": {
            name: f"{recalled[name]} of {count}" for name, count in planted.items() if count
        },
        "false_alarms": dict(false),
        "agency_weeks": agency_weeks,
        "false_alarms_per_agency_and_week": false.total() / agency_weeks,
    }


def stalls(rules: Rules, seeds: Sequence[int]) -> Iterator[tuple[str, bool, bool]]:
    """Times for which nothing was signed: name, whether an alert came, whether it is ordinary."""
    at = datetime(2027, 3, 3, 9, tzinfo=UTC)
    for seed in seeds:
        random = Random(f"stalls {seed}")  # noqa: S311 - a play of chance
        # Restarts, and disks that are slow for a while.
        usual = [("", random.uniform(1, 120), True) for _ in range(7 * COUNTED_WEEKS)]
        odd = [(f"stale-checkpoint: {name}", s, False) for name, s in STALLS.items()]
        for name, seconds, ordinary in usual + odd:
            unsigned = Unsigned(at, 0)
            looks = [at + number * ROUND for number in range(1, int(seconds / 60) + 1)]
            yield name, any(_stale(rules, unsigned, look_at) for look_at in looks), ordinary


def _stale(rules: Rules, unsigned: Unsigned, at: datetime) -> bool:
    wanted = [rule for rule in rules.all if isinstance(rule, StaleCheckpoint)]
    return any(list(stale_checkpoint(rule, unsigned, interval=INTERVAL, at=at)) for rule in wanted)


def main() -> int:
    """Measure, print and write down; seeds of the command line are measured and not written."""
    rules = Rules.from_file(None)
    profile = Profile.from_toml(PROFILE.read_text(encoding="utf-8"))
    asked = tuple(map(int, sys.argv[1:]))
    measured = measure(rules, profile, asked or REPORTED)
    for part in ("recall", "false_alarms"):
        for name, value in measured[part].items():
            print(f"{part:14} {name:52} {value}")  # noqa: T201 - the result
    rate = measured["false_alarms_per_agency_and_week"]
    print(f"{rate:.3f} false alarms per agency and week")  # noqa: T201 - the result
    if not asked:
        results.write("alerts", {**measured, "tuned_on": [*TUNED]}, packages=())
    return 0


if __name__ == "__main__":
    sys.exit(main())
