"""Which actions each policy names, as the engine itself understands its scope.

Every scope of actions is asked once, as a policy stripped of its conditions and of whom it is
for; one authorization for each action then tells, in its reasons, all scopes that name it.
"""

from collections.abc import Sequence
from dataclasses import replace

import cedarpy
import orjson

from app.policy import engine
from app.policy.actions import Vocabulary
from app.policy.policies import Policy
from app.policy.request import Request

# Anybody will do: the stripped policies look at nothing but the action.
_ANYBODY = Request(
    role="oversight_auditor",
    agency="",
    client="",
    purpose="self_monitoring",
    custodian="",
)


def with_masks(
    policies: Sequence[Policy], vocabulary: Vocabulary, schema: cedarpy.Schema
) -> tuple[Policy, ...]:
    """The policies with their masks."""
    stripped = {_scope(policy): engine.without_conditions(policy.rule) for policy in policies}
    answers = engine.Authorizer(stripped, schema, vocabulary.fields).reasons(
        vocabulary.actions, _ANYBODY
    )
    masks = dict.fromkeys(stripped, 0)
    for action, reasons in zip(vocabulary.actions, answers, strict=True):
        for scope in reasons or ():
            masks[scope] |= vocabulary.bits[action]
    return tuple(replace(policy, mask=masks[_scope(policy)]) for policy in policies)


def _scope(policy: Policy) -> str:
    """The actions that a policy names, as the engine reads them; many policies name the same."""
    return orjson.dumps(policy.rule["action"]).decode()
