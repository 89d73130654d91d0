"""The decision of a whole file, all fields with explanation, beside single authorizations.

    python -m bench.policy [--requests 12000] [--policies policies]

The peer is the reference engine asked for every (field, form) of the file in one batch, with
schema and policies read before. Both sides start from the same stored facts and are measured in
turns, in processor time. `warm`: decisions of equal questions are remembered; `new`: this one was
never asked, decisions of single fields are remembered; `cold`: nothing is remembered at all. The
exit status is 1 if a bar is missed.
"""

import argparse
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import cedarpy

from app.files.forms import DISCLOSED_FORMS
from app.policy.actions import release
from app.policy.bundle import Bundle, make_bundle
from app.policy.cross_check import CrossCheck
from app.policy.decision import Decision
from app.policy.engine import Authorizer, for_probe
from app.policy.facts import BOOL, Fact, Facts, read_facts
from app.policy.loader import load_bundle
from app.policy.narrowing import members_asked
from app.policy.overlays import load_country_bundle
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import PROBE, probe_schema_text, schema_text
from app.policy.table import REMEMBERED
from app.population.generate import generate
from bench import bars, results

DAY = date(2027, 3, 3)
COUNTRY = "xk"
SEED = 20_270_303
ROUNDS = 5
PEER_FILES = 12  # of the peer in a round: each takes it tens of milliseconds
ON_LEAVE = 0.1  # share of persons with a granted leave
LIKELY = 0.4  # share of requests for which a fact like a referral is on record
PROBED = 200  # requests of a role

Row = tuple[str, str, Mapping[str, Any]]  # role, purpose, facts as they are stored


class Population:
    """Made-up persons and, for each, an agency that asks with what is on record for it."""

    def __init__(self, bundle: Bundle, facts: Facts) -> None:
        self._random = Random(SEED)  # noqa: S311 - a play of chance, not a secret
        self._facts = facts
        self._parts = {role: _parts_asked(bundle, role) for role in ROLE_PURPOSES}

    def rows(self, count: int) -> list[Row]:
        """As many rows, each of another request."""
        rows: dict[Any, Row] = {}
        persons = generate(2 * count, seed=SEED, today=DAY)
        for person in persons:
            row = self._row(person["sections"])
            rows.setdefault(request_of(row), row)
            if len(rows) == count:
                break
        return list(rows.values())

    def _row(self, sections: Mapping[str, Any]) -> Row:
        random = self._random
        role = random.choice(tuple(ROLE_PURPOSES))
        municipality = sections["residence_contact"]["return_municipality_code"]["value"]
        released = date.fromisoformat(sections["release"]["planned_release_date"]["value"])
        facts = {fact.name: self._fact(fact, role) for fact in self._facts.by_path.values()}
        facts |= {
            "agency": f"{role}-{random.randrange(40)}",
            "custodian": f"prison-{random.randrange(12)}",
            "municipalities": frozenset({municipality, f"XK-{random.randrange(38):02}"}),
            "return_municipality": municipality,
            "leave_municipality": municipality if random.random() < ON_LEAVE else None,
            "days_to_release": (released - DAY).days,
        }
        purpose = random.choice(ROLE_PURPOSES[role])
        del facts["purpose"]
        return role, purpose, facts

    def _fact(self, fact: Fact, role: str) -> Any:  # noqa: ANN401 - of the fact's type
        if fact.kind == BOOL:
            return self._random.random() < LIKELY
        members = self._facts.members.get(fact.kind)
        if fact.many:
            # Consents, orders and authorities come for parts of a file, not field by field.
            parts = self._parts[role].get(fact.name, {})
            share = self._random.choice((0.0, 0.0, 0.5, 1.0))
            chosen = (paths for paths in parts.values() if self._random.random() < share)
            return frozenset(path for paths in chosen for path in paths)
        return self._random.choice(sorted(members)) if members else None


