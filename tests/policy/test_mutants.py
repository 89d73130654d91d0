"""Each fault that is planted in the compiler, in its code or in its parts is found."""

import inspect

import pytest

from tests.policy.mutants import GROUPS, make_trial, tally
from tests.policy.mutants_of_modules import EQUIVALENT
from tests.policy.trial import Trial

# At least so many: an operator that plants nothing any more would find everything.
LEAST = {"generated code": 800, "source of the modules": 150, "policies, masks, memos": 150}
OPERATORS = {
    "generated code": {
        "drop a conjunct",
        "drop a step",
        "flip a truth",
        "lose a member",
        "negate",
        "off by one",
        "swap and, or",
        "swap comparison",
        "swap set test",
        "text not normalised",
        "wrong fact",
        "wrong literal",
    },
    "source of the modules": {
        "drop a conjunct",
        "drop a step",
        "lose a member",
        "negate",
        "off by one",
        "swap and, or",
        "swap bits",
        "swap comparison",
    },
    "policies, masks, memos": {
        "bits in another order",
        "drop a forbid",
        "drop a permit",
        "ignore an error",
        "ignore every permit",
        "ignore the term",
        "memo of all roles",
        "narrow a mask",
        "stale bundle",
        "stale memo",
        "turn an effect",
        "widen a mask",
        "wrong day",
        "wrong group direction",
        "wrong name of the role",
        "wrong role",
        "wrong role's function",
        "wrong role's table",
    },
}


@pytest.fixture(scope="module")
def trial() -> Trial:
    return make_trial()


@pytest.mark.parametrize("group", GROUPS)
def test_every_mutant_is_found(trial: Trial, group: str) -> None:
    counted = tally(group, trial)
    print(counted)  # noqa: T201 - shown with -rP
    assert counted.missed == []
    assert counted.found.keys() == OPERATORS[group]
    assert counted.found.total() >= LEAST[group]


def test_without_a_fault_nothing_is_found(trial: Trial) -> None:
    """A trial that finds fault with everything would prove nothing."""
    assert not trial.finds_in_decision(trial.span.compiled.decide)
    for role in trial.cases:
        satisfied, _ = trial.span.compiled.roles[role]
        assert not trial.finds_in_function(role, satisfied)


@pytest.mark.parametrize("module", EQUIVALENT)
def test_what_is_called_equivalent_is_still_there(module: object) -> None:
    lines = {line.strip() for line in inspect.getsource(module).split("\n")}  # type: ignore[arg-type]  # a module
    assert EQUIVALENT[module].keys() <= lines  # type: ignore[index]  # a module
