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

# As of the sequencer: of all the locks of this database, that of the purger.
TASK = 0x5055_5247_4552  # "PURGER"
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
        """Purge once, unless another process does. It takes the large ones a few parts at a time.

        The writer has other work.
        """
        await asyncio.to_thread(self._take_turn)

    def _take_turn(self) -> None:
        # Two that delete the same rows would wait for each other.
        with self.database.alone(TASK) as alone:
            if alone:
                self._purge()

    def _purge(self) -> None:
        database = self.database
        database.run_blocking(lambda c: replay.purge(c, at=self.clock()))
        database.run_blocking(lambda c: kept_exports.purge(c, at=self.clock()))
        while parts := database.read_blocking(kept_exports.parts_of_none):
            database.run_blocking(partial(kept_exports.delete_parts, parts=parts))
