"""Mutants of the compiler and of the table: all must be found by the engine's answers.

    python -m tests.policy.mutants

Three places are faulted: the code that is generated for each role, the source of the modules
that generate it and that decide, and the policies, masks and memos between them. Prints how many
of each operator were found; the exit status is 1 if one was not.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.policy import mutants_of_code, mutants_of_modules, mutants_of_parts
from tests.policy.planted import planted_bundle
from tests.policy.trial import Trial

GROUPS: dict[str, Callable[[Trial], Iterator[tuple[str, str, bool]]]] = {
    "generated code": mutants_of_code.tried,
    "source of the modules": mutants_of_modules.tried,
    "policies, masks, memos": mutants_of_parts.tried,
}


@dataclass
class Tally:
    """How many mutants of each operator were found, and those that were not."""

    found: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.found.items()))
        return f"{self.found.total()} found ({counts}); {len(self.missed)} missed"


def make_trial(seed: int = 1) -> Trial:
    """The planted policies with enough requests to find every mutant."""
    return Trial(planted_bundle(), seed=seed, requests=400)


def tally(group: str, trial: Trial) -> Tally:
    """All mutants of a group, tried."""
    counted = Tally()
    for operator, what, found in GROUPS[group](trial):
        if found:
            counted.found[operator] += 1
        else:
            counted.missed.append(f"{operator}: {what}")
    return counted


def main() -> int:
    """Try all groups, print, and say by the exit status whether all were found."""
    trial, missed = make_trial(), 0
    for group in GROUPS:
        counted = tally(group, trial)
        missed += len(counted.missed)
        print(f"mutants of {group}: {counted}")  # noqa: T201 - the result
        for what in counted.missed:
            print(f"  {what}")  # noqa: T201 - the result
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
