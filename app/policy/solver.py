"""Questions to the solver (z3): can this be, and what is the least that makes it so. Pure."""

from collections.abc import Iterable, Sequence

import z3

from app.problems import ThroughcareError


class SolverGaveUp(ThroughcareError):
    """The solver could not say yes or no: nothing is proved."""

    title = "The solver gave no answer"
    slug = "solver-gave-up"


def can_be(constraints: Sequence[z3.BoolRef]) -> bool:
    """Whether there is a situation in which all of these hold."""
    return any_model(constraints) is not None


class Premises:
    """What always holds, told to the solver once for many questions."""

    def __init__(self, constraints: Iterable[z3.BoolRef]) -> None:
        self._solver = _solver(constraints)

    def allow(self, situation: z3.BoolRef) -> bool:
        """Whether this can be where they hold."""
        return bool(_checked(self._solver, situation) == z3.sat)


def any_model(constraints: Sequence[z3.BoolRef]) -> z3.ModelRef | None:
    """Some situation in which all of these hold, None if there is none."""
    if any(map(z3.is_false, constraints)):
        return None
    solver = _solver(constraints)
    return solver.model() if _checked(solver) == z3.sat else None


def least_model(constraints: Sequence[z3.BoolRef], wishes: Iterable[z3.BoolRef]) -> z3.ModelRef:
    """A situation in which all constraints hold, and no further wish could be granted.

    Wishes are granted greedily in their order, so each fact that is left in the answer is
    needed: without it, the others as they are, the constraints cannot hold.

    Raises:
        ValueError: the constraints cannot hold.
    """
    solver = _solver(constraints)
    if _checked(solver) != z3.sat:
        raise ValueError("the constraints cannot hold together")
    model = solver.model()
    for wish in wishes:
        if z3.is_true(model.eval(wish, model_completion=True)):
            solver.add(wish)
        elif _checked(solver, wish) == z3.sat:
            model = solver.model()
            solver.add(wish)
    return model


def _solver(constraints: Iterable[z3.BoolRef]) -> z3.Solver:
    solver = z3.Solver()
    solver.add(*constraints)
    return solver


def _checked(solver: z3.Solver, *assumptions: z3.BoolRef) -> z3.CheckSatResult:
    answer = solver.check(*assumptions)
    if answer == z3.unknown:
        raise SolverGaveUp(f"the solver could not decide: {solver.reason_unknown()}")
    return answer
