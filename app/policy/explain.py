"""Why each field of a file is released or withheld for one request.

For the owner of the file and the auditor: unmet conditions tell facts about the person. A
recipient sees the reason of a decision alone, which depends on role, purpose and field.
Which conditions hold is said by the reference engine, as at the decision itself.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import cedarpy

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy import engine, expressions
from app.policy.actions import release
from app.policy.agreements import Register
from app.policy.bundle import Bundle
from app.policy.decision import FieldDecision
from app.policy.expressions import Node
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.request_json import request_to_json
from app.policy.schema import PROBE, probe_schema_text
from app.policy.wording import Clause, clauses


@dataclass(frozen=True, slots=True)
class Opening:
    """A permit that would give a higher form, and what is missing for it: the facts that open."""

    policy: Policy
    form: Form
    unmet: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class FieldExplanation:
    """One field: its decision, and the permits that would give more, the nearest first."""

    path: str
    decision: FieldDecision
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All fields of the catalogue for one request on a legal day.

    `unmet` holds, for each permit that concerns the role, the conditions that are not met.
    """

    digest: str
    day: date
    request: Request
    register: Register
    policies: Mapping[str, Policy]
    fields: tuple[FieldExplanation, ...]
    unmet: Mapping[str, tuple[Clause, ...]]

    def only(self, paths: Collection[str] | None) -> "Explanation":
        """The explanation of these fields alone; of all, if none is named."""
        fields = tuple(field for field in self.fields if not paths or field.path in paths)
        return replace(self, fields=fields)

    def to_json(self) -> dict[str, Any]:
        """The explanation as a JSON object, with the citation of each policy."""
        return {
            "digest": self.digest,
            "day": self.day.isoformat(),
            "request": request_to_json(self.request),
            "fields": [self._field(field) for field in self.fields],
        }

    def _field(self, field: FieldExplanation) -> dict[str, Any]:
        return {
            "field": field.path,
            "form": field.decision.form.code,
            "reason": field.decision.reason,
            "released_by": [self.citation(self.policies[id_]) for id_ in field.decision.policies],
            "cut_by": [self.citation(self.policies[id_]) for id_ in field.decision.cut_by],
            "would_open": [
                {
                    "form": opening.form.code,
                    "unmet": [clause._asdict() for clause in opening.unmet],
                    **self.citation(opening.policy),
                }
                for opening in field.openings
            ],
        }

    def citation(self, policy: Policy) -> dict[str, str]:
        """A policy with its ground in law and its agreement."""
        agreement = self.register.agreements[policy.agreement]
        return {
            "policy": policy.id,
            "legal_basis": policy.legal_basis,
            "citation": self.register.legal_bases[policy.legal_basis].citation,
            "agreement": agreement.id,
            "agreement_citation": agreement.citation,
            "valid_until": agreement.valid_until.isoformat(),
        }


def explain(bundle: Bundle, request: Request, *, at: date) -> Explanation:
    """Why this request gets what it gets on this legal day.

    Raises:
        DecisionFailed: the engine gave no clean answer.
    """
    decision = bundle.decide(request, at=at)
    permits = [p for p in bundle.policies.values() if not p.is_forbid and p.concerns(request.role)]
    unmet = _unmet(bundle, permits, request, at)
    forbidden = [bundle.policies[id_] for id_ in decision.satisfied]
    cut = [policy.mask for policy in forbidden if policy.is_forbid]
    fields = []
    for path, field in decision.fields.items():
        bits = {form: bundle.vocabulary.bits[release(path, form)] for form in DISCLOSED_FORMS}
        open_bits = {f: bit for f, bit in bits.items() if not any(mask & bit for mask in cut)}
        openings = _openings(permits, unmet, open_bits, field.form)
        fields.append(FieldExplanation(path, field, tuple(openings)))
    return Explanation(
        bundle.digest, at, request, bundle.register, bundle.policies, tuple(fields), unmet
    )


def _openings(
    permits: Sequence[Policy],
    unmet: Mapping[str, tuple[Clause, ...]],
    bits: Mapping[Form, int],
    has: Form,
) -> Iterator[Opening]:
    """The permits that would give a higher form than it has, the nearest and highest first."""
    found = []
    for policy in permits:
        form = max((form for form, bit in bits.items() if policy.mask & bit), default=Form.NONE)
        if form > has:
            found.append(Opening(policy, form, unmet[policy.id]))
    yield from sorted(found, key=lambda one: (len(one.unmet), -one.form, one.policy.id))


def _unmet(
    bundle: Bundle, permits: Sequence[Policy], request: Request, at: date
) -> Mapping[str, tuple[Clause, ...]]:
    """For each permit the conditions that this request does not meet."""
    nodes = {(policy.id, n): node for policy in permits for n, node in enumerate(policy.conjuncts)}
    ids = {key: str(place) for place, key in enumerate(nodes)}
    by_id = {policy.id: policy for policy in permits}
    rules = {ids[key]: _probe(by_id[key[0]], node) for key, node in nodes.items()}
    met = _satisfied(bundle, rules, request)
    return {
        policy.id: (
            *_in_words(policy, [ids[policy.id, n] in met for n in range(len(policy.conjuncts))]),
            *_not_in_force(policy, bundle.register, at),
        )
        for policy in permits
    }


def _probe(policy: Policy, node: Node) -> engine.Rule:
    """One condition of a policy alone, with the guards without which it could err."""
    asked = expressions.attributes(node)
    guards = [guard for guard in policy.conjuncts if "has" in guard and _is_of(guard, asked)]
    conditions = [{"kind": "when", "body": body} for body in (*guards, node)]
    return engine.for_probe({**policy.rule, "conditions": conditions}, action=PROBE)


def _is_of(guard: Node, asked: Collection[str]) -> bool:
    return guard["has"]["attr"] in asked


def _satisfied(
    bundle: Bundle, rules: Mapping[str, engine.Rule], request: Request
) -> frozenset[str]:
    schema = cedarpy.Schema.from_str(probe_schema_text(bundle.vocabulary))
    authorizer = engine.Authorizer(rules, schema, bundle.vocabulary.fields)
    return authorizer.reasons([PROBE], request)[0] or frozenset()


def _in_words(policy: Policy, met: Sequence[bool]) -> Iterator[Clause]:
    """The conditions that are not met; a window of days is one condition."""
    missing = [n for n, holds in zip(policy.conjuncts, met, strict=True) if not holds]
    if any(expressions.purposes(node) for node in missing):
        yield purpose_in_words(policy)
    if any(expressions.day_bound(node) for node in missing):
        days = [node for node in policy.conjuncts if expressions.day_bound(node)]
        missing = [node for node in missing if node not in days] + days
    yield from clauses(missing)


def purpose_in_words(policy: Policy) -> Clause:
    """The condition that the request is made for a purpose of the policy."""
    return Clause("", f"the purpose is {' or '.join(policy.purposes)}")


def _not_in_force(policy: Policy, register: Register, at: date) -> Iterator[Clause]:
    if not policy.in_force(register, at):
        agreement = register.agreements[policy.agreement]
        term = f"{agreement.valid_from.isoformat()} to {agreement.valid_until.isoformat()}"
        yield Clause("", f"the agreement {agreement.id} is in force ({term})")
