"""How many entries wait for their place in the log for longer than a working sequencer lets them.

On PostgreSQL entries are recorded by many processes and numbered by one. Where none numbers them,
what waits would grow until the disk is full, and receipts would promise what nobody keeps: so it
counts towards the capacity, and callers are pushed back until a sequencer works again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access_log import ledger
from app.database import Database
from app.rounds import repeat

log = logging.getLogger("throughcare.backlog")


@dataclass(kw_only=True)
class Backlog:
    """Looks again and again, so that no request has to count.

    `interval` in seconds: longer than a round of the sequencer.
    """

    database: Database
    interval: float
    # The newest entry that the last look saw waiting; None where there was none.
    _seen: int | None = None

    async def watch(self, stop: asyncio.Event) -> None:
        """Look until asked to stop."""
        # Whatever it was: the count of the last look stands.
        await repeat(
            self.look,
            stop,
            interval=self.interval,
            log=log,
            failed="what waits for its place in the log could not be counted",
        )

    async def look(self) -> None:
        """Count what waits since the last look, and remember what waits now."""
        self.database.capacity.late, self._seen = await self.database.read(self._count)
        if late := sum(self.database.capacity.late.values()):
            log.warning("%d entries wait for a sequencer: does one work?", late)

    def _count(self, connection: Connection) -> tuple[Mapping[str, int], int | None]:
        newest = ledger.newest_pending(connection)
        if self._seen is None:
            return {}, newest
        bound = self.database.capacity.total
        return Counter(ledger.waiting_since(connection, self._seen, most=bound)), newest
