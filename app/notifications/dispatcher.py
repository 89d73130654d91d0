"""The dispatcher: looks what is due, claims it, sends it, writes down how it went. For ever.

It keeps no state of its own. Killed at any point, what it had claimed is claimed again when
the lease runs out; a message may then arrive twice, with the same `jti`.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from app.administration.in_force import InForce
from app.administration.take_backs import recall_expired
from app.crypto.sealing_keys import EncryptionKey
from app.database import Database
from app.house import House
from app.notifications.addresses import EndpointRules
from app.notifications.alarms import record_alarms, record_feeds
from app.notifications.deliver import UNDECIDED, Prepared, conclude, prepare
from app.notifications.envelope import VERIFICATION, Message, enclose
from app.notifications.escalate import escalate
from app.notifications.retries import wait
from app.notifications.subscribe import nonce_of
from app.notifications.transport import DEADLINE_SECONDS, Sent, send
from app.outbox import deliveries, subscriptions
from app.outbox.planning import tell_due
from app.policy.errors import DecisionFailed

log = logging.getLogger("throughcare.dispatcher")

# Claimed at once, and so sent at once: a bound on open connections.
CLAIM = 64
PERSONS = 500
HANDSHAKES = 16
# Longer than an attempt can take, short enough that a killed dispatcher is soon replaced.
LEASE = timedelta(seconds=3 * DEADLINE_SECONDS)
JITTER_BYTES = 2
# An attempt that did not come to sending: it counts, and is tried again like any other.
UNPREPARED = Sent(status_code=None, problem="could not be prepared", milliseconds=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """What dispatching needs. `clock` gives now; `interval` and `retry_base` are settings."""

    database: Database
    in_force: InForce
    rules: EndpointRules
    clock: Callable[[], datetime]
    interval: float
    retry_base: timedelta

    @property
    def house(self) -> House:
        """What doors are handed at this moment. A decision takes it from `in_force.run`."""
        return self.in_force.house

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop. Whatever fails is tried again: nobody else would do it."""
        while not stop.is_set():
            try:
                busy = await self.round()
            except Exception as error:  # noqa: BLE001 - a dispatcher that has ended is missed by nobody
                _report("a round", error)
                busy = False
            if not busy:
                await _pause(stop, self.interval)

    async def round(self) -> bool:
        """One look at everything that is due; whether there was anything to do."""
        told = await self.database.run(self._tell)
        shaken = await self._shake_hands()
        sent = await self._deliver()
        return bool(told or shaken or sent)

    def _tell(self, connection: Connection) -> int:
        """What the clock makes, and the entries of alarms that it or anybody raised."""
        house, at = self.house, self.clock()
        expired = partial(recall_expired, connection, house, at=at)
        told = tell_due(connection, house.planner, at=at, limit=PERSONS, ended=expired)
        alarmed = record_alarms(connection, house, at=at) + record_feeds(connection, house, at=at)
        return told + alarmed + escalate(connection, house, at=at)

    async def _deliver(self) -> int:
        """Claim what is due, prepare it, send it at once, and conclude it."""
        at = self.clock()
        lease = self.house.new_id()
        claimed = await self.database.run(
            lambda connection: deliveries.claim(
                connection, lease=lease, at=at, until=at + LEASE, limit=CLAIM
            )
        )
        await asyncio.gather(*(self._attempt(delivery) for delivery in claimed))
        return len(claimed)

    async def _attempt(self, delivery: Row[Any]) -> None:
        """One delivery, from the decision to its outcome. If it fails it holds up no other."""
        house, sent = await self._try(delivery)
        if sent is None:
            return
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
            house, prepared = await self.in_force.run(work)
        except DecisionFailed as error:
            _report(f"delivery {delivery.jti}", error)
            return self.house, UNDECIDED
        except Exception as error:  # noqa: BLE001 - a file that cannot be opened must not silence the others
            _report(f"delivery {delivery.jti}", error)
            return self.house, UNPREPARED
        if prepared is None:
            return house, None
        return house, await send(prepared.endpoint, prepared.sealed, rules=self.rules)

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

    async def _shake_hands(self) -> int:
        """Send the nonce of each new subscription; it is answered by a call of its client."""
        due = await self.database.run(self._claim_handshakes)
        await asyncio.gather(*(self._shake(subscription) for subscription in due))
        return len(due)

    def _claim_handshakes(self, connection: Connection) -> list[Row[Any]]:
        """Subscriptions to greet now, each put off until its next time."""
        at = self.clock()
        due = subscriptions.handshakes_due(connection, at=at, limit=HANDSHAKES)
        for subscription in due:
            tried = subscription.handshakes + 1
            delay = wait(
                tried,
                base=self.retry_base,
                fraction=int.from_bytes(self.house.random(JITTER_BYTES)) / 256**JITTER_BYTES,
                today=self.house.legal_date(at),
            )
            subscriptions.postpone_handshake(
                connection,
                subscription.subscription_id,
                handshakes=tried,
                next_at=at + delay,
            )
        return due

    async def _shake(self, subscription: Row[Any]) -> None:
        """Send one nonce. Whatever becomes of it: the client answers it, or it is sent again."""
        try:
            sealed = self._sealed_nonce(subscription)
        except Exception as error:  # noqa: BLE001 - one odd key must not keep the others waiting
            _report(f"the handshake of {subscription.subscription_id}", error)
            return
        await send(subscription.endpoint, sealed, rules=self.rules)

    def _sealed_nonce(self, subscription: Row[Any]) -> str:
        message = Message(
            audience=subscription.client_id,
            jti=self.house.new_id(),
            txn=self.house.new_id(),
            event_type=VERIFICATION,
            event={
                "subscription_id": subscription.subscription_id,
                "nonce": nonce_of(self.house, subscription.subscription_id),
            },
        )
        return enclose(
            message,
            issuer=self.house.issuer,
            signer=self.house.ring.notification_signing,
            recipient=EncryptionKey.from_jwk(subscription.encryption_jwk),
            at=self.clock(),
        )


def _report(what: str, error: Exception) -> None:
    """Log a failure by its type alone: a message may repeat what was to be written or sent."""
    log.error("%s failed: %s", what, type(error).__name__)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
