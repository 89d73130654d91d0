"""The sequencer: gives recorded entries their place, and signs what is committed.

One at a time: where there are several, the others wait. Two at once would sign one log all the
same, but the slower could put an older note in the place of a newer one.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import open_checkpoint, verifiers_of
from app.crypto.log_signing import LogSigningKey
from app.database import Database
from app.problems import Unavailable
from app.rounds import pause

# Who holds this number works: of all the locks of this database, that of the sequencer.
TASK = 0x5345_5155_454E_4345  # "SEQUENCE"

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
            await pause(stop, self.interval)
        await self._try()

    async def round(self) -> None:
        """Integrate what is pending; sign the head if it grew; keep the note outside."""
        # Writing the note waits for the disk: not on the loop that answers.
        await asyncio.to_thread(self._take_turn)

    def _take_turn(self) -> None:
        with self.database.alone(TASK) as alone:
            if alone:
                self._work()

    def _work(self) -> None:
        # On SQLite the writer has integrated already, and this finds nothing to do.
        self.database.run_blocking(ledger.integrate)
        self._keep(self.database.run_blocking(self._sign))

    def _keep(self, note: str) -> None:
        """Put the note outside, unless another sequencer has put a newer one there meanwhile.

        It has where this one stood still so long that the server took its lock away.
        """
        there = checkpoints.read_checkpoint_file(self.checkpoint_file)
        if there == note or (there is not None and self._size(there) > self._size(note)):
            return
        checkpoints.write_checkpoint_file(self.checkpoint_file, note)

    def _size(self, note: str) -> int:
        return open_checkpoint(note, verifiers_of(self.origin, self.key)).size

    def _sign(self, connection: Connection) -> str:
        # A database that was exchanged for an older copy while we ran would be signed as a
        # fork, and the one note that shows it be overwritten.
        checkpoints.check_at_start(
            connection,
            self.checkpoint_file,
            verifiers=verifiers_of(self.origin, self.key),
            origin=self.origin,
        )
        return checkpoints.publish(connection, key=self.key, origin=self.origin, at=self.clock())

    async def _try(self) -> None:
        try:
            await self.round()
        except Unavailable as error:
            log.error("the log could not be signed: %s", error)  # noqa: TRY400 - it says all
        except Exception:
            # Whatever it was: a sequencer that ends would leave the log unsigned, unnoticed.
            log.exception("the log could not be signed")
