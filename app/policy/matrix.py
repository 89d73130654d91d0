"""The disclosure matrix as the policies have it: who may receive which field, how and when. Pure.

Read off the policies in force on a day, for a lawyer to hold against the agreements. Each cell
has the ways in which a role can receive a field; forbids that always hold are taken off, and
those that may hold are said. `matrix_pages` shows it on paper.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy import expressions
from app.policy.actions import Vocabulary, release
from app.policy.agreements import Register
from app.policy.authorities import LegalAuthority
from app.policy.bundle import Bundle
from app.policy.expressions import Node
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES
from app.policy.wording import LETTERS, Clause, clauses, letters


@dataclass(frozen=True, slots=True)
class Way:
    """One way of receiving a field: the form, for what, when, and by which policy.

    `unless` says in words what takes the form away although the conditions hold.
    """

    form: Form
    purposes: tuple[str, ...]
    conditions: tuple[Clause, ...]
    unless: tuple[Clause, ...]
    policy: Policy

    def covers(self, other: "Way") -> bool:
        """Whether the other way gives nothing that this one does not give as well."""
        return (
            self.form >= other.form
            and set(self.purposes) >= set(other.purposes)
            and set(self.conditions) <= set(other.conditions)
            and set(self.unless) <= set(other.unless)
        )

    def to_json(self) -> dict[str, Any]:
        """The way as a JSON object."""
        return {
            "form": self.form.code,
            "letters": letters(self.conditions),
            "conditions": [clause.words for clause in self.conditions],
            "unless": [clause.words for clause in self.unless],
            "purposes": list(self.purposes),
            "policy": self.policy.id,
            "legal_basis": self.policy.legal_basis,
            "agreement": self.policy.agreement,
        }


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells by role and field; a cell without ways is left out. `day` is that of its force."""

    digest: str
    day: date
    vocabulary: Vocabulary
    register: Register
    policies: Mapping[str, Policy]
    cells: Mapping[tuple[str, str], tuple[Way, ...]]
    authorities: tuple[LegalAuthority, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The matrix as a JSON object."""
        return {
            "digest": self.digest,
            "day": self.day.isoformat(),
            "letters": dict(LETTERS),
            "roles": list(ROLE_PURPOSES),
            "fields": list(self.vocabulary.fields),
            "cells": [
                {
                    "role": role,
                    "field": path,
                    "form": max(way.form for way in ways).code,
                    "ways": [way.to_json() for way in ways],
                }
                for (role, path), ways in self.cells.items()
            ],
            "authorities": [one.to_json() for one in self.authorities],
        }


def matrix(bundle: Bundle, *, at: date) -> Matrix:
    """The matrix of the policies that are in force on a day."""
    policies = bundle.span(at).table.policies
    cells: dict[tuple[str, str], tuple[Way, ...]] = {}
    for role in ROLE_PURPOSES:
        mine = _of_role(policies.values(), role)
        for path in bundle.vocabulary.fields:
            ways = _ways(mine, path, bundle.vocabulary)
            if ways:
                cells[role, path] = ways
    return Matrix(
        bundle.digest,
        at,
        bundle.vocabulary,
        bundle.register,
        policies,
        cells,
        tuple(sorted(bundle.authorities.values(), key=lambda one: one.id)),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A policy as it stands for one role: what remains of its conditions."""

    policy: Policy
    conditions: tuple[Node, ...]


def _of_role(policies: Iterable[Policy], role: str) -> Sequence[_Rule]:
    """The policies that can hold for a role, sorted by id."""
    rules = []
    for policy in sorted(policies, key=lambda policy: policy.id):
        folded = [for_role(node, role) for node in policy.conjuncts]
        if policy.concerns(role) and False not in folded:
            rules.append(
                _Rule(policy, tuple(node for node in folded if not isinstance(node, bool)))
            )
    return rules


def for_role(node: Node, role: str) -> Node | bool:
    """A condition as it stands for a client of a role: constant where the role decides."""
    operator, argument = next(iter(node.items()))
    if operator == "in":
        right = argument["right"]
        named = (expressions.entity(member, "Role") for member in right.get("Set", [right]))
        return role in named
    if operator == "!":
        inner = for_role(argument["arg"], role)
        return not inner if isinstance(inner, bool) else {"!": {"arg": inner}}
    if operator in {"&&", "||"}:
        return _joined(operator, [for_role(argument[side], role) for side in ("left", "right")])
    return node


def _joined(operator: str, sides: Sequence[Node | bool]) -> Node | bool:
    deciding = operator == "||"
    if deciding in sides:
        return deciding
    rest = [side for side in sides if not isinstance(side, bool)]
    if len(rest) == len(sides):
        return {operator: dict(zip(("left", "right"), rest, strict=True))}
    return rest[0] if rest else not deciding


def _ways(rules: Sequence[_Rule], path: str, vocabulary: Vocabulary) -> tuple[Way, ...]:
    """The ways to a field, the highest form first, without those that others cover."""
    bits = {form: vocabulary.bits[release(path, form)] for form in DISCLOSED_FORMS}
    ways = [way for rule in rules if (way := _way(rule, rules, bits)) is not None]
    ways.sort(key=lambda way: (-way.form, len(way.conditions), way.policy.id))
    kept: list[Way] = []
    for way in ways:
        if not any(other.covers(way) for other in kept):
            kept.append(way)
    return tuple(kept)


def _way(rule: _Rule, rules: Sequence[_Rule], bits: Mapping[Form, int]) -> Way | None:
    """What a permit gives of a field, None if nothing."""
    if rule.policy.is_forbid:
        return None
    forbids = [other for other in rules if other.policy.is_forbid]
    always = [forbid.policy.mask for forbid in forbids if not forbid.conditions]
    given = [
        form
        for form, bit in bits.items()
        if rule.policy.mask & bit and not any(mask & bit for mask in always)
    ]
    if not given:
        return None
    form = max(given)
    sometimes = [f for f in forbids if f.conditions and f.policy.mask & bits[form]]
    return Way(
        form=form,
        purposes=rule.policy.purposes,
        conditions=clauses(rule.conditions),
        unless=tuple(_unless(sometimes)),
        policy=rule.policy,
    )


def _unless(forbids: Iterable[_Rule]) -> Iterator[Clause]:
    for forbid in forbids:
        parts = clauses(forbid.conditions)
        yield Clause(letters(parts), " and ".join(part.words for part in parts))