def _parts_asked(bundle: Bundle, role: str) -> Mapping[str, Mapping[str, list[str]]]:
    """For each set of a request the members that a role's policies ask it for, by section."""
    policies = [policy for policy in bundle.policies.values() if policy.concerns(role)]
    parts: dict[str, dict[str, list[str]]] = {}
    for name, members in members_asked(p.rule["conditions"] for p in policies).items():
        for _, id_ in sorted(members or ()):
            of_fact = parts.setdefault(name, {})
            of_fact.setdefault(id_.partition(".")[0], []).append(id_)
    return parts


def request_of(row: Row) -> Request:
    """The request, from what is stored and who asks."""
    role, purpose, facts = row
    return Request(role=role, purpose=purpose, client="client", **facts)


@dataclass(frozen=True)
class Sides:
    """What is measured: each decides the file of a row."""

    warm: Callable[[Row], object]
    new: Callable[[Row], object]
    cold: Callable[[Row], object]
    peer: Callable[[Row], object]


def make_sides(bundle: Bundle) -> Sides:
    """The bundle that remembers, one that does not, and the engine."""
    forgetful = make_bundle(
        bundle.policies.values(),
        bundle.register,
        bundle.vocabulary,
        digest=bundle.digest,
        cross_check=CrossCheck("off"),
        remembered=0,
    )
    rules = {id_: policy.rule for id_, policy in bundle.span(DAY).table.policies.items()}
    schema = cedarpy.Schema.from_str(schema_text(bundle.vocabulary))
    engine = Authorizer(rules, schema, bundle.vocabulary.fields)
    actions = [release(p, form) for p in bundle.vocabulary.fields for form in DISCLOSED_FORMS]
    return Sides(
        warm=lambda row: bundle.decide(request_of(row), at=DAY),
        new=lambda row: _decide_anew(bundle, request_of(row)),
        cold=lambda row: forgetful.decide(request_of(row), at=DAY),
        peer=lambda row: engine.reasons(actions, request_of(row)),
    )


def _decide_anew(bundle: Bundle, request: Request) -> Decision:
    satisfied, table = bundle.span(DAY).compiled.roles[request.role]
    return table.decide_anew(satisfied(request), request.purpose)


def microseconds(work: Callable[[Row], object], rows: Sequence[Row]) -> float:
    """Processor time for each row."""
    start = time.process_time()
    for row in rows:
        work(row)
    return (time.process_time() - start) / len(rows) * 1e6


def in_turns(sides: Sides, rows: Sequence[Row]) -> Mapping[str, float]:
    """The median of several rounds, the sides one after the other in each."""
    for row in rows:
        sides.warm(row)  # fill the memo
    taken: dict[str, list[float]] = {"warm": [], "new": [], "cold": [], "peer": []}
    gc.freeze()  # what was loaded is no garbage: collections then look at new things alone
    for number in range(ROUNDS):
        few = rows[number * PEER_FILES : (number + 1) * PEER_FILES]
        taken["warm"].append(microseconds(sides.warm, rows))
        taken["new"].append(microseconds(sides.new, rows[::ROUNDS]))
        taken["cold"].append(microseconds(sides.cold, rows[:: ROUNDS * 2]))
        taken["peer"].append(microseconds(sides.peer, few))
    return {name: statistics.median(times) for name, times in taken.items()}


def probes(bundle: Bundle, rows: Iterable[Row]) -> Mapping[str, Any]:
    """The engine's cross-check of a file, for the role with the most policies and for all.

    `whole` is beside it what the same costs with every fact and every condition as written.
    """
    span = bundle.span(DAY)
    requests: dict[str, list[Request]] = {}
    for row in rows:
        requests.setdefault(row[0], []).append(request_of(row))
    asked = span.probe.satisfied
    taken = {role: _probe(asked, some[:PROBED]) for role, some in requests.items()}
    largest = max(taken, key=lambda role: len(span.table.roles[role].policies))
    whole = _whole(bundle, largest)
    purpose = ROLE_PURPOSES[largest][0]
    bare = [Request(role=largest, agency="a", client="c", purpose=purpose, custodian="p")] * PROBED
    return {
        "largest_role": largest,
        "policies_of_largest_role": len(span.table.roles[largest].policies),
        "us_largest_role": taken[largest],
        "us_largest_role_whole": _probe(whole, requests[largest][:PROBED]),
        "us_largest_role_nothing_recorded": _probe(asked, bare),
        "us_largest_role_nothing_recorded_whole": _probe(whole, bare),
        "us_slowest_role": max(taken.values()),
        "us_median_role": statistics.median(taken.values()),
    }


