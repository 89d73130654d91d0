"""Requests to the planted policies with the engine's answers: what a faulty compiler must not pass.

The answers are asked once and kept, so that one more mutant costs little.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from random import Random

import cedarpy

from app.policy.bundle import Bundle
from app.policy.compiler import Satisfied
from app.policy.decision import Decision
from app.policy.errors import DecisionFailed
from app.policy.facts import read_facts
from app.policy.request import Request
from app.policy.schema import schema_text
from tests.policy.planted import ROLES
from tests.policy.random_requests import RequestMaker, bad_values
from tests.policy.reference import Expectation, Reference, WholeProbe, differences

# On this day one of the planted agreements has ended.
DAY = date(2027, 6, 1)
REFUSED = None
# So many requests of each role are also tried with every single fact drawn anew.
NEIGHBOURS = 12
# So many sets of satisfied policies are tried for two purposes.
PAIRS = 6
REFUSALS = (DecisionFailed, TypeError, ValueError)

Decide = Callable[[Request], Decision]


@dataclass(frozen=True)
class Case:
    """A request, the policies that the engine finds satisfied (None: it refuses), and its
    answers action by action for a sample of the requests."""

    request: Request
    satisfied: frozenset[str] | None
    expectation: Expectation | None = None


class Trial:
    """A bundle, requests to it by role, and the engine's answers."""

    def __init__(self, bundle: Bundle, *, seed: int, requests: int) -> None:
        self.bundle = bundle
        self.span = bundle.span(DAY)
        text = schema_text(bundle.vocabulary)
        self.facts = read_facts(text)
        random = Random(seed)  # noqa: S311 - a play of chance, not a secret
        self._maker = RequestMaker(random, self.facts, bundle.policies.values())
        self.offered = _offered(bundle)
        schema = cedarpy.Schema.from_str(text)
        self._whole = WholeProbe(self.span.table.policies.values(), bundle.vocabulary)
        self._reference = Reference(bundle, schema, at=DAY, fields=self.offered)
        self.cases = {role: self._cases(role, requests) for role in ROLES}

    def _cases(self, role: str, count: int) -> list[Case]:
        drawn = [self._maker.request(role) for _ in range(count)]
        near = [other for one in drawn[:NEIGHBOURS] for other in self._maker.neighbours(one)]
        cases = [self._case(one) for one in (*drawn, *near, *self._bad(role))]
        for number in self._sample(cases):
            expectation = self._reference.expect(cases[number].request)
            cases[number] = replace(cases[number], expectation=expectation)
        return cases

    def _sample(self, cases: list[Case]) -> set[int]:
        """Each policy beside each set of forbids, and some sets of policies for two purposes."""
        beside: dict[object, int] = {}
        of_purposes: dict[frozenset[str], dict[str, int]] = {}
        for number, case in enumerate(cases):
            if case.satisfied is REFUSED:
                continue
            forbids = frozenset(i for i in case.satisfied if self.bundle.policies[i].is_forbid)
            for id_ in case.satisfied:
                beside.setdefault((id_, forbids), number)
            same = of_purposes.setdefault(case.satisfied, {})
            same.setdefault(case.request.purpose, number)
        pairs = [list(same.values())[:2] for same in of_purposes.values() if len(same) > 1]
        return {*beside.values(), *chain.from_iterable(pairs[:PAIRS])}

    def _bad(self, role: str) -> Iterator[Request]:
        """For every fact every value that does not fit."""
        for fact in self.facts.by_path.values():
            for value in bad_values(fact):
                yield replace(self._maker.request(role), **{fact.name: value})

    def _case(self, request: Request) -> Case:
        try:
            return Case(request, self._whole.satisfied(request))
        except REFUSALS:
            return Case(request, REFUSED)

    def finds_in_function(self, role: str, satisfied: Satisfied) -> bool:
        """Whether a function of a role says anything else than the engine."""
        ids = [policy.id for policy in self.span.table.roles[role].policies]
        return any(
            _said(satisfied, ids, case.request) != case.satisfied for case in self.cases[role]
        )

    def finds_in_decision(self, decide: Decide) -> bool:
        """Whether decisions are anything else than the engine's answers, action by action."""
        return any(self._is_wrong(decide, case) for role in ROLES for case in self.cases[role])

    def _is_wrong(self, decide: Decide, case: Case) -> bool:
        try:
            decision = decide(case.request)
        except REFUSALS:
            return case.satisfied is not REFUSED
        if decision.satisfied != case.satisfied or decision.digest != self.bundle.digest:
            return True
        expectation = case.expectation
        return expectation is not None and bool(differences(decision, expectation, self.bundle))


def _offered(bundle: Bundle) -> tuple[str, ...]:
    """The fields that some permit names, in the catalogue's order."""
    permits = [policy for policy in bundle.policies.values() if not policy.is_forbid]
    named = {
        name.split(":")[1] for policy in permits for name in policy.action_names if ":" in name
    }
    return tuple(path for path in bundle.vocabulary.fields if path in named)


def _said(satisfied: Satisfied, ids: list[str], request: Request) -> frozenset[str] | None:
    try:
        held = satisfied(request)
    except REFUSALS:
        return REFUSED
    return frozenset(id_ for place, id_ in enumerate(ids) if held >> place & 1)
