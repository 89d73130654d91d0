"""Which conditions hold: one call of the reference engine for the whole file.

Every condition is rewritten as a permit of one action, `probe`. The engine's reasons are then
exactly the policies that are satisfied, and its errors those that failed. What the role alone
decides (whom a policy is for, and conditions that ask for nothing else) is asked once for each
role; all other conditions at each request, each once, in the shorthand of the role.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import cedarpy
import orjson

from app.policy import engine
from app.policy.actions import Vocabulary
from app.policy.errors import DecisionFailed
from app.policy.facts import Facts, read_facts
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import PROBE, probe_schema_text
from app.policy.shorthand import CLIENT, FILE, shorthand

# Clients and files that are kept as the engine has read them, for each role, about 2 kB each.
REMEMBERED: Final = 128


class Probe:
    """The conditions of each role, made when the role first asks."""

    def __init__(self, policies: Iterable[Policy], vocabulary: Vocabulary) -> None:
        self._policies = {policy.id: policy for policy in policies}
        self._facts = read_facts(probe_schema_text(vocabulary))
        self._by_role: dict[str, _RoleProbe] = {}

    def satisfied(self, request: Request) -> frozenset[str]:
        """The ids of the policies whose scope and conditions hold.

        Raises:
            DecisionFailed: an unknown role or purpose, or any error of the engine.
        """
        if request.role not in ROLE_PURPOSES:
            raise DecisionFailed(engine.UNDECIDED)
        return (self._by_role.get(request.role) or self._make(request.role)).satisfied(request)

    def _make(self, role: str) -> "_RoleProbe":
        admitted = self._roles.holding(_anybody_of(role))
        asking = {id_ for id_ in admitted if self._policies[id_].attributes}
        groups: dict[bytes, list[str]] = {}
        for id_ in sorted(asking):
            conditions = orjson.dumps(self._policies[id_].rule["conditions"])
            groups.setdefault(conditions, []).append(id_)
        rules = {str(n): engine.permit_if(orjson.loads(some)) for n, some in enumerate(groups)}
        ids = dict(zip(rules, map(frozenset, groups.values()), strict=True))
        made = _RoleProbe(admitted - asking, ids, Questions(rules, self._facts))
        # Two threads may both make it; the two are alike.
        return self._by_role.setdefault(role, made)

    @cached_property
    def _roles(self) -> "Questions":
        """Every policy as far as the role alone decides it."""
        rules = {
            id_: engine.for_probe(
                {**policy.rule, "conditions": []} if policy.attributes else policy.rule,
                action=PROBE,
            )
            for id_, policy in self._policies.items()
        }
        return Questions(rules, self._facts)


@dataclass(frozen=True, slots=True)
class _RoleProbe:
    """The policies that hold for the role in any case, and those of each question."""

    always: frozenset[str]
    ids: Mapping[str, frozenset[str]]
    questions: "Questions"

    def satisfied(self, request: Request) -> frozenset[str]:
        return self.always.union(*(self.ids[key] for key in self.questions.holding(request)))


class Questions:
    """Permits of the probe by key, in their shorthand, as the engine has read them."""

    def __init__(self, rules: Mapping[str, engine.Rule], facts: Facts) -> None:
        """Raises DecisionFailed: the engine finds the rewritten permits wrong."""
        self._shorthand = shorthand((rule["conditions"] for rule in rules.values()), facts)
        written = {key: self._shorthand.written(rule) for key, rule in rules.items()}
        self._schema = cedarpy.Schema.from_str(self._shorthand.schema_text())
        if written and engine.validate([engine.as_text(written)], self._schema):
            raise DecisionFailed(engine.UNDECIDED)
        self._permits = engine.policy_set(written)
        self._entities = lru_cache(REMEMBERED)(self._read_entities)

    def holding(self, request: Request) -> frozenset[str]:
        """The keys of the permits that hold.

        Raises:
            DecisionFailed: the engine answered anything but Allow or a clean Deny.
        """
        question = {
            "principal": CLIENT,
            "action": {"type": "Action", "id": PROBE},
            "resource": FILE,
            "context": orjson.dumps(self._shorthand.context(request)).decode(),
        }
        entities = self._entities(orjson.dumps(self._shorthand.entities(request)))
        (answer,) = engine.answers([question], self._permits, entities, self._schema)
        # There are no forbids among them, so there is always a set of reasons.
        return answer or frozenset()

    def _read_entities(self, document: bytes) -> cedarpy.Entities:
        return cedarpy.Entities.from_json_str(document.decode(), self._schema)


def _anybody_of(role: str) -> Request:
    return Request(role=role, agency="", client="", purpose=ROLE_PURPOSES[role][0], custodian="")
