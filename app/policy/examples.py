"""The least requests in which something holds: from formulas to requests that can be tried (z3).

Least means: usual where it does not matter, and with no fact that is not needed. Only what the
policies mention can matter, so only that is asked about.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import z3

from app.policy import expressions
from app.policy.expressions import Node
from app.policy.facts import BOOL, LONG, STRING, Fact
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.solver import least_model
from app.policy.symbolic import SymbolicRequest, enumeration, literal_texts
from app.policy.wording import STAND_INS


class Pin(NamedTuple):
    """What a Boolean says: of a fact by its path, which part of it."""

    path: str
    part: str


class Examples:
    """Requests of one role, and the policies that can tell them apart."""

    def __init__(self, requests: Sequence[SymbolicRequest], policies: Iterable[Policy]) -> None:
        self.requests = requests
        self.mentioned = Mentioned(node for policy in policies for node in policy.conjuncts)

    def least(self, constraints: Sequence[z3.BoolRef]) -> tuple[Request, ...]:
        """For each symbolic request one that is written out; together they fit the constraints.

        Raises:
            ValueError: no requests fit.
        """
        return self.written(self.model(constraints))

    def model(self, constraints: Sequence[z3.BoolRef]) -> z3.ModelRef:
        """The situation of these requests, as the solver has it."""
        return least_model(constraints, self.wishes())

    def written(self, model: z3.ModelRef) -> tuple[Request, ...]:
        """The requests of a situation."""
        writer = _Writer(model, self.mentioned, self.text_terms())
        for request in self.requests:
            writer.name_texts(request)
        return tuple(writer.request(request) for request in self.requests)

    def pins(self, model: z3.ModelRef) -> dict[Pin, z3.BoolRef]:
        """What a situation says of the first request, each true; its numbers are left out."""
        pinned: dict[Pin, z3.BoolRef] = {}
        for pin, truth in self._truths(self.requests[0]):
            holds = z3.is_true(model.eval(truth, model_completion=True))
            pinned[pin] = truth if holds else z3.Not(truth)
        return pinned

    def _truths(self, request: SymbolicRequest) -> Iterator[tuple[Pin, z3.BoolRef]]:
        """Each Boolean that says something of a request which could matter."""
        terms = self.text_terms()
        for (name, term), (other, same) in combinations(terms.items(), 2):
            yield Pin(name, other), term == same
        for path, fact in request.facts.by_path.items():
            if fact.name not in self.mentioned.attributes:
                continue
            if path in request.presence:
                yield Pin(path, "has"), request.presence[path]
            if path in request.texts:
                yield from ((Pin(path, n), request.texts[path](t)) for n, t in terms.items())
            elif path in request.entities:
                members = self.mentioned.members(fact.kind)
                yield from ((Pin(path, name), request.entities[path][name]) for name in members)
            elif fact.kind in request.facts.members:
                term, names = request.terms[path], enumeration(request.facts, fact.kind)
                yield from ((Pin(path, name), term == n) for n, name in enumerate(names))
            elif fact.kind == BOOL:
                yield Pin(path, ""), request.terms[path]

    def wishes(self) -> Iterator[z3.BoolRef]:
        """What the requests should rather be, the most important first."""
        for request in self.requests:
            yield from _usual(request)
        for request in self.requests:
            yield from self._absent(request)
        yield from (term != other for term, other in combinations(self.text_terms().values(), 2))
        for request in self.requests:
            yield from self._near(request)

    def _absent(self, request: SymbolicRequest) -> Iterator[z3.BoolRef]:
        for path, fact in request.facts.by_path.items():
            if fact.name not in self.mentioned.attributes:
                continue
            if path in request.presence:
                yield z3.Not(request.presence[path])
            elif path in request.texts:
                yield from (z3.Not(request.texts[path](t)) for t in self.text_terms().values())
            elif path in request.entities:
                members = request.entities[path]
                yield from (z3.Not(members[name]) for name in self.mentioned.members(fact.kind))
            elif fact.kind == BOOL:
                yield z3.Not(request.terms[path])

    def _near(self, request: SymbolicRequest) -> Iterator[z3.BoolRef]:
        """Numbers close to zero: those at which a comparison can change, nearest first."""
        for path, term in request.terms.items():
            if request.facts.by_path[path].kind == LONG:
                nearest = sorted(self.mentioned.turning_points, key=lambda n: (abs(n), n < 0))
                yield from (term == number for number in nearest)

    def text_terms(self) -> Mapping[str, z3.ExprRef]:
        """Every text of which a condition could speak, by path or, if written out, in quotes."""
        own = {
            f"{number} {path}": term
            for number, request in enumerate(self.requests)
            for path, term in request.terms.items()
            if request.facts.by_path[path].kind == STRING
        }
        return own | {f'"{text}"': term for text, term in self.mentioned.texts.items()}


class Mentioned:
    """What a set of conditions speaks of."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._parts = [part for node in nodes for part in expressions.walk(node)]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names of facts."""
        return frozenset(str(part["attr"]) for part in self._parts if "attr" in part)

    @cached_property
    def texts(self) -> Mapping[str, z3.ExprRef]:
        """The texts that are written out."""
        return literal_texts(self._parts)

    def members(self, kind: str) -> Sequence[str]:
        """The members of an enumeration that are written out."""
        named = (expressions.entity(part, kind) for part in self._parts)
        return sorted({name for name in named if name is not None})

    @cached_property
    def turning_points(self) -> frozenset[int]:
        """The numbers that are compared with, their neighbours, and zero."""
        written = {part["Value"] for part in self._parts if type(part.get("Value")) is int}
        return frozenset({0} | {number + step for number in written for step in (-1, 0, 1)})


