"""The compiled table against the reference engine, for as long as one likes.

    python -m tests.policy.fuzz --requests 20000 --policies 40 --seed 1

Over the shipped policies, then over as many sets of random policies: each request is decided by
the compiled table and asked of the engine, by the probe and by whole conditions with every fact; a
sample is asked of the engine action by action, with every determining policy. Prints the counts;
the exit status is 1 if anything differs.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random

import cedarpy

from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.errors import DecisionFailed
from app.policy.facts import read_facts
from app.policy.loader import load_bundle
from app.policy.request import Request
from app.policy.schema import schema_text
from tests.policy.random_policies import DAYS, PolicyWriter, random_bundle
from tests.policy.random_requests import RequestMaker
from tests.policy.reference import Reference, WholeProbe, differences

POLICIES = Path(__file__).parents[2] / "policies"
DAY = date(2027, 3, 3)
SCHEMA_TEXT = schema_text(of_the_catalogue())
FACTS = read_facts(SCHEMA_TEXT)

# One request in so many does not fit the schema; both sides must refuse it.
ONE_BAD_IN = 20
# One request in so many is asked action by action in a long run: it takes most of a second.
ONE_EACH_ACTION_IN = 200


def compare(
    bundle: Bundle, random: Random, *, requests: int, each_action: int, days: Sequence[date]
) -> tuple[Counter[str], list[str]]:
    """Counts, and in words what differed, over random requests on these days."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    maker = RequestMaker(random, FACTS, bundle.policies.values())
    schema = cedarpy.Schema.from_str(SCHEMA_TEXT)
    references = {day: Reference(bundle, schema, at=day) for day in days}
    wholes = {day: _whole(bundle, at=day) for day in days}
    for number in range(requests):
        at = days[number % len(days)]
        bad = number % ONE_BAD_IN == ONE_BAD_IN - 1
        request = maker.bad_request() if bad else maker.request()
        found += (
            f"{request}: {what}" for what in one_difference(bundle, wholes[at], request, at=at)
        )
        counts["refused" if bad else "decided"] += 1
        if number < each_action and not bad:
            expectation = references[at].expect(request)
            decision = bundle.span(at).compiled.decide(request)
            counts["decided action by action"] += 1
            counts["actions asked one by one"] += 2 * len(bundle.vocabulary.actions)
            counts["fields released among them"] += len(decision.released)
            found += (f"{request}: {what}" for what in differences(decision, expectation, bundle))
    return counts, found


def _whole(bundle: Bundle, *, at: date) -> WholeProbe:
    return WholeProbe(bundle.span(at).table.policies.values(), bundle.vocabulary)


def one_difference(
    bundle: Bundle, whole: WholeProbe, request: Request, *, at: date
) -> Iterator[str]:
    """Whether table, probe and engine find different policies satisfied, or one refuses alone."""
    span = bundle.span(at)
    try:
        asked = whole.satisfied(request)
    except (DecisionFailed, TypeError, ValueError):
        asked = None  # whatever the engine's side raises, nothing is released
    try:
        decided = span.compiled.decide(request).satisfied
    except DecisionFailed:
        decided = None
    if asked is None or decided is None:
        # The probe is not told of a fact that nothing asks for: the table refuses it.
        if asked is not decided:
            yield f"refused by one alone: engine {asked}, table {decided}"
        return
    for name, found in (("table", decided), ("probe", span.probe.satisfied(request))):
        if asked != found:
            yield f"{name} differs in {sorted(asked ^ found)}"


def over_shipped(seed: int, *, requests: int, each_action: int) -> tuple[Counter[str], list[str]]:
    """The shipped bundle."""
    bundle = load_bundle(POLICIES, at=DAY, allow_illustrative=True, cross_check="off")
    random = Random(seed)  # noqa: S311 - a play of chance, not a secret
    return compare(bundle, random, requests=requests, each_action=each_action, days=[DAY])


def over_random(
    seed: int, *, sets: int, policies: int = 40, requests: int = 200, each_action: int = 2
) -> tuple[Counter[str], list[str]]:
    """So many bundles of random policies."""
    random = Random(seed)  # noqa: S311 - a play of chance, not a secret
    vocabulary, schema = of_the_catalogue(), cedarpy.Schema.from_str(SCHEMA_TEXT)
    writer = PolicyWriter(random, FACTS, vocabulary)
    counts: Counter[str] = Counter()
    found: list[str] = []
    for number in range(sets):
        bundle = random_bundle(writer, vocabulary, schema, count=policies)
        counted, differing = compare(
            bundle, random, requests=requests, each_action=each_action, days=DAYS
        )
        counts += counted + Counter({"sets of policies": 1, "policies": policies})
        found += [f"set {number}: {what}" for what in differing]
    return counts, found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether all agreed."""
    parser = argparse.ArgumentParser(description="Compiled table against reference engine.")
    parser.add_argument("--requests", type=int, default=20_000, help="over the shipped policies")
    parser.add_argument("--policies", type=int, default=40, help="sets of random policies")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    runs = {
        "shipped policies": over_shipped(
            options.seed,
            requests=options.requests,
            each_action=options.requests // ONE_EACH_ACTION_IN,
        ),
        "random policies": over_random(options.seed, sets=options.policies),
    }
    for name, (counts, found) in runs.items():
        print(f"{name}: {dict(counts)}; differences: {len(found)}")  # noqa: T201 - the result
        for what in found[:5]:
            print(f"  {what}")  # noqa: T201 - the result
    print(f"seed {options.seed}, {time.perf_counter() - start:.0f} s")  # noqa: T201 - the result
    return 1 if any(found for _, found in runs.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
