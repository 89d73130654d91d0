"""Which actions each policy names, as the engine itself understands its scope.

Every policy is stripped of its conditions and of whom it is for; one authorization for each
action then tells, in its reasons, all policies that name the action.
"""

from collections.abc import Sequence
from dataclasses import replace

import cedarpy

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
    stripped = {policy.id: engine.without_conditions(policy.rule) for policy in policies}
    answers = engine.Authorizer(stripped, schema, vocabulary.fields).reasons(
        vocabulary.actions, _ANYBODY
    )
    masks = dict.fromkeys(stripped, 0)
    for action, reasons in zip(vocabulary.actions, answers, strict=True):
        for id_ in reasons or ():
            masks[id_] |= vocabulary.bits[action]
    return tuple(replace(policy, mask=masks[policy.id]) for policy in policies)
