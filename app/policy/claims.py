"""What can be claimed of a set of policies, and how a claim is refuted (z3).

A claim asks, for each role: is there a situation in which this is released and that is not?
If the solver finds none, the claim is proved for every request that the schema allows. If it
finds one, the least of them is written out and tried on the reference engine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import NamedTuple

import z3

from app.policy.actions import Vocabulary
from app.policy.agreements import Register
from app.policy.examples import Examples
from app.policy.facts import Facts
from app.policy.formulas import ActionClass, RoleFormulas, limits
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.solver import any_model
from app.policy.symbolic import SymbolicRequest, any_request, every, is_false, negation, some
from app.policy.witness import Replay, Witness


@dataclass(frozen=True)
class Subject:
    """The policies in force from `first_day` to `last_day`, about which claims are made."""

    policies: Mapping[str, Policy]
    vocabulary: Vocabulary
    facts: Facts
    register: Register
    first_day: date
    last_day: date

    @cached_property
    def replay(self) -> Replay:
        """The reference engine with these policies."""
        return Replay(self.policies.values(), self.vocabulary)

    def formulas(self, request: SymbolicRequest) -> RoleFormulas:
        """What these policies release to a request."""
        return RoleFormulas(self.policies.values(), request, self.vocabulary)

    def of_role(self, role: str) -> RoleFormulas:
        """What they release to any request of a role."""
        if role not in self._of_roles:
            self._of_roles[role] = self.formulas(any_request(role, self.facts))
        return self._of_roles[role]

    @cached_property
    def _of_roles(self) -> dict[str, RoleFormulas]:
        return {}


class Answer(NamedTuple):
    """An action (the place of its bit), asked by the nth request: is it released?"""

    request: int
    place: int
    released: bool


@dataclass(frozen=True)
class Violation:
    """Answers that refute a claim where they come together, under a further condition.

    The first answer is that of the action that a report shows.
    """

    answers: tuple[Answer, ...]
    condition: z3.BoolRef = field(default_factory=lambda: every(()))


@dataclass(frozen=True)
class Question:
    """One or two requests of a role, how they are related, and what would refute a claim.

    `others` are policies that are not in force and yet mentioned by a condition.
    """

    requests: Sequence[RoleFormulas]
    violations: Iterable[Violation]
    related: Sequence[z3.BoolRef] = ()
    others: Sequence[Policy] = ()

    @property
    def policies(self) -> list[Policy]:
        """Every policy of which the question speaks."""
        return [*self.requests[0].policies.values(), *self.others]


@dataclass(frozen=True)
class Claim:
    """A claim by its number in the disclosure model (0: it has none there).

    `question` gives what would refute it for one role, or None if it does not concern the role.
    """

    id: str
    number: int
    title: str
    question: Callable[[Subject, str], Question | None]


def refute(claim: Claim, subject: Subject, role: str) -> Witness | None:
    """The least witness against a claim, confirmed by the engine; None: it is proved.

    Raises:
        SolverGaveUp: neither could be shown.
        ReplayDiffers: the engine contradicts the solver.
    """
    question = claim.question(subject, role)
    found = None if question is None else _refutation(question)
    return None if found is None else _confirmed(subject, *found)


def _refutation(question: Question) -> tuple[tuple[Request, ...], Violation] | None:
    """Requests that refute, with the violation that they show."""
    formulas = dict(_formulas(question))
    if not formulas:
        return None
    constraints = [*limits(question.requests, question.others), *question.related]
    model = any_model([*constraints, some(formulas)])
    if model is None:
        return None
    shown = next(f for f in formulas if z3.is_true(model.eval(f, model_completion=True)))
    examples = Examples([one.request for one in question.requests], question.policies)
    return examples.least([*constraints, shown]), formulas[shown]


def _formulas(question: Question) -> Iterator[tuple[z3.BoolRef, Violation]]:
    """The distinct formulas of the violations that can be, each with the first that has it."""
    seen: set[object] = set()
    for violation in question.violations:
        key = (violation.condition.get_id(), *(_class(question, a) for a in violation.answers))
        if key not in seen:
            seen.add(key)
            parts = [_formula(question, answer) for answer in violation.answers]
            formula = every([*parts, violation.condition])
            if not is_false(formula):
                yield formula, violation


def _class(question: Question, answer: Answer) -> tuple[int, ActionClass, bool]:
    return answer.request, question.requests[answer.request].classes[answer.place], answer.released


def _formula(question: Question, answer: Answer) -> z3.BoolRef:
    released = question.requests[answer.request].released(answer.place)
    return released if answer.released else negation(released)


def _confirmed(subject: Subject, requests: Sequence[Request], violation: Violation) -> Witness:
    actions = subject.vocabulary.actions
    permits = [
        subject.replay.confirm(
            requests[answer.request], actions[answer.place], released=answer.released
        )
        for answer in violation.answers
    ]
    shown = violation.answers[0]
    return Witness(
        request=requests[shown.request],
        day=subject.first_day,
        action=actions[shown.place],
        policies=permits[0],
        other=requests[1 - shown.request] if len(requests) > 1 else None,
    )
