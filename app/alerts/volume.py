"""How unusual a count is beside an actor's own past. Pure.

Counts of events that come by themselves vary by their mean. Anscombe's transform 2 sqrt(x + 3/8)
gives each of them a variance of about 1, whatever its mean (F. J. Anscombe, Biometrika 35, 1948).
Of the transformed past the median and the median absolute deviation say what is usual: half of
all days could be wrong without moving them (B. Iglewicz and D. C. Hoaglin, How to Detect and
Handle Outliers, 1993, whose bound is 3.5). The scale is never below 1, that of pure chance: a past
that always was the same would else make everything unusual.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import median

# Of a normal distribution, the standard deviation in median absolute deviations.
CONSISTENT = 1.4826


def deviations(count: int, past: Sequence[int]) -> float:
    """How many robust standard deviations a count lies above the median of its past.

    ValueError for an empty past.
    """
    if not past:
        raise ValueError("expected a past")
    usual = [_stable(one) for one in past]
    middle = median(usual)
    spread = CONSISTENT * median(abs(one - middle) for one in usual)
    return (_stable(count) - middle) / max(1.0, spread)


def _stable(count: int) -> float:
    return 2 * sqrt(count + 3 / 8)
