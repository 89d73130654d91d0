"""What a decision must be, by the reference engine alone: one authorization for each action.

The engine is asked twice, with all policies in force and with the permits among them alone, so
that it also says which forbids took something away. Nothing of the table or of the compiler is
used, nor what the probe leaves out and writes shorter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import cedarpy
import orjson

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy import engine
from app.policy.actions import (
    READ_ACCESS_LOG,
    Vocabulary,
    block,
    contribute,
    grant,
    release,
)
from app.policy.bundle import Bundle
from app.policy.decision import Decision, Reason
from app.policy.policies import Policy
from app.policy.request import Request, context, principal, resource
from app.policy.schema import PROBE, probe_schema_text


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one action: whether it is allowed, and the policies that determine it."""

    allowed: bool
    policies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one field: its form, the permits of that form, the forbids that cut it, the reason."""

    form: Form
    policies: tuple[str, ...]
    cut_by: tuple[str, ...]
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of one whole decision."""

    fields: Mapping[str, Expected]
    contribute: frozenset[str]
    may_read_access_log: bool


class WholeProbe:
    """The probe without any shorthand: every condition as it is written, every fact told.

    The engine then also checks the facts that no condition of the role asks for.
    """

    def __init__(self, policies: Iterable[Policy], vocabulary: Vocabulary) -> None:
        self._schema = cedarpy.Schema.from_str(probe_schema_text(vocabulary))
        self._fields = vocabulary.fields
        self._policies = tuple(policies)
        self._roles: dict[str, engine.Authorizer] = {}

    def satisfied(self, request: Request) -> frozenset[str]:
        """The ids of the policies whose scope and conditions hold; raises what the engine does."""
        role = request.role
        if role not in self._roles:
            rules = {
                policy.id: engine.for_probe(policy.rule, action=PROBE)
                for policy in self._policies
                if policy.concerns(role)
            }
            self._roles[role] = engine.Authorizer(rules, self._schema, self._fields)
        return self._roles[role].reasons([PROBE], request)[0] or frozenset()


class Reference:
    """The policies of a bundle that are in force on a day, as they are written.

    `fields` are those to ask for, where time matters: the others no policy may name.
    """

    def __init__(
        self,
        bundle: Bundle,
        schema: cedarpy.Schema,
        *,
        at: date,
        fields: Sequence[str] | None = None,
    ) -> None:
        policies = {
            id_: policy
            for id_, policy in bundle.policies.items()
            if policy.in_force(bundle.register, at)
        }
        self._policies = tuple(policies.values())
        self._vocabulary = replace(
            bundle.vocabulary, fields=tuple(fields or bundle.vocabulary.fields)
        )
        self._all_fields = frozenset(bundle.vocabulary.fields)
        self._schema = schema
        self._all = _policy_set(policies)
        self._permits = _policy_set(
            {id_: policy for id_, policy in policies.items() if not policy.is_forbid}
        )

    def expect(self, request: Request) -> Expectation:
        """What this request must be given."""
        answers, offers = self._ask(request, self._all), self._ask(request, self._permits)
        fields = {}
        for path in self._vocabulary.fields:
            reason = withheld_because(self._policies, request.role, request.purpose, path)
            fields[path] = _expected(path, answers, offers, reason)
        return Expectation(
            fields=fields,
            contribute=frozenset(
                name for name in self._vocabulary.owners if answers[contribute(name)].allowed
            ),
            may_read_access_log=answers[READ_ACCESS_LOG].allowed,
        )

    def _ask(self, request: Request, policies: cedarpy.PolicySet) -> Mapping[str, Answer]:
        """The engine's answer to every action."""
        client, file = principal(request), resource(request)
        circumstances = orjson.dumps(context(request, fields=self._all_fields)).decode()
        actions = self._vocabulary.actions
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
        results = cedarpy.is_authorized_batch(requests, policies, entities, self._schema)
        return dict(zip(actions, map(_answer, results), strict=True))


def _answer(result: cedarpy.AuthzResult) -> Answer:
    assert not result.diagnostics.errors, result.diagnostics.errors
    assert result.decision is not cedarpy.Decision.NoDecision
    allowed = result.decision is cedarpy.Decision.Allow
    return Answer(allowed, frozenset(result.diagnostics.reasons))


def _policy_set(policies: Mapping[str, Policy]) -> cedarpy.PolicySet:
    return engine.policy_set({id_: policy.rule for id_, policy in policies.items()})


def withheld_because(policies: Iterable[Policy], role: str, purpose: str, path: str) -> Reason:
    """The reason of a withheld field, read from the names of the groups and no mask.

    Only a form that no forbid always takes can be hoped for: of the role, then of the purpose.
    """
    mine = [policy for policy in policies if policy.concerns(role)]
    always = [policy for policy in mine if policy.is_forbid and not policy.rule["conditions"]]
    hopes = [
        policy
        for policy in mine
        if not policy.is_forbid
        and any(
            _names(policy, path, f) and not any(_names(a, path, f) for a in always)
            for f in DISCLOSED_FORMS
        )
    ]
    if not hopes:
        return Reason.NOT_FOR_THIS_ROLE
    if not any(purpose in policy.purposes for policy in hopes):
        return Reason.NOT_FOR_THIS_PURPOSE
    return Reason.CONDITIONS_NOT_MET


def _names(policy: Policy, path: str, form: Form) -> bool:
    """Whether a policy's groups hold this form: a grant those below it, a block those above."""
    if policy.is_forbid:
        subjects = (path, path.partition(".")[0])
        names = [block(s, f) for s in subjects for f in DISCLOSED_FORMS if f <= form]
    else:
        names = [grant(path, f) for f in DISCLOSED_FORMS if f >= form]
    return not set(names).isdisjoint(policy.action_names)


def _expected(
    path: str, answers: Mapping[str, Answer], offers: Mapping[str, Answer], reason: Reason
) -> Expected:
    actions = {form: release(path, form) for form in DISCLOSED_FORMS}
    allowed = [form for form, action in actions.items() if answers[action].allowed]
    cut = [
        action
        for action in actions.values()
        if offers[action].allowed and not answers[action].allowed
    ]
    form = max(allowed, default=Form.NONE)
    return Expected(
        form=form,
        policies=tuple(sorted(answers[actions[form]].policies)) if allowed else (),
        cut_by=tuple(sorted({id_ for action in cut for id_ in answers[action].policies})),
        reason=None if allowed else reason,
    )


def differences(decision: Decision, expectation: Expectation, bundle: Bundle) -> list[str]:
    """Where a decision is not what it must be, in words."""
    found = []
    for path, expected in expectation.fields.items():
        field = decision.fields[path]
        permits = [bundle.policies[id_] for id_ in expected.policies]
        if Expected(field.form, field.policies, field.cut_by, field.reason) != expected:
            found.append(f"{path}: {field} and not {expected}")
        if field.legal_bases != tuple(sorted({permit.legal_basis for permit in permits})):
            found.append(f"{path}: legal bases {field.legal_bases}")
        if field.agreements != tuple(sorted({permit.agreement for permit in permits})):
            found.append(f"{path}: agreements {field.agreements}")
    unnamed = decision.released.keys() - expectation.fields.keys()
    found += [f"{path}: {decision.fields[path]}, which no policy names" for path in unnamed]
    if list(decision.fields) != list(bundle.vocabulary.fields):
        found.append("not exactly the fields of the catalogue")
    if decision.contribute != expectation.contribute:
        found.append(f"contribute: {sorted(decision.contribute ^ expectation.contribute)}")
    if decision.may_read_access_log is not expectation.may_read_access_log:
        found.append("read_access_log")
    return found
