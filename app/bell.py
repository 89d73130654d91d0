"""A bell: whoever has something to be seen to rings it, and whoever sees to such things wakes.

It carries nothing and may be missed: who listens looks by itself, too, only later.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

# Of all channels of a PostgreSQL database, the one for what cannot wait.
CHANNEL = "throughcare_immediate"
_KEY = "throughcare rings"


@dataclass(slots=True)
class Bell:
    """Rings in event loops of this process. Any thread may ring."""

    _ears: dict[asyncio.Event, asyncio.AbstractEventLoop] = field(default_factory=dict)

    def ring(self) -> None:
        """Wake whoever listens."""
        # Another thread may begin to listen meanwhile: a copy is made in one step.
        for event, loop in self._ears.copy().items():
            # One that has ended listens no more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def heard(self) -> Iterator[asyncio.Event]:
        """An event that each ring sets; to clear it is for whoever listens, before it looks."""
        event = asyncio.Event()
        self._ears[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            del self._ears[event]


def ring_after_commit(connection: Connection, *, everywhere: bool = False) -> None:
    """Ring once this transaction has committed: here, or in every process on this database.

    A server lets transactions that ring everywhere commit one after the other, so that is for
    what cannot wait.
    """
    connection.info[_KEY] = True
    if everywhere and connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))


def is_to_ring(connection: Connection) -> bool:
    """Whether a transaction of this connection asked for it since this was asked last."""
    return connection.info.pop(_KEY, False) is True
