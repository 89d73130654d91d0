"""When so many releases change at once that somebody has to look first. Pure.

In Oregon a feed once turned 1,891 persons to released, and 8,000 notices were false (VINE, 2015).
"""

from dataclasses import dataclass
from datetime import timedelta

from app.releases.changes import ReleaseFacts

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a feed may change within the window before it is held.

    `largest_share` of its population, from 0 to 1, but never fewer than `least_count` persons.
    """

    largest_share: float = 0.05
    least_count: int = 20

    def exceeded(self, turned: int, population: int) -> bool:
        """Whether so many persons of a population are too many."""
        return turned > max(self.least_count, self.largest_share * population)


def turns(before: ReleaseFacts, after: ReleaseFacts) -> bool:
    """Whether somebody leaves, or a day that was announced is another one or none.

    A day that is new is no turn: a new feed brings one for everybody.
    """
    left = before.actual_release_datetime is None and after.actual_release_datetime is not None
    announced = before.planned_release_date
    return left or (announced is not None and after.planned_release_date != announced)
