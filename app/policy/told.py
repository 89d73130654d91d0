"""An explanation as it is told over the network: which condition was met, in words. Pure.

The words are those of the policies and never those of the request: no municipality, no day of a
release, no reference. For the keeper of a file and for auditors; a recipient sees form and reason
alone.
"""

from collections.abc import Iterator
from typing import Any

from app.policy.decision import FieldDecision
from app.policy.explain import Explanation, FieldExplanation, purpose_in_words
from app.policy.policies import Policy
from app.policy.wording import clauses


def told(explanation: Explanation) -> dict[str, Any]:
    """`fields` name policies by id; `policies` holds citation and conditions of each, once.

    Every permit of the role is there, whatever it gives, and every forbid that took something.
    """
    cutting = {id_ for field in explanation.fields for id_ in field.decision.cut_by}
    return {
        "fields": [_field(field) for field in explanation.fields],
        "policies": {
            id_: _policy(explanation, explanation.policies[id_])
            for id_ in sorted({*explanation.unmet, *cutting})
        },
    }


def form_and_reason(path: str, decision: FieldDecision) -> dict[str, Any]:
    """What a recipient may know of the decision about a field: it depends on its own view only."""
    return {"field": path, "form": decision.form.code, "reason": decision.reason}


def _field(field: FieldExplanation) -> dict[str, Any]:
    return {
        **form_and_reason(field.path, field.decision),
        "released_by": list(field.decision.policies),
        "cut_by": list(field.decision.cut_by),
        "would_open": [
            {"policy": opening.policy.id, "form": opening.form.code} for opening in field.openings
        ],
    }


def _policy(explanation: Explanation, policy: Policy) -> dict[str, Any]:
    citation = explanation.citation(policy)
    del citation["policy"]
    return {
        "effect": "forbid" if policy.is_forbid else "permit",
        **citation,
        "conditions": list(_conditions(explanation, policy)),
    }


def _conditions(explanation: Explanation, policy: Policy) -> Iterator[dict[str, Any]]:
    unmet = explanation.unmet.get(policy.id, ())
    stated = [purpose_in_words(policy)] if policy.purposes else []
    for clause in (*stated, *clauses(policy.conjuncts)):
        if clause not in unmet:
            yield {**clause._asdict(), "met": True}
    for clause in unmet:
        yield {**clause._asdict(), "met": False}