def _usual(request: SymbolicRequest) -> Iterator[z3.BoolRef]:
    """A purpose of the role, the first that will do; an officer who is not proven."""
    names = enumeration(request.facts, "Purpose")
    purpose = request.terms["context.purpose"]
    own = [purpose == names.index(name) for name in ROLE_PURPOSES[request.role]]
    yield z3.Or(own)
    yield from own
    assurances = enumeration(request.facts, "OfficerAssurance")
    yield request.terms["context.officer_assurance"] == assurances.index("asserted")


class _Writer:
    """Writes what a model says of symbolic requests; equal texts get one name."""

    def __init__(
        self, model: z3.ModelRef, mentioned: Mentioned, texts: Mapping[str, z3.ExprRef]
    ) -> None:
        self._model = model
        self._mentioned = mentioned
        self._terms = list(texts.values())
        self._names: dict[str, str] = {
            str(self._value(term)): name.strip('"')
            for name, term in texts.items()
            if name.startswith('"')
        }

    def name_texts(self, request: SymbolicRequest) -> None:
        """Name the texts after the facts in which they stand."""
        for path, term in request.terms.items():
            there = z3.is_true(self._value(request.present(path)))
            if there and request.facts.by_path[path].kind == STRING:
                self._text(term, STAND_INS.get(path, "text"))

    def request(self, symbolic: SymbolicRequest) -> Request:
        """The request, with what the model leaves open absent."""
        values = {
            fact.name: self._fact(symbolic, fact)
            for path, fact in symbolic.facts.by_path.items()
            if z3.is_true(self._value(symbolic.present(path)))
        }
        return Request(role=symbolic.role, client="client", **values)

    def _fact(self, symbolic: SymbolicRequest, fact: Fact) -> Any:  # noqa: ANN401 - of the fact's type
        if fact.path in symbolic.entities:
            members = symbolic.entities[fact.path]
            # A member that no condition speaks of is not there.
            named = self._mentioned.members(fact.kind)
            return frozenset(n for n in named if z3.is_true(self._value(members[n])))
        if fact.path in symbolic.texts:
            contains = symbolic.texts[fact.path]
            inside = [term for term in self._terms if z3.is_true(self._value(contains(term)))]
            return frozenset(self._text(term, "text") for term in inside)
        return self._single(symbolic, fact)

    def _single(self, symbolic: SymbolicRequest, fact: Fact) -> Any:  # noqa: ANN401 - of the fact's type
        term = symbolic.terms[fact.path]
        if fact.kind == STRING:
            return self._text(term, "text")
        value = self._value(term)
        if fact.kind == BOOL:
            return z3.is_true(value)
        number = value.as_long()
        return number if fact.kind == LONG else enumeration(symbolic.facts, fact.kind)[number]

    def _text(self, term: z3.ExprRef, wanted: str) -> str:
        value = str(self._value(term))
        while value not in self._names and wanted in self._names.values():
            wanted += "-2"
        return self._names.setdefault(value, wanted)

    def _value(self, term: z3.ExprRef) -> z3.ExprRef:
        return self._model.eval(term, model_completion=True)
