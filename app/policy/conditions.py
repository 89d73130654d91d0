"""Conditions of policies as Python expressions, for one role. Pure.

Only the subset of `expressions` is written, and every term's type is known: what is outside
raises. A text of a policy reaches the source as a literal only, never as a name, so nothing
that a policy says can become anything but a comparison.

A client has exactly one role, so `principal in Role::"..."` is a constant here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.policy.expressions import Node, attribute, entity
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts

_CONNECTIVES = {"&&": "and", "||": "or"}
_EQUALITIES = frozenset({"==", "!="})
_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_WRITTEN_SET_TESTS = {
    "containsAll": "{whole}.issuperset({listed})",
    "containsAny": "(not {whole}.isdisjoint({listed}))",
}


class OutsideSubset(Exception):
    """A condition that is not compiled; the message says which part of it."""


@dataclass(frozen=True, slots=True)
class Term:
    """A Python expression with the Cedar type of its value."""

    source: str
    type: str


def variable(fact: Fact) -> str:
    """The name that a fact's value has in the compiled function."""
    return f"{fact.variable}_{fact.name}"


@dataclass(frozen=True, slots=True)
class ConditionWriter:
    """Writes conditions as they stand for a client of this role."""

    facts: Facts
    role: str

    def all_of(self, conjuncts: Iterable[Node]) -> str:
        """The condition that all of these hold; of none it is `True`.

        Raises:
            OutsideSubset: a part cannot be written.
        """
        return " and ".join(map(self.condition, conjuncts)) or "True"

    def condition(self, node: Node) -> str:
        """A Python expression that is true exactly when the condition holds."""
        operator, argument = _only_member(node)
        if operator in _CONNECTIVES:
            left, right = self.condition(argument["left"]), self.condition(argument["right"])
            return f"({left} {_CONNECTIVES[operator]} {right})"
        if operator == "!":
            return f"(not {self.condition(argument['arg'])})"
        if operator == ".":
            return self._truth(node)
        if operator == "has":
            return self._presence(argument)
        if operator == "in":
            return str(self.role in _roles(argument))
        return self._test(operator, argument)

    def _test(self, operator: str, argument: Mapping[str, Node]) -> str:
        if operator in _EQUALITIES | _ORDERINGS:
            return self._comparison(operator, argument)
        if operator == "contains":
            return self._membership(argument)
        if operator in _WRITTEN_SET_TESTS:
            return self._written_set_test(operator, argument)
        raise _outside(f"`{operator}`")

    def _truth(self, node: Node) -> str:
        term = self._term(node)
        if term.type != BOOL:
            raise _outside(f"`{attribute(node)}` as a condition")
        return term.source

    def _presence(self, argument: Mapping[str, Any]) -> str:
        fact = self._fact({".": argument})
        return f"({variable(fact)} is not None)" if fact.optional else "True"

    def _comparison(self, operator: str, argument: Mapping[str, Node]) -> str:
        left, right = self._term(argument["left"]), self._term(argument["right"])
        if left.type != right.type or left.type.startswith("Set<"):
            raise _outside(f"`{operator}` of {left.type} and {right.type}")
        if operator in _ORDERINGS and left.type != LONG:
            raise _outside(f"`{operator}` of texts")
        return f"({left.source} {operator} {right.source})"

    def _membership(self, argument: Mapping[str, Node]) -> str:
        whole, member = self._term(argument["left"]), self._term(argument["right"])
        if whole.type != f"Set<{member.type}>":
            raise _outside(f"`contains` of {whole.type} and {member.type}")
        return f"({member.source} in {whole.source})"

    def _written_set_test(self, operator: str, argument: Mapping[str, Node]) -> str:
        whole, listed = self._term(argument["left"]), self._term(argument["right"])
        if (
            whole.type != listed.type
            or "." not in argument["left"]
            or "Set" not in argument["right"]
        ):
            raise _outside(f"`{operator}` of anything but a fact and a written list")
        return _WRITTEN_SET_TESTS[operator].format(whole=whole.source, listed=listed.source)

    def _term(self, node: Node) -> Term:
        operator, argument = _only_member(node)
        if operator == ".":
            fact = self._fact(node)
            return Term(variable(fact), fact.type)
        if operator == "Set":
            return _list([self._literal(member) for member in argument])
        return self._literal(node)

    def _fact(self, node: Node) -> Fact:
        fact = self.facts.by_path.get(attribute(node) or "")
        if fact is None:
            raise _outside("something that is no fact of the schema")
        return fact

    def _literal(self, node: Node) -> Term:
        operator, value = _only_member(node)
        if operator != "Value":
            raise _outside(f"`{operator}` as a term")
        # The exact types: a boolean is an integer to isinstance.
        if type(value) is str:
            return Term(repr(value), STRING)
        if type(value) is int:
            return Term(repr(value), LONG)
        return self._entity(value)

    def _entity(self, value: Any) -> Term:  # noqa: ANN401 - any JSON
        named = value.get("__entity", {}) if isinstance(value, Mapping) else {}
        kind, id_ = str(named.get("type")), str(named.get("id"))
        if id_ not in self.facts.members.get(kind, ()):
            raise _outside("a literal that is no text, number or entity of the schema")
        return Term(repr(id_), kind)


def _list(members: list[Term]) -> Term:
    kinds = {member.type for member in members}
    if len(kinds) != 1:
        raise _outside("a list that is empty or of several types")
    listed = "".join(f"{member.source}, " for member in members)
    return Term(f"({listed})", f"Set<{kinds.pop()}>")


def _roles(argument: Mapping[str, Node]) -> frozenset[str]:
    """The roles of `principal in Role::"..."` or of a written list of them."""
    right = argument["right"]
    if argument["left"] != {"Var": "principal"}:
        raise _outside("`in` of anything but the principal")
    return frozenset(map(_role, right.get("Set", [right])))


def _role(node: Node) -> str:
    role = entity(node, "Role")
    if role is None:
        raise _outside("`in` of anything but written roles")
    return role


def _only_member(node: Node) -> tuple[str, Any]:
    if len(node) != 1:
        raise _outside("a node with several operators")
    return next(iter(node.items()))


def _outside(what: str) -> OutsideSubset:
    return OutsideSubset(f"{what} is outside the subset that is compiled")
