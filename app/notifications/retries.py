"""When to try again: exponential with full jitter, and never so late that it is useless.

The schedule doubles from its base up to six hours and lasts at least 75 hours in all, so
that a receiver may be down over a long weekend. Nothing about a release that is near
waits longer than an hour.
"""

from datetime import date, timedelta

LONGEST = timedelta(hours=6)
NEAR = timedelta(hours=1)
NEAR_DAYS = 3
GIVE_UP = timedelta(hours=96)


def wait(
    attempts: int,
    *,
    base: timedelta,
    fraction: float,
    retry_after: int | None = None,
    release: date | None = None,
    today: date,
) -> timedelta:
    """The time until the next attempt, after `attempts` failed ones.

    `fraction` is a random number from 0 to 1: it spreads retries between half and whole.
    """
    # 2**20 bases exceed any cap here: more doublings would only overflow.
    doubled = base * float(2 ** min(attempts - 1, 20))
    longest = NEAR if _is_near(release, today) else LONGEST
    chosen = min(doubled, longest) * (0.5 + fraction / 2)
    if retry_after is not None:
        chosen = max(chosen, timedelta(seconds=retry_after))
    return min(chosen, longest)


def _is_near(release: date | None, today: date) -> bool:
    return release is not None and abs((release - today).days) <= NEAR_DAYS
