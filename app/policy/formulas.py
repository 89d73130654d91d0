"""What a set of policies releases to a role, as formulas over any request (z3). Pure.

An action is released when some permit of it holds and no forbid of it does. Actions that the
same policies name have the same formula: they form one class, and are asked about once.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import orjson
import z3

from app.policy.actions import Vocabulary
from app.policy.errors import PolicyError
from app.policy.policies import Policy
from app.policy.symbolic import (
    CannotProve,
    SymbolicRequest,
    every,
    holds,
    literal_texts,
    negation,
    some,
)


class ActionClass(NamedTuple):
    """The ids of the permits and of the forbids that name an action."""

    permits: tuple[str, ...]
    forbids: tuple[str, ...]


class RoleFormulas:
    """The policies that concern the role of a request, as they stand for that request.

    Raises:
        PolicyError: a condition is outside the subset that can be proved about.
    """

    def __init__(
        self, policies: Iterable[Policy], request: SymbolicRequest, vocabulary: Vocabulary
    ) -> None:
        self.request = request
        self.vocabulary = vocabulary
        self.policies = {
            policy.id: policy
            for policy in sorted(policies, key=lambda policy: policy.id)
            if policy.concerns(request.role)
        }
        self.holds = {id_: condition(policy, request) for id_, policy in self.policies.items()}

    @cached_property
    def classes(self) -> Sequence[ActionClass]:
        """The class of each action, by the place of its bit."""
        permits: list[list[str]] = [[] for _ in self.vocabulary.actions]
        forbids: list[list[str]] = [[] for _ in self.vocabulary.actions]
        for id_, policy in self.policies.items():
            rows = forbids if policy.is_forbid else permits
            for place in places(policy.mask):
                rows[place].append(id_)
        pairs = zip(permits, forbids, strict=True)
        return [ActionClass(tuple(granting), tuple(taking)) for granting, taking in pairs]

    @cached_property
    def texts(self) -> Mapping[str, z3.ExprRef]:
        """The texts that the policies write out."""
        return literal_texts(n for policy in self.policies.values() for n in policy.conjuncts)

    def released(self, place: int) -> z3.BoolRef:
        """The action of this bit is released."""
        return self._released[self.classes[place]]

    @cached_property
    def _released(self) -> Mapping[ActionClass, z3.BoolRef]:
        return {
            group: every((self.any_holds(group.permits), negation(self.any_holds(group.forbids))))
            for group in set(self.classes)
        }

    def any_holds(self, ids: Iterable[str]) -> z3.BoolRef:
        """At least one of these policies holds."""
        return some(self.holds[id_] for id_ in ids)


def limits(formulas: Iterable[RoleFormulas], others: Iterable[Policy] = ()) -> list[z3.BoolRef]:
    """What may be assumed: the requests are such, and texts written differently differ.

    `others` are further policies of which the question speaks.
    """
    formulas = tuple(formulas)
    texts = {name: text for one in formulas for name, text in one.texts.items()}
    texts.update(literal_texts(node for policy in others for node in policy.conjuncts))
    ranges = [limit for one in formulas for limit in one.request.limits]
    return [*ranges, *([z3.Distinct(list(texts.values()))] if texts else [])]


def condition(policy: Policy, request: SymbolicRequest) -> z3.BoolRef:
    """All conditions of a policy hold; its scope is the caller's matter.

    Raises:
        PolicyError: a condition is outside the subset that can be proved about.
    """
    try:
        return every(holds(request, node) for node in policy.conjuncts)
    except CannotProve as error:
        raise PolicyError([policy.finding(str(error))]) from error


def places(mask: int) -> Iterable[int]:
    """The places of the bits that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def meaning(policy: Policy) -> bytes:
    """Equal for policies that hold in the same situations because they say the same."""
    return orjson.dumps([policy.role, *policy.conjuncts], option=orjson.OPT_SORT_KEYS)
