"""Connections kept between messages, each for the one endpoint that it was made for.

Making one costs several times what sending over it does. What serves one endpoint never serves
another, be it at the same address: a kept connection is found by the endpoint's whole address,
the rules that judged it and the authorities that proved it. It rests a few seconds and lives a
minute, so that a name is resolved, judged and proven anew at least so often.
"""

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass

from app.notifications.addresses import EndpointRules
from app.notifications.connections import Connection

# Common servers close a connection that rested for five seconds: be the first to let go.
REST_SECONDS = 4.0
LIFE_SECONDS = 60.0
# At rest at once, over all endpoints: a bound on open files.
MOST = 256


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a connection is kept for: equal in all of it, or another connection."""

    url: str
    rules: EndpointRules
    tls: ssl.SSLContext


@dataclass(slots=True, eq=False)
class Held:
    """A connection with its endpoint and the moment, by the loop's clock, when it is too old."""

    connection: Connection
    endpoint: Endpoint
    old_at: float
    rest: asyncio.TimerHandle | None = None


class KeptConnections:
    """Connections at rest. For the tasks of one event loop; `close` before it ends."""

    def __init__(
        self, *, rest: float = REST_SECONDS, life: float = LIFE_SECONDS, most: int = MOST
    ) -> None:
        self._rest, self._life, self._most = rest, life, most
        # Longest at rest first.
        self._held: dict[Held, None] = {}
        self._by_endpoint: defaultdict[Endpoint, list[Held]] = defaultdict(list)

    def take(self, endpoint: Endpoint) -> Held | None:
        """A connection of this endpoint for one message; nobody else gets it meanwhile."""
        now = asyncio.get_running_loop().time()
        while self._by_endpoint.get(endpoint):
            # The last one first, so that those which are not needed come to their end.
            held = self._by_endpoint[endpoint][-1]
            self._forget(held)
            if held.connection.is_usable and now < held.old_at:
                return held
            held.connection.close()
        return None

    def hold(self, connection: Connection, endpoint: Endpoint) -> Held:
        """A new connection, which is not at rest yet."""
        return Held(connection, endpoint, asyncio.get_running_loop().time() + self._life)

    def keep(self, held: Held) -> None:
        """Let a connection rest after its message, or end it where it is of no more use."""
        if not held.connection.is_usable:
            held.connection.close()
            return
        held.rest = asyncio.get_running_loop().call_later(self._rest, self._drop, held)
        self._held[held] = None
        self._by_endpoint[held.endpoint].append(held)
        if len(self._held) > self._most:
            self._drop(next(iter(self._held)))

    def close(self) -> None:
        """End every connection at rest."""
        for held in list(self._held):
            self._drop(held)

    def _drop(self, held: Held) -> None:
        self._forget(held)
        held.connection.close()

    def _forget(self, held: Held) -> None:
        if held.rest is not None:
            held.rest.cancel()
        del self._held[held]
        of_endpoint = self._by_endpoint[held.endpoint]
        of_endpoint.remove(held)
        if not of_endpoint:
            del self._by_endpoint[held.endpoint]
