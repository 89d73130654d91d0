"""Whether this process can do its work, as far as anybody may know it.

The names of what is wrong are public; what exactly it is stands in the service's own log.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from app import revisions
from app.access_log import checkpoints
from app.access_log.checkpoint import CheckpointRefused, verifiers_of
from app.access_log.checkpoints import LogContradicted
from app.access_log.note import NoteRefused
from app.access_log.witnesses import Witnesses, judge_quorum
from app.administration import data_keys
from app.administration.in_force import InForce
from app.database import Database
from app.engines import touch
from app.house import House
from app.problems import Unavailable

log = logging.getLogger("throughcare.readiness")

# It asks for no token: whoever does has one share. No client can have this name.
ANYBODY = "whoever asks for health"


class NotReady(Unavailable):
    """Something without which nothing may be released is not as it must be."""

    slug = "not-ready"


@dataclass(kw_only=True)
class Readiness:
    """Looks once at a time: whoever asks meanwhile is told what that look finds.

    Nobody has to say who asks, so asking must not cost more the more often it is done.
    """

    database: Database
    in_force: InForce
    checkpoint_file: Path
    witnesses: Witnesses
    clock: Callable[[], datetime]
    _look: asyncio.Task[bool] | None = None

    async def ask(self) -> bool:
        """Whether the quorum of witnesses is missing; that alone speaks against nothing.

        Raises:
            NotReady: the log, the tables or the keys are not as they must be.
            PolicyUnavailable: the policy in force cannot be used.
            Overloaded: too much waits to be recorded, or for its place in the log.
            DatabaseUnavailable: the database takes no transactions.
        """
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._ask())
        # Who asked first may go away.
        return await asyncio.shield(self._look)

    async def _ask(self) -> bool:
        found, missing = await self.database.read(self._find)
        if found:
            log.warning("not ready: %s", ", ".join(found))
            raise NotReady(f"not as it must be: {', '.join(found)}")
        # To its commit: where the disk is full nothing can be recorded.
        await self.in_force.run(lambda connection, _: touch(connection), client=ANYBODY)
        return missing

    def _find(self, connection: Connection) -> tuple[list[str], bool]:
        house = self.in_force.house
        fit = {
            # INVARIANT: first. The file is read before the database is: it may be older than what
            # is seen there, never newer.
            "log": self._is_log_whole(connection, house),
            "tables": revisions.fit(connection),
            "keys": not data_keys.missing(connection, house.ring),
        }
        # Judged anew: a job that has ended would flag nothing.
        quorum = judge_quorum(connection, self.witnesses, at=self.clock())
        return [name for name, fits in fit.items() if not fits], quorum.missing

    def _is_log_whole(self, connection: Connection, house: House) -> bool:
        """Whether the database holds what the checkpoint outside it vouches for."""
        origin = house.log_origin
        verifiers = verifiers_of(origin, house.ring.log_signing)
        try:
            checkpoints.check_at_start(
                connection, self.checkpoint_file, verifiers=verifiers, origin=origin
            )
        except (LogContradicted, NoteRefused, CheckpointRefused, OSError, UnicodeDecodeError):
            log.exception("the access log and its checkpoint disagree")
            return False
        return True
