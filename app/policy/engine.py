"""The reference engine (Cedar, through cedarpy): the only module that calls it.

Three of its habits shape this module. Without a schema a forbid on a group of actions
silently does not apply, so a schema is always passed. A bad request gives `NoDecision`
and no exception, so only Allow and a clean Deny are believed. Policies are numbered by
position unless they are keyed, so they are always keyed by their `@id`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cedarpy
import orjson

from app.policy.errors import DecisionFailed
from app.policy.narrowing import members_asked, narrowed
from app.policy.request import Request, context, principal, resource

Rule = Mapping[str, Any]  # one policy in Cedar's JSON format

_POSITION = re.compile(r"policy(\d+)$")
_EVERYBODY = {"op": "All"}
UNDECIDED = "the policy could not be decided; everything is withheld"


class SyntaxRefused(Exception):
    """The engine cannot read a statement; the message is the engine's own."""


def parse(statement: str) -> Rule:
    """The one policy of a statement in Cedar's JSON format."""
    try:
        document = orjson.loads(cedarpy.policies_to_json_str(statement))
    except ValueError as error:
        raise SyntaxRefused(str(error)) from error
    if document["templates"]:
        # A template forbid validates, and never applies because nobody links it.
        raise SyntaxRefused("a template is not a policy: it never applies")
    if len(document["staticPolicies"]) != 1:
        raise SyntaxRefused("exactly one policy was expected here")
    rule: Rule = next(iter(document["staticPolicies"].values()))
    return rule


def validate(statements: Sequence[str], schema: cedarpy.Schema) -> list[tuple[int | None, str]]:
    """What strict validation says: (place in the sequence, message); empty when all is well."""
    result = cedarpy.validate_policies("\n".join(statements), schema)
    if result.validation_passed:
        return []
    # An unclear answer is not a pass: no error to show is shown as one.
    errors = [(_position(error.policy_id), error.error) for error in result.errors]
    return errors or [(None, "the engine refuses the policies without a reason")]


def _position(policy_id: str | None) -> int | None:
    found = _POSITION.match(policy_id or "")
    return int(found.group(1)) if found else None


def policy_set(rules: Mapping[str, Rule]) -> cedarpy.PolicySet:
    """A set keyed by the ids given: the engine's reasons then name them."""
    return cedarpy.PolicySet.from_json_str(_document(rules))


def _document(rules: Mapping[str, Rule]) -> str:
    document = {"staticPolicies": dict(rules), "templates": {}, "templateLinks": []}
    return orjson.dumps(document).decode()


def without_conditions(rule: Rule) -> Rule:
    """A permit of the same actions to everybody, always: it tells which actions a policy names."""
    return {
        **rule,
        "effect": "permit",
        "principal": _EVERYBODY,
        "resource": _EVERYBODY,
        "conditions": [],
    }


def for_probe(rule: Rule, *, action: str) -> Rule:
    """A permit of one action under the same principal scope and conditions."""
    scope = {"op": "==", "entity": {"type": "Action", "id": action}}
    return {**rule, "effect": "permit", "action": scope}


def permit_if(conditions: Sequence[Any]) -> Rule:
    """A permit of everything to everybody under these conditions."""
    scopes = dict.fromkeys(("principal", "action", "resource"), _EVERYBODY)
    return {"effect": "permit", **scopes, "conditions": conditions}


def as_text(rules: Mapping[str, Rule]) -> str:
    """The policies of a set in Cedar's own syntax."""
    return cedarpy.policies_from_json_str(_document(rules))


def answers(
    requests: list[dict[str, Any]],
    policies: cedarpy.PolicySet,
    entities: str | cedarpy.Entities,
    schema: cedarpy.Schema,
) -> list[frozenset[str] | None]:
    """For each request the satisfied permits, or None where a forbid decided.

    Raises:
        DecisionFailed: the engine answered anything but Allow or a clean Deny.
    """
    results = cedarpy.is_authorized_batch(requests, policies, entities, schema)
    return [_reasons(result) for result in results]


class Authorizer:
    """A policy set with its schema, both read once. `fields` are the paths that the schema has."""

    def __init__(
        self, rules: Mapping[str, Rule], schema: cedarpy.Schema, fields: Iterable[str]
    ) -> None:
        self._policies = policy_set(rules)
        self._schema = schema
        self._fields = frozenset(fields)
        self._asked = members_asked(rule["conditions"] for rule in rules.values())

    def reasons(self, actions: Iterable[str], request: Request) -> list[frozenset[str] | None]:
        """For each action the satisfied permits, or None where a forbid decided.

        Raises:
            DecisionFailed: the engine answered anything but Allow or a clean Deny.
        """
        client, file = principal(request), resource(request)
        told = narrowed(context(request, fields=self._fields), self._asked)
        circumstances = orjson.dumps(told).decode()
        requests = [
            {
                "principal": client["uid"],
                "action": {"type": "Action", "id": action},
                "resource": file["uid"],
                "context": circumstances,
            }
            for action in actions
        ]
        entities = orjson.dumps([client, file]).decode()
        return answers(requests, self._policies, entities, self._schema)


def _reasons(result: cedarpy.AuthzResult) -> frozenset[str] | None:
    reasons = frozenset(result.diagnostics.reasons)
    clean = not result.diagnostics.errors
    if clean and result.decision is cedarpy.Decision.Allow:
        return reasons
    if clean and result.decision is cedarpy.Decision.Deny:
        return None if reasons else frozenset()
    raise DecisionFailed(UNDECIDED)
