"""The life cycle of a temporary leave: granted, changed, cancelled, started, returned, failed.

Grant, change and cancellation stand in the file; that somebody went, and came back, the prison
reports. Who does not come back fails to return after the grace period of the profile: the clock
says so, and nobody is said to have failed whom nobody reported to have left. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

GRANTED = "temporary_leave_granted"
CHANGED = "temporary_leave_changed"
CANCELLED = "temporary_leave_cancelled"
STARTED = "temporary_leave_started"
RETURNED = "temporary_leave_returned"
FAILED = "temporary_leave_failed_to_return"


class Progress(StrEnum):
    """How far a leave has come, by the word of the prison."""

    STARTED = "started"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Leave:
    """A leave as the file has it. `municipality` is None where none is stated."""

    start: datetime
    end: datetime
    municipality: str | None


def leave_event(
    before: Leave | None, after: Leave | None, *, progress: Progress | None, at: datetime
) -> str | None:
    """The event that a change of the file makes of a leave; None where it makes none.

    A leave that is over is history: to write it, or to take it out, tells nobody anything. One
    that has started cannot be cancelled any more; it ends with a return.
    """
    if before == after:
        return None
    was_open = before is not None and _is_open(before, progress, at)
    if not was_open:
        return GRANTED if after is not None and after.end > at else None
    if after is None:
        return None if progress is Progress.STARTED else CANCELLED
    return CHANGED


def overdue_at(end: datetime, *, grace_hours: int) -> datetime:
    """From when on somebody who has left and is not back has failed to return."""
    return end + timedelta(hours=grace_hours)


def _is_open(leave: Leave, progress: Progress | None, at: datetime) -> bool:
    if progress is Progress.RETURNED:
        return False
    return leave.end > at or progress is Progress.STARTED
