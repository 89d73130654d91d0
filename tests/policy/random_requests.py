"""Random requests over whatever facts the schema has, near the edges that policies look at.

Purposes are mostly those of the role, sets mostly of members that its policies name, numbers
mostly next to those written in them: a request that satisfies nothing proves little.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from app.policy import expressions
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts
from app.policy.narrowing import members_asked
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES

# Few, so that they often meet; the third and fourth are one text in two forms of Unicode.
TEXTS = ("a", "b", "pe\u0107", "pec\u0301", "")
EXTREMES = (-(2**63), -1, 0, 1, 2**63 - 1)
# What no fact of the type may be. The engine refuses each of these, too.
BAD: dict[str, Sequence[Any]] = {
    STRING: (5, b"a", "\ud800", ["a"]),
    LONG: ("soon", 1.5, True, 2**63, -(2**63) - 1),
    BOOL: (1, "yes", None),
    f"Set<{STRING}>": (None, frozenset({1}), frozenset({"\ud800"}), 7),
}
BAD_ENTITIES: Sequence[Any] = (None, 7, "text", ["list"])
BAD_ENTITY: Sequence[Any] = ("nonsense", None, 7, "Supervision")


class RequestMaker:
    """Makes requests for the facts of a schema and the policies of a bundle."""

    def __init__(self, random: Random, facts: Facts, policies: Iterable[Policy]) -> None:
        self._random = random
        self._facts = facts
        self._policies = tuple(policies)
        self._roles = [policy.role for policy in self._policies if policy.role is not None]
        self._named = {role: self._named_by(role) for role in ROLE_PURPOSES}
        numbers: set[int] = {
            node["Value"]
            for policy in self._policies
            for node in expressions.walk(policy.conjuncts)
            if type(node.get("Value")) is int
        }
        near = {number + step for number in numbers for step in (-1, 0, 1)}
        self._numbers = [n for n in sorted(near) if -(2**63) <= n < 2**63]

    def _named_by(self, role: str) -> dict[str, list[str]]:
        """For each set of entities the members that a role's policies ask it for."""
        conditions = [p.rule["conditions"] for p in self._policies if p.concerns(role)]
        asked = members_asked(conditions)
        return {name: sorted(id_ for _, id_ in members or ()) for name, members in asked.items()}

    def request(self, role: str | None = None) -> Request:
        """A request that fits the schema."""
        role = role or self._role()
        facts = {fact.name: self._value(fact, role) for fact in self._facts.by_path.values()}
        return Request(role=role, client="client", **facts)

    def bad_request(self, role: str | None = None) -> Request:
        """A request with one fact that does not fit the schema."""
        fact = self._random.choice(list(self._facts.by_path.values()))
        return replace(self.request(role), **{fact.name: self._random.choice(bad_values(fact))})

    def neighbours(self, request: Request) -> Iterator[Request]:
        """For each fact the same request with that one drawn anew."""
        for fact in self._facts.by_path.values():
            yield replace(request, **{fact.name: self._value(fact, request.role)})

    def _role(self) -> str:
        if self._roles and self._random.random() < 0.9:
            return self._random.choice(self._roles)
        return self._random.choice(sorted(ROLE_PURPOSES))

    def _value(self, fact: Fact, role: str) -> Any:  # noqa: ANN401 - of the fact's type
        if fact.optional and self._random.random() < 0.15:
            return None
        if fact.kind == LONG:
            return self._number()
        if fact.kind == BOOL:
            return self._random.random() < 0.6
        if fact.kind == STRING:
            return self._some(TEXTS) if fact.many else self._random.choice(TEXTS)
        if fact.many:
            others = self._random.sample(sorted(self._facts.members[fact.kind]), 2)
            return self._some([*self._named[role].get(fact.name, ()), *others])
        return self._member(fact, role)

    def _number(self) -> int:
        if self._numbers and self._random.random() < 0.8:
            return self._random.choice(self._numbers)
        return self._random.choice([*EXTREMES, self._random.randint(-200, 200)])

    def _member(self, fact: Fact, role: str) -> str:
        if fact.kind == "Purpose" and self._random.random() < 0.75:
            return self._random.choice(ROLE_PURPOSES[role])
        return self._random.choice(sorted(self._facts.members[fact.kind]))

    def _some(self, members: Sequence[str]) -> frozenset[str]:
        share = self._random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        return frozenset(member for member in members if self._random.random() < share)


def bad_values(fact: Fact) -> Sequence[Any]:
    """Values that no request may have for this fact."""
    entities = BAD_ENTITIES if fact.many else BAD_ENTITY
    values = BAD.get(fact.type, entities)
    if fact.optional:
        return [value for value in values if value is not None]
    return [*values, None]