def _whole(bundle: Bundle, role: str) -> Callable[[Request], object]:
    policies = bundle.span(DAY).table.roles[role].policies
    rules = {policy.id: for_probe(policy.rule, action=PROBE) for policy in policies}
    schema = cedarpy.Schema.from_str(probe_schema_text(bundle.vocabulary))
    engine = Authorizer(rules, schema, bundle.vocabulary.fields)
    return lambda request: engine.reasons([PROBE], request)


def _probe(probe: Callable[[Request], object], requests: Sequence[Request]) -> float:
    probe(requests[0])  # a role's set is made when it is first asked
    start = time.process_time()
    for request in requests:
        probe(request)
    return (time.process_time() - start) / len(requests) * 1e6


def memory(bundle: Bundle) -> Mapping[str, int]:
    """Bytes of a remembered decision of the role with the most policies, and the bound of all."""
    table = max(bundle.span(DAY).table.roles.values(), key=lambda table: len(table.policies))
    purpose = ROLE_PURPOSES["probation_service"][0]
    random = Random(SEED)  # noqa: S311 - a play of chance, not a secret
    vectors = [random.getrandbits(len(table.policies)) for _ in range(REMEMBERED)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for vector in vectors:
        table.decide(vector, purpose)
    each = (tracemalloc.get_traced_memory()[0] - before) // len(vectors)
    tracemalloc.stop()
    return {
        "bytes_each": each,
        "kept_for_each_role": REMEMBERED,
        "bound_bytes_all_roles": each * REMEMBERED * len(ROLE_PURPOSES),
    }


def startup_seconds(folder: Path) -> float:
    """Load, validate, compile and self-test, with an overlay as the service: median of three."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        load_country_bundle(folder, COUNTRY, at=DAY, allow_illustrative=True)
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Everything, as it is written down."""
    startup = startup_seconds(folder)
    bundle = load_bundle(folder, at=DAY, allow_illustrative=True, cross_check="off")
    facts = read_facts(schema_text(bundle.vocabulary))
    rows = Population(bundle, facts).rows(count)
    taken = in_turns(make_sides(bundle), rows)
    kept = memory(bundle)
    return {
        "policies": len(bundle.policies),
        "fields": len(bundle.vocabulary.fields),
        "distinct_requests": len(rows),
        "distinct_decisions": len(set(_questions(bundle, rows))),
        "us_warm": taken["warm"],
        "us_new": taken["new"],
        "us_cold": taken["cold"],
        "us_peer": taken["peer"],
        "ratio_warm": taken["peer"] / taken["warm"],
        "ratio_cold": taken["peer"] / taken["cold"],
        "probe": probes(bundle, rows),
        "startup_seconds": startup,
        "memo": kept,
    }


def _questions(bundle: Bundle, rows: Iterable[Row]) -> Iterator[tuple[str, str, frozenset[str]]]:
    for row in rows:
        role, purpose, _ = row
        yield role, purpose, bundle.decide(request_of(row), at=DAY).satisfied


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description="The decision of a whole file.")
    parser.add_argument("--requests", type=int, default=12_000)
    parser.add_argument("--policies", type=Path, default=Path("policies"))
    options = parser.parse_args(arguments)
    measured = measure(options.policies, options.requests)
    results.write("policy", measured, packages=("cedarpy",))
    for name, value in {**results.machine(), **measured}.items():
        shown = f"{value:,.2f}" if isinstance(value, float) else value
        print(f"{name:20} {shown}")  # noqa: T201 - the result
    below = bars.missed("policy", measured)
    print("bars missed:", ", ".join(below) or "none")  # noqa: T201 - the result
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
