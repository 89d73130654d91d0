"""The watcher: looks at what is new in the access log by the rules of alerts, and records alerts.

It reads on a snapshot, away from the writer, and then writes down in one short transaction what it
found and how far it came. One at a time; where there are several, the others wait. An alert is an
entry of the channel of auditors, which no rule looks at: none is raised about an alert.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.access_log import ledger
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import installation
from app.alerts import kinds, memory, reading
from app.alerts.alert import Alert
from app.alerts.fact import Fact
from app.alerts.kinds import WitnessRefusal
from app.alerts.look import Batch, Raised, look, only_new
from app.alerts.rules import OPERATOR, RefusedWitness, Rules, StaleCheckpoint
from app.database import Database
from app.house import Act, House, record
from app.rounds import pause

# Who holds this number watches: of all the locks of this database, that of the watcher.
TASK = 0x5741_5443_4845_5253  # "WATCHERS"
# Entries that are read, and written down, at once: the writer is not held for longer.
AT_ONCE = 250
# Looks of one round: after a standstill the others get their turn between two rounds.
LOOKS = 20
# Seconds before the next round where one has not come to the end. Whoever floods the log would
# else keep what it does ahead of the watcher.
PAUSE = 1.0

# The watcher as the log names it: it acts on nobody's behalf.
WATCHER = installation(
    "exchange",
    "this installation",
    client_id="watcher",
    officer="watcher",
    purpose="lawfulness_verification",
)

log = logging.getLogger("throughcare.watcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look found in entries [start, stop) of a log of `size`."""

    start: int
    stop: int
    size: int
    facts: Sequence[Fact]
    days: memory.Days
    alerts: Sequence[Alert]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What watching needs. `house` gives it as it is now, `interval` is in seconds."""

    database: Database
    house: Callable[[], House]
    rules: Rules
    clock: Callable[[], datetime]
    interval: float
    checkpoint_interval: timedelta

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until asked to stop."""
        behind = False
        while not stop.is_set():
            await pause(stop, PAUSE if behind else self.interval)
            if not stop.is_set():
                behind = await self._try()

    async def round(self) -> bool:
        """Look at what is new, if nobody else does; whether there is more of it."""
        return await asyncio.to_thread(self._take_turn)

    async def _try(self) -> bool:
        try:
            return await self.round()
        except Exception as error:  # noqa: BLE001 - a watcher that has ended is missed by nobody
            # By its type alone: a message may repeat what was to be written.
            log.error("the access log could not be watched: %s", type(error).__name__)  # noqa: TRY400
            return False

    def _take_turn(self) -> bool:
        with self.database.alone(TASK) as alone:
            return alone and all(self._look() for _ in range(LOOKS))

    def _look(self) -> bool:
        """One look; whether there is more to look at."""
        found = self.database.read_blocking(self.find)
        if found.start == found.stop and not found.alerts:
            return False
        ids = self.database.run_blocking(lambda connection: self.keep(connection, found))
        for alert, entry_id in zip(found.alerts, ids, strict=True):
            if OPERATOR in alert.rule.told:
                # No actor and no count: a log file is read by more people than the log.
                log.warning(
                    "alert %s, severity %s: entry %s of the access log says more",
                    alert.rule.id,
                    alert.rule.severity,
                    entry_id,
                )
        return found.stop < found.size

    def find(self, connection: Connection) -> Found:
        """What the next entries complete. It reads only."""
        house = self.house()
        start, size = memory.position(connection), ledger.read_head(connection).size
        read = reading.read_new(
            connection, keys=house.log_keys(), start=start, size=size, limit=AT_ONCE
        )
        past = memory.Remembered(connection, read.facts, house.profile)
        alerts = [
            *look(self.rules, Batch(read.facts, past, house.profile)),
            *self._of_the_log(connection, read.refusals),
        ]
        raised: Raised = memory.raised(connection)
        return Found(
            start=start,
            stop=read.next_index,
            size=size,
            facts=read.facts,
            days=past.days,
            alerts=only_new(alerts, raised),
        )

    def _of_the_log(
        self, connection: Connection, refusals: Sequence[WitnessRefusal]
    ) -> Iterator[Alert]:
        """Alerts about the log itself: nobody signs it, or a witness knows another one."""
        unsigned, at = reading.unsigned(connection), self.clock()
        for rule in self.rules.all:
            if isinstance(rule, StaleCheckpoint):
                interval = self.checkpoint_interval
                yield from kinds.stale_checkpoint(rule, unsigned, interval=interval, at=at)
            elif isinstance(rule, RefusedWitness):
                yield from kinds.refused_witness(rule, refusals)

    def keep(self, connection: Connection, found: Found) -> list[str]:
        """Write a look down: its alerts as entries, of which these are the ids."""
        house, at = self.house(), self.clock()
        memory.advance(connection, start=found.start, stop=found.stop)
        memory.remember(connection, found.facts, found.days)
        if found.facts:
            # By the log and not by the clock: who comes late finds what one in time would have. And
            # no entry that tells a time to come makes all be forgotten.
            last = min(found.facts[-1].at, at)
            memory.forget(connection, at=last, today=house.legal_date(last))
        return [self._record(connection, house, alert, at=at) for alert in found.alerts]

    def _record(self, connection: Connection, house: House, alert: Alert, *, at: datetime) -> str:
        memory.remember_raised(connection, alert)
        act = Act(
            operation=Operation.ALERT,
            channel=Channel.AUDIT,
            outcome=Outcome.RECORDED,
            fields={**alert.to_json(), "rules": self.rules.digest},
        )
        return record(connection, house, WATCHER, act, at=at).id
