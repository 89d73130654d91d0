"""Which conditions hold: one call of the reference engine for the whole file.

Every policy is rewritten as a permit of one action, `probe`, under its own principal scope
and conditions. The engine's reasons are then exactly the policies that are satisfied, and
its errors those that failed. One set for each role keeps the call short.
"""

from collections.abc import Iterable, Mapping

import cedarpy

from app.policy import engine
from app.policy.actions import Vocabulary
from app.policy.errors import DecisionFailed
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import PROBE, probe_schema_text


class Probe:
    """The rewritten policies of each role, made when the role first asks."""

    def __init__(self, policies: Iterable[Policy], vocabulary: Vocabulary) -> None:
        self._schema = cedarpy.Schema.from_str(probe_schema_text(vocabulary))
        self._policies = tuple(policies)
        self._fields = vocabulary.fields
        self._by_role: dict[str, engine.Authorizer] = {}

    def satisfied(self, request: Request) -> frozenset[str]:
        """The ids of the policies whose scope and conditions hold.

        Raises:
            DecisionFailed: an unknown role or purpose, or any error of the engine.
        """
        if request.role not in ROLE_PURPOSES:
            raise DecisionFailed(engine.UNDECIDED)
        authorizer = self._by_role.get(request.role) or self._make(request.role)
        # A probe set has no forbids, so there is always a set of reasons.
        return authorizer.reasons([PROBE], request)[0] or frozenset()

    def _make(self, role: str) -> engine.Authorizer:
        # Two threads may both make it; the two are alike.
        rules = _rules(self._policies, role)
        authorizer = engine.Authorizer(rules, self._schema, self._fields)
        return self._by_role.setdefault(role, authorizer)


def _rules(policies: Iterable[Policy], role: str) -> Mapping[str, engine.Rule]:
    return {
        policy.id: engine.for_probe(policy.rule, action=PROBE)
        for policy in policies
        if policy.concerns(role)
    }
