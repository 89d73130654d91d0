"""A request as variables of a solver, and conditions as formulas over them (z3). Pure.

Nothing is approximated. The facts are those of the schema: a flag is a Boolean, a number an
integer of 64 bits, an enumerated entity its place in the enumeration, a set of entities one
Boolean for each member, an optional fact has a Boolean more that says whether it is there.
Conditions compare texts for equality only, and there are always further texts, so a text is an
element of an uninterpreted sort and a set of texts a predicate over it: municipalities by
name do not matter, only which of them are the same.

A client has exactly one role, so a formula is that of one role and `principal in Role` is a
constant in it. The solver's expressions live in one context: use one thread at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import z3

from app.policy import expressions
from app.policy.expressions import Node
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts

TEXT = z3.DeclareSort("Text")
# The numbers of Cedar: signed, 64 bits.
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)
_TRUE_ID: int = TRUE.get_id()
_FALSE_ID: int = FALSE.get_id()

_ORDERINGS: Mapping[str, Callable[[Any, Any], z3.BoolRef]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_TESTS = frozenset({*_ORDERINGS, "==", "!=", "contains", "containsAll", "containsAny"})


class CannotProve(Exception):
    """A condition outside the subset that is decided; the message says which part of it."""


@dataclass(frozen=True)
class SymbolicRequest:
    """Any request of one role; each mapping is by the fact's path, as `context.assigned`.

    `terms` has the single facts, `presence` those that may be missing, `entities` the sets of
    entities by member, `texts` the sets of texts as predicates.
    """

    role: str
    facts: Facts
    terms: Mapping[str, z3.ExprRef]
    presence: Mapping[str, z3.BoolRef]
    entities: Mapping[str, Mapping[str, z3.BoolRef]]
    texts: Mapping[str, Callable[[z3.ExprRef], z3.BoolRef]]

    @cached_property
    def limits(self) -> list[z3.BoolRef]:
        """What every request keeps to: the range of its numbers and enumerations."""
        bounds = [(path, *self._range(path)) for path in self.terms]
        return [
            z3.And(self.terms[path] >= low, self.terms[path] <= high)
            for path, low, high in bounds
            if low is not None
        ]

    def _range(self, path: str) -> tuple[int | None, int | None]:
        kind = self.facts.by_path[path].kind
        if kind == LONG:
            return _LOWEST, _HIGHEST
        return (
            (0, len(self.facts.members[kind]) - 1) if kind in self.facts.members else (None, None)
        )

    def present(self, path: str) -> z3.BoolRef:
        """Whether the fact is there."""
        return self.presence.get(path, TRUE)


class _Members(Mapping[str, z3.BoolRef]):
    """A set of entities: for each member whether it is in; made when it is asked for."""

    def __init__(self, name: str, members: Sequence[str]) -> None:
        self._name, self._members = name, members
        self._made: dict[str, z3.BoolRef] = {}

    def __getitem__(self, member: str) -> z3.BoolRef:
        if member not in self._made:
            self._made[member] = z3.Bool(f"{member} {self._name}")
        return self._made[member]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def any_request(role: str, facts: Facts, *, name: str = "") -> SymbolicRequest:
    """A request of a role about which nothing is known yet. Another name: another request."""
    single = [fact for fact in facts.by_path.values() if not fact.many]
    many = [fact for fact in facts.by_path.values() if fact.many]
    return SymbolicRequest(
        role=role,
        facts=facts,
        terms={fact.path: _constant(fact, name) for fact in single},
        presence={f.path: z3.Bool(f"{name} has {f.path}") for f in single if f.optional},
        entities={
            fact.path: _Members(f"{name} in {fact.path}", enumeration(facts, fact.kind))
            for fact in many
            if fact.kind != STRING
        },
        texts={
            fact.path: z3.Function(f"{name} in {fact.path}", TEXT, z3.BoolSort())
            for fact in many
            if fact.kind == STRING
        },
    )


def _constant(fact: Fact, name: str) -> z3.ExprRef:
    sorts = {BOOL: z3.BoolSort(), STRING: TEXT}
    return z3.Const(f"{name} {fact.path}", sorts.get(fact.kind, z3.IntSort()))


def enumeration(facts: Facts, kind: str) -> Sequence[str]:
    """The members of an enumeration in the order of their places."""
    return sorted(facts.members[kind])


def literal_text(text: str) -> z3.ExprRef:
    """A text that a policy writes out."""
    return z3.Const(f"text {text!r}", TEXT)


def literal_texts(nodes: Iterable[Node]) -> Mapping[str, z3.ExprRef]:
    """Every text that is written out in these conditions."""
    values = {part["Value"] for node in nodes for part in expressions.walk(node) if _is_text(part)}
    return {text: literal_text(text) for text in sorted(values)}


def _is_text(node: Node) -> bool:
    return isinstance(node.get("Value"), str)


def is_true(condition: z3.BoolRef) -> bool:
    """Whether it is the constant, of which the context has one: z3's own question is far slower."""
    identity: int = condition.get_id()
    return identity == _TRUE_ID


