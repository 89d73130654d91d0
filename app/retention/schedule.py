"""When a file's term ends. Pure: days of the legal time zone, no clock.

The term runs from the release that was recorded. A planned date that has passed without a
release ends nothing: the person may still be there.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Due(StrEnum):
    """How a file stands to its term."""

    RUNNING = "running"
    ENDED = "ended"
    # The planned day is long past, and nobody recorded a release: somebody has to look.
    RELEASE_NOT_RECORDED = "release_not_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Days for which a file is kept after the release. `today` is a legal day."""

    days: int
    today: date

    def of(self, *, released: date | None, planned: date | None) -> Due:
        """How a file with these days stands."""
        if released is not None:
            return Due.ENDED if self._is_over(released) else Due.RUNNING
        if planned is not None and self._is_over(planned):
            return Due.RELEASE_NOT_RECORDED
        return Due.RUNNING

    def ends(self, released: date) -> date:
        """The last day on which the file is kept."""
        return released + timedelta(days=self.days)

    def _is_over(self, start: date) -> bool:
        return self.ends(start) < self.today
