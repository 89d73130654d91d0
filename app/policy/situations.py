"""A situation in words, as wide as it is: the facts that are needed, the days, the purposes (z3).

A witness is one request. Who has to judge a change wants to know in which situations it
happens, so from the witness the days are followed as far as they go, and other purposes are
tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import z3

from app.policy.examples import Examples
from app.policy.facts import BOOL, STRING, Fact
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.solver import can_be
from app.policy.symbolic import enumeration, negation
from app.policy.wording import fact_in_words, facts_in_words, window_in_words

DAYS = "context.days_to_release"
PURPOSE = "context.purpose"


@dataclass(frozen=True, slots=True)
class Situation:
    """The least request, and the purposes and days for which the same holds.

    `missing` are facts (with the member, for a set) that must not be there: with any of them it
    would not be so.
    `first` and `last` are days to the release, the earlier day first; None: without an end.
    """

    request: Request
    purposes: tuple[str, ...]
    missing: tuple[tuple[str, str], ...] = ()
    first: int | None = None
    last: int | None = None

    def words(self, subject: str) -> str:
        """In words, the purposes last, for a field or another action."""
        parts = list(facts_in_words(self.request, subject=subject))
        if self.request.days_to_release is not None:
            parts.append(window_in_words(self.first, self.last))
        for name, member in self.missing:
            lacking = fact_in_words(name, [member] if member else [], subject=subject)
            parts.append(f"although not: {lacking}")
        always = "whatever else is known"
        return f"{'; '.join(parts) or always}; for {', '.join(self.purposes)}"


def situation(examples: Examples, constraints: Sequence[z3.BoolRef]) -> Situation:
    """The situation of constraints that can hold, of one request."""
    model = examples.model(constraints)
    (request,) = examples.written(model)
    purposes = tuple(_purposes(examples, constraints, model))
    missing = tuple(_missing(examples, constraints, model))
    if request.days_to_release is None:
        return Situation(request, purposes, missing)
    first, last = _days(examples, constraints, model, request.days_to_release)
    return Situation(request, purposes, missing, first, last)


def _missing(
    examples: Examples, constraints: Sequence[z3.BoolRef], model: z3.ModelRef
) -> Iterator[tuple[str, str]]:
    """The facts that are not there, and could not be there with the rest as it is."""
    facts = examples.requests[0].facts.by_path
    pins = examples.pins(model)
    for pin, truth in pins.items():
        fact = facts.get(pin.path)
        if fact is not None and z3.is_not(truth) and _is_listed(fact):
            rest = [other for name, other in pins.items() if name != pin]
            if not can_be([*constraints, *rest, negation(truth)]):
                yield fact.name, pin.part


def _is_listed(fact: Fact) -> bool:
    """Whether it is a flag, or a set of entities that is listed among the circumstances."""
    return fact.kind == BOOL or (fact.many and fact.kind != STRING)


def _purposes(
    examples: Examples, constraints: Sequence[z3.BoolRef], model: z3.ModelRef
) -> Iterator[str]:
    """The purposes of the role for which the same holds; the model's own if it has none."""
    (symbolic,) = examples.requests
    names = enumeration(symbolic.facts, "Purpose")
    term, days = symbolic.terms[PURPOSE], symbolic.terms[DAYS]
    fixed = [
        *constraints,
        *(truth for pin, truth in examples.pins(model).items() if pin.path != PURPOSE),
        days == model.eval(days, model_completion=True),
    ]
    own = [n for n in ROLE_PURPOSES[symbolic.role] if can_be([*fixed, term == names.index(n)])]
    yield from own or [names[model.eval(term, model_completion=True).as_long()]]


def _days(
    examples: Examples, constraints: Sequence[z3.BoolRef], model: z3.ModelRef, days: int
) -> tuple[int | None, int | None]:
    """The span of days around the witness's day in which the same holds.

    Conditions compare days with written numbers only, so nothing changes between two
    neighbouring turning points, and beyond the outermost ones nothing changes any more.
    """
    term = examples.requests[0].terms[DAYS]
    fixed = [*constraints, *examples.pins(model).values()]
    points = sorted(examples.mentioned.turning_points | {days})

    def reach(candidates: Sequence[int]) -> int | None:
        reached = days
        for point in candidates:
            if not can_be([*fixed, term == point]):
                return reached
            reached = point
        return None

    later = [point for point in reversed(points) if point < days]
    return reach([point for point in points if point > days]), reach(later)