def is_false(condition: z3.BoolRef) -> bool:
    """The same for the other constant."""
    identity: int = condition.get_id()
    return identity == _FALSE_ID


def every(conditions: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Conjunction; constants are folded, so that what needs no solver is seen at once."""
    parts = {part.get_id(): part for part in conditions}
    if _FALSE_ID in parts:
        return FALSE
    parts.pop(_TRUE_ID, None)
    if len(parts) > 1:
        return z3.And(list(parts.values()))
    return next(iter(parts.values()), TRUE)


def some(conditions: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Disjunction; constants are folded."""
    parts = {part.get_id(): part for part in conditions}
    if _TRUE_ID in parts:
        return TRUE
    parts.pop(_FALSE_ID, None)
    if len(parts) > 1:
        return z3.Or(list(parts.values()))
    return next(iter(parts.values()), FALSE)


def negation(condition: z3.BoolRef) -> z3.BoolRef:
    """Negation; constants and double negations are folded."""
    if is_true(condition) or is_false(condition):
        return FALSE if is_true(condition) else TRUE
    return condition.arg(0) if z3.is_not(condition) else z3.Not(condition)


def holds(request: SymbolicRequest, node: Node) -> z3.BoolRef:
    """The formula of a condition.

    Raises:
        CannotProve: the condition is outside the subset that is decided.
    """
    operator, argument = next(iter(node.items()))
    if operator in {"&&", "||"}:
        sides = (holds(request, argument["left"]), holds(request, argument["right"]))
        return every(sides) if operator == "&&" else some(sides)
    if operator == "!":
        return negation(holds(request, argument["arg"]))
    if operator == ".":
        return _term(request, node)
    if operator == "has":
        return request.present(_path({".": argument}))
    if operator == "in":
        return TRUE if request.role in _roles(argument["right"]) else FALSE
    return _test(request, operator, argument)


def _test(request: SymbolicRequest, operator: str, argument: Mapping[str, Node]) -> z3.BoolRef:
    if operator not in _TESTS:
        raise CannotProve(f"`{operator}` cannot be proved about")
    left, right = argument["left"], argument["right"]
    if operator in {"==", "!="}:
        same = _term(request, left) == _term(request, right)
        return same if operator == "==" else z3.Not(same)
    if operator in _ORDERINGS:
        return _ORDERINGS[operator](_term(request, left), _term(request, right))
    if operator == "contains":
        return _member(request, left, right)
    if "Set" not in right:
        raise CannotProve("a comparison of whole sets cannot be proved about")
    tests = [_member(request, left, member) for member in right["Set"]]
    return every(tests) if operator == "containsAll" else some(tests)


def _member(request: SymbolicRequest, whole: Node, member: Node) -> z3.BoolRef:
    if "Set" in whole:
        return some(_term(request, member) == _term(request, other) for other in whole["Set"])
    path = _path(whole)
    if path in request.texts:
        return request.texts[path](_term(request, member))
    return _entity_member(request, path, member)


def _entity_member(request: SymbolicRequest, path: str, member: Node) -> z3.BoolRef:
    members = request.entities[path]
    named = expressions.entity(member, request.facts.by_path[path].kind)
    if named is not None:
        return members[named]
    term = _term(request, member)
    return some(every((term == place, truth)) for place, truth in enumerate(members.values()))


def _term(request: SymbolicRequest, node: Node) -> z3.ExprRef:
    if "Value" in node:
        return _literal(request.facts, node["Value"])
    term = request.terms.get(_path(node))
    if term is None:
        raise CannotProve("a comparison of whole sets cannot be proved about")
    return term


def _literal(facts: Facts, value: Any) -> z3.ExprRef:  # noqa: ANN401 - a literal is a text, number or entity
    if isinstance(value, str):
        return literal_text(value)
    if isinstance(value, int):
        return z3.IntVal(value)
    entity = value["__entity"]
    return z3.IntVal(enumeration(facts, entity["type"]).index(entity["id"]))


def _path(node: Node) -> str:
    path = expressions.attribute(node)
    if path is None:
        raise CannotProve("something that is no fact of the schema cannot be proved about")
    return path


def _roles(node: Node) -> frozenset[str | None]:
    return frozenset(expressions.entity(member, "Role") for member in node.get("Set", [node]))
