"""What is done again and again beside the interface, until it is asked to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from logging import Logger

from app.problems import Unavailable


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until asked to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def repeat(
    work: Callable[[], Awaitable[object]],
    stop: asyncio.Event,
    *,
    interval: float,
    log: Logger,
    failed: str,
) -> None:
    """Work until asked to stop, with a pause of `interval` seconds after each time.

    Whatever a time fails by is written to `log` as `failed`, and the next one comes all the same.
    """
    while not stop.is_set():
        try:
            await work()
        except Unavailable as error:
            # A database that is away comes back, and until then says so at every time.
            log.warning("%s: %s", failed, error)
        except Exception:
            log.exception(failed)
        await pause(stop, interval)
