"""The sequencer: gives recorded entries their place, and signs what is committed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.access_log import checkpoints, ledger
from app.access_log.checkpoints import LogContradicted
from app.crypto.log_signing import LogSigningKey
from app.database import Database
from app.problems import Unavailable

log = logging.getLogger("throughcare.sequencer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequencer:
    """What sequencing needs. `checkpoint_file` lies outside the database on purpose."""

    database: Database
    key: LogSigningKey
    origin: str
    checkpoint_file: Path
    clock: Callable[[], datetime]
    interval: float

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop, and once more then. What contradicts itself is not signed."""
        while not stop.is_set():
            await self._try()
            try:
                await asyncio.wait_for(stop.wait(), self.interval)
            except TimeoutError:
                continue
        await self._try()

    async def round(self) -> None:
        """Integrate what is pending; sign the head if it grew; keep the note outside."""
        # On SQLite the writer has integrated already, and this finds nothing to do.
        await self.database.run(ledger.integrate)
        note = await self.database.run(
            lambda connection: checkpoints.publish(
                connection, key=self.key, origin=self.origin, at=self.clock()
            )
        )
        if note != checkpoints.read_checkpoint_file(self.checkpoint_file):
            checkpoints.write_checkpoint_file(self.checkpoint_file, note)

    async def _try(self) -> None:
        try:
            await self.round()
        except (Unavailable, LogContradicted, OSError):
            log.exception("the log could not be signed")
