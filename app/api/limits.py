"""Limits on how much one caller may ask, and how long it may take to say it.

A limit protects everybody else's notices: who floods the service is told to wait, and only
that client and officer are. The counts live in this process and name nobody.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import RequestTimedOut, TooManyRequests
from app.telemetry.measures import note_rate_limit

# Callers that are remembered; beyond that the one that was quiet longest is forgotten.
REMEMBERED = 10_000


@dataclass(slots=True)
class RateLimit:
    """A token bucket (the algorithm of RFC 2697's meter) for each caller.

    Attributes:
        per_minute: requests that a caller may make in a minute, evenly spread.
        burst: requests that it may make at once after a while of silence.
        seconds: a monotonic clock.
    """

    per_minute: float
    burst: int
    seconds: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[tuple[str, ...], tuple[float, float]] = field(
        default_factory=OrderedDict, repr=False
    )

    def take(self, *caller: str) -> None:
        """Count a request of this caller.

        Raises:
            TooManyRequests: with the seconds after which one more is taken.
        """
        now = self.seconds()
        left, then = self._buckets.get(caller, (float(self.burst), now))
        left = min(float(self.burst), left + (now - then) * self.per_minute / 60)
        if left < 1:
            note_rate_limit()
            raise TooManyRequests(
                "too many requests; wait as Retry-After says",
                retry_after=ceil((1 - left) * 60 / self.per_minute),
            )
        self._buckets[caller] = (left - 1, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)


class Patience:
    """Pure ASGI: a body that does not come in time is given up with a 408.

    `idle` bounds the wait for each part of a body, in seconds: who sends drop by drop cannot
    hold a request open for ever, and a long import that goes on is not cut off.
    """

    def __init__(self, app: ASGIApp, *, idle: float) -> None:
        self._app = app
        self._idle = idle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with a bound on each wait for the body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                # What comes after the body is only that the client went away.
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._idle)
            except TimeoutError:
                raise RequestTimedOut("the body did not come in time") from None
            complete = not message.get("more_body", False)
            return message

        # The error rises where the body is read, and is answered like every other.
        await self._app(scope, receive_in_time, send)
