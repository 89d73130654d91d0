"""Faults in what the compiler and the table are given and in what they keep: policies, masks,
roles, days, memos, errors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import permutations
from typing import Any

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import release
from app.policy.compiled import Compiled, compile_table
from app.policy.compiler import Satisfied, compile_role
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.role_table import RoleTable
from app.policy.table import Table
from tests.policy.planted import ROLES
from tests.policy.random_policies import FIRST
from tests.policy.trial import REFUSALS, Decide, Trial

Faults = Iterator[tuple[str, str, Decide]]
Roles = Mapping[str, tuple[Satisfied, RoleTable]]


def tried(trial: Trial) -> Iterator[tuple[str, str, bool]]:
    """Operator, description and whether it was found."""
    for faults in (of_policies, of_masks, of_roles, of_memos, of_errors, of_days):
        for operator, what, decide in faults(trial):
            yield operator, what, _found(trial, decide)


def _found(trial: Trial, decide: Decide) -> bool:
    try:
        return trial.finds_in_decision(decide)
    except Exception:  # noqa: BLE001 - a mutant that does not even run is found
        return True


def with_policies(trial: Trial, policies: Mapping[str, Policy]) -> Decide:
    """The compiled form of other policies."""
    table = replace(trial.span.table, policies=policies)
    return compile_table(table, trial.facts).decide


def of_policies(trial: Trial) -> Faults:
    """A policy is lost, or its effect is turned round."""
    policies = trial.span.table.policies
    for id_, policy in policies.items():
        rest = {other: policies[other] for other in policies if other != id_}
        kind = "forbid" if policy.is_forbid else "permit"
        yield f"drop a {kind}", id_, with_policies(trial, rest)
        turned = {**policy.rule, "effect": "permit" if policy.is_forbid else "forbid"}
        other = replace(policy, rule=turned)
        yield "turn an effect", id_, with_policies(trial, {**policies, id_: other})


def of_masks(trial: Trial) -> Faults:
    """A mask is one form too wide or too narrow, or follows its groups the wrong way."""
    policies = trial.span.table.policies
    for id_, policy in policies.items():
        turned = policy.mask
        for path in trial.offered:
            forms = _forms(trial, path)
            if not policy.mask & sum(forms.values()):
                continue
            turned = turned & ~sum(forms.values()) | _turned(policy, forms)
            for operator, mask in _one_form_off(policy, forms):
                changed = {**policies, id_: replace(policy, mask=mask)}
                yield operator, f"{id_}: {path}", with_policies(trial, changed)
        if turned != policy.mask:
            changed = {**policies, id_: replace(policy, mask=turned)}
            yield "wrong group direction", id_, with_policies(trial, changed)


def _forms(trial: Trial, path: str) -> Mapping[Form, int]:
    return {form: trial.bundle.vocabulary.bits[release(path, form)] for form in DISCLOSED_FORMS}


def _edge(policy: Policy, forms: Mapping[Form, int]) -> Form:
    """The form that the group was named for: a permit's highest, a forbid's lowest."""
    held = [form for form, bit in forms.items() if policy.mask & bit]
    return min(held) if policy.is_forbid else max(held)


def _turned(policy: Policy, forms: Mapping[Form, int]) -> int:
    """The forms above instead of those below, and the other way round."""
    edge = _edge(policy, forms)
    wrong = [form for form in forms if (form <= edge if policy.is_forbid else form >= edge)]
    return sum(forms[form] for form in wrong)


def _one_form_off(policy: Policy, forms: Mapping[Form, int]) -> Iterator[tuple[str, int]]:
    edge = _edge(policy, forms)
    beyond = edge - 1 if policy.is_forbid else edge + 1
    yield "narrow a mask", policy.mask & ~forms[edge]
    if beyond in forms:
        yield "widen a mask", policy.mask | forms[Form(beyond)]


def with_roles(trial: Trial, roles: Roles) -> Decide:
    """The compiled form with other functions or tables."""
    return Compiled({**trial.span.compiled.roles, **roles}).decide


def of_roles(trial: Trial) -> Faults:
    """A role is decided by the function, the table or the name of another one."""
    compiled = trial.span.compiled.roles
    for role, other in permutations(ROLES, 2):
        (function, table), (others_function, others_table) = compiled[role], compiled[other]
        renamed = compile_role(other, table.policies, trial.facts)
        what = f"{role}: {other}"
        yield "wrong role", what, with_roles(trial, {role: (others_function, others_table)})
        yield "wrong role's function", what, with_roles(trial, {role: (others_function, table)})
        yield "wrong role's table", what, with_roles(trial, {role: (function, others_table)})
        if renamed is not None and role != "police_local" != other:
            yield "wrong name of the role", what, with_roles(trial, {role: (renamed, table)})
    for role in ROLES:
        function, table = compiled[role]
        backwards = replace(table, policies=table.policies[::-1])
        yield "bits in another order", role, with_roles(trial, {role: (function, backwards)})


def of_memos(trial: Trial) -> Faults:
    """A memo whose key forgets something, or that belongs to another bundle."""
    keys: Mapping[str, Callable[[int, str], Any]] = {
        "everything": lambda _held, _purpose: None,
        "the vector": lambda _held, purpose: purpose,
        "the purpose": lambda held, _purpose: held,
        "the lowest bit": lambda held, purpose: (held >> 1, purpose),
        "the number of bits": lambda held, purpose: (held.bit_count(), purpose),
    }
    for role in ROLES:
        function, table = trial.span.compiled.roles[role]
        for forgotten, key in keys.items():
            what = f"{role}: forgets {forgotten}"
            yield "stale memo", what, with_roles(trial, {role: (function, _stale(table, key))})
        older = replace(table, digest="older")
        yield "stale bundle", role, with_roles(trial, {role: (function, older)})
        one_memo = _stale(table, lambda held, _purpose: held)
        shared = {other: (trial.span.compiled.roles[other][0], one_memo) for other in ROLES}
        yield "memo of all roles", role, with_roles(trial, shared)


def _stale(table: RoleTable, key: Callable[[int, str], Any]) -> RoleTable:
    """A table that remembers by this key."""
    memo: dict[Any, Any] = {}
    fresh = replace(table)
    # A cached property is looked up in the instance first.
    vars(fresh)["decide"] = lambda held, purpose: memo.setdefault(
        key(held, purpose), table.decide(held, purpose)
    )
    return fresh


def of_errors(trial: Trial) -> Faults:
    """A fact that does not fit is taken for nothing, or for what came before."""
    for role in ROLES:
        function, table = trial.span.compiled.roles[role]
        yield "ignore an error", role, with_roles(trial, {role: (_nothing(function), table)})
        yield "ignore an error", role, with_roles(trial, {role: (_before(function), table)})


def _nothing(function: Satisfied) -> Satisfied:
    def satisfied(request: Request) -> int:
        try:
            return function(request)
        except REFUSALS:
            return 0

    return satisfied


def _before(function: Satisfied) -> Satisfied:
    held = [0]

    def satisfied(request: Request) -> int:
        with suppress(*REFUSALS):
            held[0] = function(request)
        return held[0]

    return satisfied


def of_days(trial: Trial) -> Faults:
    """Policies that are not in force, and those of another day."""
    bundle = trial.bundle
    yield "ignore the term", "all policies", with_policies(trial, bundle.policies)
    yield "wrong day", str(FIRST), bundle.span(FIRST).compiled.decide
    table: Table = trial.span.table
    forbids = {id_: policy for id_, policy in table.policies.items() if policy.is_forbid}
    yield "ignore every permit", "forbids alone", with_policies(trial, forbids)
