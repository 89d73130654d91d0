"""The decision of a whole file beside other engines that were given the same policies.

    python -m bench.peers

Every policy in force is written in each peer's own language (`bench.languages`), nothing is left
out, and each peer's answer is compared with ours for every form of every field before anything is
measured: one that answers otherwise ends the run. One request of each role, the sides in turns.

- `cedarpy`: the reference engine, all forms of all fields in one batch, schema and policies read.
- `casbin`: attribute-based rules, a role's rows alone, one call for each form of each field.
- `cerbos`, `cerbos_explained`: a decision point over HTTP, one call for a file; processor time is
  that of its process and of ours together.
- `ours_warm`, `ours_cold`: with the explanation of each field; as `bench.policy` has them.

A peer that cannot be had says NOT RUN and why.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from app.files.forms import DISCLOSED_FORMS
from app.policy.actions import release
from app.policy.bundle import Bundle
from app.policy.facts import read_facts
from app.policy.loader import load_bundle
from app.policy.request import Request
from app.policy.schema import schema_text
from bench import cerbos_peer, results
from bench.languages import Actions, actions_by_policy
from bench.policy import DAY, Population, Row, make_sides, request_of

POLICIES = Path("policies")
DRAWN = 400  # requests among which one of each role is found
ROUNDS = 3
# Files of a round: of what takes a second, one of each role; of what takes microseconds, more.
TIMES = {"ours_warm": 200, "ours_cold": 20, "cerbos": 10, "cerbos_explained": 10}

Side = Callable[[Row], object]
Clock = Callable[[], float]


class Peers:
    """All sides that can be had here, and the reasons of those that cannot."""

    def __init__(self, bundle: Bundle, stack: ExitStack) -> None:
        self._bundle = bundle
        fields = bundle.vocabulary.fields
        self._asked = [release(path, form) for path in fields for form in DISCLOSED_FORMS]
        sides = make_sides(bundle)
        self.sides: dict[str, Side] = {
            "ours_warm": sides.warm,
            "ours_cold": sides.cold,
            "cedarpy": sides.peer,
        }
        self.judged: dict[str, Callable[[Request], frozenset[str]]] = {}
        self.clocks: dict[str, Clock] = {}
        self.versions: dict[str, str] = {}
        self.not_run: dict[str, str] = {}
        table = bundle.span(DAY).table
        actions = actions_by_policy(table.policies.values(), bundle.vocabulary)
        self._add_casbin(actions)
        self._add_cerbos(actions, stack)

    def _add_casbin(self, actions: Actions) -> None:
        try:
            from bench.casbin_peer import Casbin  # noqa: PLC0415 - installed for this bench alone

            self.versions["pycasbin"] = version("pycasbin")
        except (ImportError, PackageNotFoundError):
            self.not_run["casbin"] = "pycasbin was not installed"
            return
        fields = self._bundle.vocabulary.fields
        roles = self._bundle.span(DAY).table.roles
        enforcers = {role: Casbin(table.policies, actions, fields) for role, table in roles.items()}
        self._add("casbin", lambda request: enforcers[request.role].allowed(request, self._asked))

    def _add_cerbos(self, actions: Actions, stack: ExitStack) -> None:
        policies = list(self._bundle.span(DAY).table.policies.values())
        fields = self._bundle.vocabulary.fields
        try:
            cerbos = stack.enter_context(cerbos_peer.running(policies, actions, fields))
        except cerbos_peer.CerbosMissing as reason:
            self.not_run["cerbos"] = str(reason)
            return
        self.versions["cerbos"] = cerbos_peer.locked_version()
        for name, kind in (
            ("cerbos", cerbos_peer.PLAIN),
            ("cerbos_explained", cerbos_peer.EXPLAINED),
        ):
            self.clocks[name] = lambda: time.process_time() + cerbos.processor_seconds()
            self._add(name, partial(cerbos.allowed, actions=self._asked, version=kind))

    def _add(self, name: str, judge: Callable[[Request], frozenset[str]]) -> None:
        self.judged[name] = judge
        self.sides[name] = lambda row: judge(request_of(row))

    def compare(self, rows: Sequence[Row]) -> int:
        """How many releases each peer was asked for; it permits those that we release."""
        for row in rows:
            request = request_of(row)
            decided = self._bundle.decide(request, at=DAY).fields
            ours = {
                release(path, form)
                for path, one in decided.items()
                for form in DISCLOSED_FORMS
                if form <= one.form
            }
            for name, judge in self.judged.items():
                differs = ours ^ judge(request)
                assert not differs, (name, request.role, sorted(differs)[:5])  # noqa: S101 - what decides otherwise is no peer
        return len(rows) * len(self._asked)


def microseconds(side: Side, rows: Sequence[Row], clock: Clock, times: int) -> tuple[float, float]:
    """Of the processor, and by the clock, for each file."""
    started, used = time.perf_counter(), clock()
    for _ in range(times):
        for row in rows:
            side(row)
    used, taken = clock() - used, time.perf_counter() - started
    return used / len(rows) / times * 1e6, taken / len(rows) / times * 1e6


def in_turns(peers: Peers, rows: Sequence[Row]) -> Mapping[str, Mapping[str, float]]:
    """Medians of rounds; each side once in each."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in peers.sides}
    for name, side in peers.sides.items():
        if name in TIMES:
            side(rows[0])  # warm
    for _ in range(ROUNDS):
        for name, side in peers.sides.items():
            clock = peers.clocks.get(name, time.process_time)
            found[name].append(microseconds(side, rows, clock, TIMES.get(name, 1)))
    return {
        name: {
            "us_of_processor": statistics.median(used for used, _ in rounds),
            "us_by_clock": statistics.median(taken for _, taken in rounds),
        }
        for name, rounds in found.items()
    }


def one_of_each_role(bundle: Bundle) -> list[Row]:
    """The first request of each role."""
    drawn = Population(bundle, read_facts(schema_text(bundle.vocabulary))).rows(DRAWN)
    return list({row[0]: row for row in reversed(drawn)}.values())


def measure() -> dict[str, Any]:
    """Everything, as it is written down."""
    bundle = load_bundle(POLICIES, at=DAY, allow_illustrative=True, cross_check="off")
    rows = one_of_each_role(bundle)
    with ExitStack() as stack:
        peers = Peers(bundle, stack)
        compared = peers.compare(rows)
        taken = in_turns(peers, rows)
    cost = {name: one["us_of_processor"] for name, one in taken.items()}
    others = [name for name in cost if not name.startswith("ours")]
    return {
        "policies": len(bundle.span(DAY).table.policies),
        "files": len(rows),
        "releases_compared": compared,
        "sides": taken,
        "ratio_warm": {name: cost[name] / cost["ours_warm"] for name in others},
        "ratio_cold": {name: cost[name] / cost["ours_cold"] for name in others},
        "not_run": peers.not_run,
        "peer_versions": peers.versions,
    }


def main() -> int:
    """Measure, print and write down."""
    measured = measure()
    results.write("peers", measured, packages=("cedarpy",))
    print(orjson.dumps(measured, option=orjson.OPT_INDENT_2).decode())  # noqa: T201 - the result
    for name, reason in measured["not_run"].items():
        print(f"NOT RUN: {name} ({reason})")  # noqa: T201 - the result
    return 0


if __name__ == "__main__":
    sys.exit(main())
