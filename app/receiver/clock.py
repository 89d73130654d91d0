"""The one clock of the program. What needs the time takes a `Clock`; only `run` chooses one."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time, with its time zone."""


def utc_now() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)
