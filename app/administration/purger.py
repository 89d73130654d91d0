"""Forgets what has had its time: used assertions and proofs, tokens taken back, exports."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app.access_log import kept_exports
from app.agencies import replay
from app.database import Database
from app.rounds import repeat

log = logging.getLogger("throughcare.purger")

# Often, so that never many rows go at once: on SQLite everybody waits for the one writer.
INTERVAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Purger:
    """What purging needs."""

    database: Database
    clock: Callable[[], datetime]
    interval: float = INTERVAL_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Purge again and again until asked to stop."""
        # Whatever it was: without a purger the tables grow, and nobody notices.
        await repeat(
            self.round,
            stop,
            interval=self.interval,
            log=log,
            failed="what has expired could not be purged",
        )

    async def round(self) -> None:
        """Purge once. Of large exports a few parts at a time: the writer has other work."""
        await self.database.run(lambda c: replay.purge(c, at=self.clock()))
        await self.database.run(lambda c: kept_exports.purge(c, at=self.clock()))
        while parts := await self.database.read(kept_exports.parts_of_none):
            await self.database.run(partial(kept_exports.delete_parts, parts=parts))
