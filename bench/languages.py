"""The shipped policies in the languages of two other engines, statement by statement.

Every operator that a condition may have is translated (`app.policy.expressions` bounds them), so
each engine is asked the whole question: who, for what purpose, under which recorded facts. What is
translated is checked by its answers: `bench.peers` compares them field by field.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from app.policy.actions import Vocabulary
from app.policy.expressions import Node
from app.policy.policies import Policy
from app.policy.request import Request, context, principal, resource

Render = Callable[[Node], str]
# What casbin's rows and Cerbos' actions name: releases of a field in a form, as Cedar's do.
Actions = Mapping[str, Sequence[str]]


def actions_by_policy(policies: Iterable[Policy], vocabulary: Vocabulary) -> Actions:
    """The releases that each policy speaks of, from the mask that the engine derived."""
    bits = {name: bit for name, bit in vocabulary.bits.items() if "#" in name}
    return {p.id: [name for name, bit in bits.items() if p.mask & bit] for p in policies}


def facts(request: Request, fields: frozenset[str]) -> dict[str, Any]:
    """All that a condition can mention, by its name there; an entity is its identifier."""
    told: dict[str, Any] = {"role": request.role}
    for part in (
        principal(request)["attrs"],
        resource(request)["attrs"],
        context(request, fields=fields),
    ):
        told |= {name: _plain(value) for name, value in part.items()}
    return told


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a fact is
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value["id"] if isinstance(value, Mapping) else value


def in_casbin(policy: Policy) -> str:
    """The conditions as casbin evaluates them: Python expressions over `r.sub`."""
    return _all(policy, _Language(attribute="r.sub.{}", known="r.sub.{} != None", words=_PYTHON))


def in_cerbos(policy: Policy) -> str:
    """The conditions as Cerbos evaluates them: the Common Expression Language over `R.attr`."""
    return _all(policy, _Language(attribute="R.attr.{}", known="has(R.attr.{})", words=_CEL))


_PYTHON = {"&&": "and", "||": "or", "!": "not ", True: "True", False: "False"}
_CEL = {"&&": "&&", "||": "||", "!": "!", True: "true", False: "false"}


class _Language:
    """How operators are written; `attribute` and `known` take a name."""

    def __init__(self, *, attribute: str, known: str, words: Mapping[Any, str]) -> None:
        self._attribute = attribute
        self._known = known
        self.words = words

    def render(self, node: Node) -> str:  # noqa: PLR0911 - one for each operator
        """One expression, in brackets where it has parts."""
        [(operator, value)] = node.items()
        match operator:
            case "&&" | "||":
                return f"({self._both(value, self.words[operator])})"
            case "==" | "<=" | ">=" | "<" | ">" | "in":
                return f"({self._both(value, operator)})"
            case "!":
                return f"({self.words['!']}({self.render(value['arg'])}))"
            case "contains":
                return f"({self.render(value['right'])} in {self.render(value['left'])})"
            case "has":
                return f"({self._known.format(value['attr'])})"
            case ".":
                return self._attribute.format(value["attr"])
            case "Set":
                return f"[{', '.join(map(self.render, value))}]"
            case "Var":  # the principal in a test for its role
                return self._attribute.format("role")
            case "Value":
                return self._literal(value)
            case _:
                raise ValueError(f"an operator that has no translation: {operator}")

    def _both(self, value: Node, operator: str) -> str:
        right = self.render(value["right"])
        # A role is in itself and in no other: to be in one is to be in the list of it.
        listed = operator == "in" and not right.startswith("[")
        return f"{self.render(value['left'])} {operator} {f'[{right}]' if listed else right}"

    def _literal(self, value: Any) -> str:  # noqa: ANN401 - whatever a policy writes
        if isinstance(value, bool):
            return self.words[value]
        if isinstance(value, Mapping):
            return f"'{value['__entity']['id']}'"
        return f"'{value}'" if isinstance(value, str) else str(value)


def _all(policy: Policy, language: _Language) -> str:
    conjuncts = [language.render(node) for node in policy.conjuncts]
    return f" {language.words['&&']} ".join(conjuncts) or language.words[True]
