"""The dispatcher: looks what is due, claims it, sends it, writes down how it went. For ever.

It keeps no state of its own but open connections. Killed at any point, what it had claimed is
claimed again when the lease runs out; a message may then arrive twice, with the same `jti`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from app.administration.in_force import InForce
from app.administration.take_backs import recall_expired
from app.database import Database
from app.house import House
from app.notifications.addresses import EndpointRules
from app.notifications.alarms import record_alarms, record_feeds
from app.notifications.deliver import (
    UNDECIDED,
    UNPREPARED,
    Prepared,
    conclude,
    prepare,
)
from app.notifications.escalate import escalate
from app.notifications.greetings import sealed_heartbeat, sealed_nonce
from app.notifications.health import judge_endpoint
from app.notifications.kept import KeptConnections
from app.notifications.retries import wait
from app.notifications.transport import DEADLINE_SECONDS, Sent, send
from app.outbox import claims, endpoints, feeds, packs, subscriptions
from app.outbox.planning import tell_due
from app.policy.errors import DecisionFailed
from app.problems import Overloaded
from app.telemetry import tracing
from app.telemetry.measures import note_attempt

log = logging.getLogger("throughcare.dispatcher")

# For whom an attempt waits to be recorded. No client can have this name.
NAME = "the dispatcher"
# Under way at once: a bound on open connections.
CLAIM = 64
PERSONS = 500
GREETINGS = 16
# A centre that has not asked for so long has to ask for it by itself: nothing waits for ever.
BACKLOG = timedelta(days=30)
# Longer than an attempt can take, short enough that a killed dispatcher is soon replaced.
LEASE = timedelta(seconds=3 * DEADLINE_SECONDS)
Task = asyncio.Task[None]


class Seal(Protocol):
    """Makes a sealed message about no person."""

    def __call__(self, house: House, subscription: Row[Any], *, at: datetime) -> str:
        """Seal it."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A message about no person that is due at an endpoint."""

    subscription: Row[Any]
    endpoint: str
    seal: Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """What dispatching needs. `clock` gives now; the three times are settings."""

    database: Database
    in_force: InForce
    rules: EndpointRules
    clock: Callable[[], datetime]
    interval: float
    retry_base: timedelta
    heartbeat: timedelta
    kept: KeptConnections = field(default_factory=KeptConnections)

    @property
    def house(self) -> House:
        """What doors are handed at this moment. A decision takes it from `in_force.run`."""
        return self.in_force.house

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop. Whatever fails is tried again: nobody else would do it.

        What is under way is not waited for: one slow endpoint holds up no other. Asked to stop, it
        begins nothing more, and has others go on with what it did not end.
        """
        mine = self.house.new_id()
        under_way: set[Task] = set()
        with self.database.bell.heard() as rung:
            while not stop.is_set():
                rung.clear()
                busy = False
                try:
                    told, begun = await self._begin(stop, mine, room=CLAIM - len(under_way))
                    under_way |= begun
                    busy = bool(told or begun)
                except Exception as error:  # noqa: BLE001 - a dispatcher that has ended is missed by nobody
                    _report("a round", error)
                if not busy:
                    await _pause((stop, rung), under_way, self.interval)
                under_way = {task for task in under_way if not task.done()}
        await asyncio.gather(*under_way)
        await self._give_back(mine)
        self.kept.close()

    async def round(self) -> bool:
        """One look at everything that is due, to its end; whether there was anything to do."""
        told, begun = await self._begin(asyncio.Event(), self.house.new_id(), room=CLAIM)
        await asyncio.gather(*begun)
        self.kept.close()
        return bool(told or begun)

    async def _begin(self, stop: asyncio.Event, mine: str, *, room: int) -> tuple[int, set[Task]]:
        """Tell what is due, and begin to send it as far as there is room.

        `mine` is how the leases of this dispatcher begin.
        """
        told = await self.database.run(self._tell)
        if room <= 0 or stop.is_set():
            return told, set()
        greetings, claimed = await self.database.run(lambda c: self._take(c, mine, room))
        if stop.is_set():
            claimed = []
        work = [*map(self._greet, greetings), *map(self._attempt, claimed)]
        return told, {asyncio.create_task(one) for one in work}

    async def _give_back(self, mine: str) -> None:
        """What was claimed and not ended is free for others now, not when its lease runs out."""
        try:
            await self.database.run(lambda c: claims.give_back(c, lease=mine, at=self.clock()))
        except Exception as error:  # noqa: BLE001 - the leases run out
            _report("giving back", error)

    def _tell(self, connection: Connection) -> int:
        """What the clock makes: events, entries of alarms, the end of waiting and of holds."""
        house, at = self.house, self.clock()
        expired = partial(recall_expired, connection, house, at=at)
        told = tell_due(connection, house.planner, at=at, limit=PERSONS, ended=expired)
        packs.see_to_alarms(connection, new_id=house.new_id, at=at)
        alarmed = record_alarms(connection, house, at=at) + record_feeds(connection, house, at=at)
        given_up = claims.expire(connection, before=at - BACKLOG, at=at, limit=PERSONS)
        moved = given_up + feeds.free(connection, at=at)
        return told + alarmed + escalate(connection, house, at=at) + moved

    def _take(
        self, connection: Connection, mine: str, room: int
    ) -> tuple[list[Greeting], list[Row[Any]]]:
        greetings, at = self._greetings(connection), self.clock()
        # Another one each time: whoever comes late with an old one changes nothing.
        lease = f"{mine}.{self.house.new_id()}"
        claimed = claims.claim(connection, lease=lease, at=at, until=at + LEASE, limit=room)
        return greetings, claimed

    async def _attempt(self, delivery: Row[Any]) -> None:
        """One delivery, from the decision to its outcome. If it fails it holds up no other."""
        with tracing.span("attempt", root=True):
            house, sent = await self._try(delivery)
            if sent is None:
                return
            _measure(sent)
            try:
                await self.database.run(
                    lambda connection: self._conclude(connection, house, delivery, sent)
                )
            except Exception as error:  # noqa: BLE001 - the lease runs out, and it is tried again
                _report(f"the end of delivery {delivery.jti}", error)

    async def _try(self, delivery: Row[Any]) -> tuple[House, Sent | None]:
        """How the delivery was taken, None where there was nothing to send; under which bundle."""

        def work(connection: Connection, house: House) -> tuple[House, Prepared | None]:
            at = self.clock()
            return house, prepare(connection, house, delivery, at=at, until=at + LEASE)

        try:
            house, prepared = await self.in_force.run(work, client=NAME, urgent=True)
        except Overloaded as error:
            # Nothing leaves, and nothing is written down: that would make it worse. It is tried
            # again when its lease runs out.
            _report(f"delivery {delivery.jti}", error)
            return self.house, None
        except DecisionFailed as error:
            _report(f"delivery {delivery.jti}", error)
            return self.house, UNDECIDED
        except Exception as error:  # noqa: BLE001 - a file that cannot be opened must not silence the others
            _report(f"delivery {delivery.jti}", error)
            return self.house, UNPREPARED
        if prepared is None:
            return house, None
        assert prepared.endpoint is not None  # noqa: S101 - what is claimed here has one
        sent = await send(
            prepared.endpoint,
            prepared.sealed,
            receipt=prepared.receipt,
            rules=self.rules,
            kept=self.kept,
        )
        return house, sent

    def _conclude(
        self, connection: Connection, house: House, delivery: Row[Any], sent: Sent
    ) -> None:
        conclude(
            connection,
            house,
            delivery,
            sent,
            retry_base=self.retry_base,
            at=self.clock(),
        )

    def _greetings(self, connection: Connection) -> list[Greeting]:
        """Nonces and heartbeats that are due, each put off until its next time."""
        at = self.clock()
        house = self.house
        found = [
            Greeting(one, one.next_endpoint or one.endpoint, sealed_nonce)
            for one in subscriptions.handshakes_due(connection, at=at, limit=GREETINGS)
        ]
        for greeting in found:
            self._put_off_handshake(connection, house, greeting.subscription, at=at)
        beating = subscriptions.heartbeats_due(
            connection,
            healthy=endpoints.can_be_sent_to(at),
            before=at - self.heartbeat,
            limit=GREETINGS,
        )
        for one in beating:
            subscriptions.change(connection, one.subscription_id, {"heartbeat_at": at})
        return found + [Greeting(one, one.endpoint, sealed_heartbeat) for one in beating]

    def _put_off_handshake(
        self, connection: Connection, house: House, subscription: Row[Any], *, at: datetime
    ) -> None:
        tried = subscription.handshakes + 1
        delay = wait(
            tried,
            base=self.retry_base,
            fraction=house.random_fraction(),
            today=house.legal_date(at),
        )
        subscriptions.postpone_handshake(
            connection, subscription.subscription_id, handshakes=tried, next_at=at + delay
        )

    async def _greet(self, greeting: Greeting) -> None:
        """Send a nonce or a heartbeat. What becomes of a nonce its client says by answering."""
        house, subscription = self.house, greeting.subscription
        try:
            sealed = greeting.seal(house, subscription, at=self.clock())
            sent = await send(greeting.endpoint, sealed, rules=self.rules, kept=self.kept)
            if greeting.seal is sealed_heartbeat:
                await self.database.run(
                    lambda connection: judge_endpoint(
                        connection,
                        house,
                        subscription.subscription_id,
                        sent,
                        retry_base=self.retry_base,
                        at=self.clock(),
                    )
                )
        except Exception as error:  # noqa: BLE001 - one odd key must not keep the others waiting
            _report(f"a greeting of {subscription.subscription_id}", error)


def _measure(sent: Sent) -> None:
    """Count an attempt by how it ended."""
    if sent.ours:
        outcome = "unsent"
    elif sent.accepted:
        outcome = "accepted"
    else:
        outcome = "unanswered" if sent.status_code is None else "refused"
    note_attempt(outcome, sent.milliseconds / 1000)
    tracing.note(outcome=outcome)


def _report(what: str, error: Exception) -> None:
    """Log a failure by its type alone: a message may repeat what was to be written or sent."""
    log.error("%s failed: %s", what, type(error).__name__)


async def _pause(events: Iterable[asyncio.Event], under_way: set[Task], seconds: float) -> None:
    """Until one is set, or something ended that others may have waited for, or it is time."""
    waiting = {asyncio.create_task(_set(one)) for one in events}
    await asyncio.wait(waiting | under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


async def _set(event: asyncio.Event) -> None:
    await event.wait()
