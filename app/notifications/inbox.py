"""The inbox: what a client polls (the shape of RFC 8936), from the same rows as what is pushed.

For centres that can host no endpoint, and for everybody else the way to what could not be
pushed. A poll confirms what was read, refuses what could not be, and takes what waits: each
decided anew and on record before it leaves. What is not confirmed is handed out again, under
the same `jti` and number.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.vocabulary import Channel
from app.administration.in_force import InForce
from app.agencies.tokens import Caller
from app.crypto.errors import UnsafeKey
from app.house import House
from app.notifications.attempts import record_outcome
from app.notifications.deliver import (
    UNDECIDED,
    UNPREPARED,
    Prepared,
    arrived,
    conclude,
    prepare,
)
from app.notifications.greetings import sealed_heartbeat, sealed_nonce
from app.notifications.transport import Sent
from app.outbox import claims, deliveries, subscriptions
from app.outbox.claims import INBOX
from app.outbox.deliveries import QUARANTINED, SENT, Try
from app.policy.errors import DecisionFailed
from app.problems import Conflict, Overloaded

log = logging.getLogger("throughcare.inbox")

# Nothing is pushed meanwhile: time to open and keep what was polled, and to confirm it.
LEASE = timedelta(seconds=60)
# Instead of a message that was cancelled: what waited behind it can be polled now.
NOTHING_LEFT = Prepared(endpoint=None, sealed="", receipt="")
READ = Sent(status_code=None, problem=None, milliseconds=0, confirmed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One poll: of which subscription, how many at most, what was read, what could not be.

    `refused` has the error code (RFC 8935, section 2.4) of each `jti` that could not be read.
    """

    subscription_id: str
    most: int
    read: tuple[str, ...] = ()
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a poll took: deliveries that are still to be decided, and messages about no person."""

    claimed: tuple[Row[Any], ...]
    greetings: Mapping[str, str]
    more: bool

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing for whoever polled."""
        return not self.claimed and not self.greetings


def take(
    connection: Connection,
    house: House,
    caller: Caller,
    poll: Poll,
    *,
    heartbeat: timedelta,
    at: datetime,
) -> Taken:
    """Settle what a poll says of earlier ones, and take what waits. NotFound, Conflict."""
    subscription = subscriptions.own(connection, poll.subscription_id, client_id=caller.client_id)
    if subscription.status == subscriptions.ENDED:
        raise Conflict("the subscription has ended")
    _settle(connection, house, poll, at=at)
    if poll.most == 0:
        return Taken(claimed=(), greetings={}, more=False)
    claimed, more = claims.claim_for_inbox(
        connection,
        subscription,
        lease=INBOX + house.new_id(),
        at=at,
        until=at + LEASE,
        limit=poll.most,
    )
    greetings = _greetings(connection, house, subscription, heartbeat=heartbeat, at=at)
    return Taken(claimed=tuple(claimed), greetings=greetings, more=more)


def is_waiting(
    connection: Connection, subscription_id: str, *, heartbeat: timedelta, at: datetime
) -> bool:
    """Whether a poll would find something. It tells nobody what."""
    subscription = subscriptions.find(connection, subscription_id)
    if _is_polled(subscription) and (
        not subscription.proven or subscription.heartbeat_at <= at - heartbeat
    ):
        return True
    return claims.is_waiting_in_inbox(connection, subscription, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Sealed messages by `jti`, with their receipts, and whether there is more to poll at once.

    What is about no person has no receipt.
    """

    sets: Mapping[str, str]
    receipts: Mapping[str, str]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where what was taken by a client is decided, sealed and put on record, each by itself."""

    client: str
    in_force: InForce
    clock: Callable[[], datetime]
    retry_base: timedelta

    async def hand_out(self, taken: Taken) -> Handed:
        """The sealed messages; without those that nothing is left of.

        What fails is told once all of them have ended: nothing of a poll goes on behind its answer.
        """
        work = (self._prepare(delivery) for delivery in taken.claimed)
        ended = await asyncio.gather(*work, return_exceptions=True)
        prepared = [_unless_failed(one) for one in ended]
        named = zip((delivery.jti for delivery in taken.claimed), prepared, strict=True)
        made = {jti: one for jti, one in named if one not in (None, NOTHING_LEFT)}
        return Handed(
            sets={**taken.greetings, **{jti: one.sealed for jti, one in made.items()}},
            receipts={jti: one.receipt for jti, one in made.items()},
            more=taken.more or NOTHING_LEFT in prepared,
        )

    async def _prepare(self, delivery: Row[Any]) -> Prepared | None:
        """One message. If it cannot be made it is put off, and holds up no other."""

        def work(connection: Connection, house: House) -> Prepared | None:
            return _hand_out(connection, house, delivery, at=self.clock())

        try:
            return await self.in_force.run(work, client=self.client) or NOTHING_LEFT
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - a file that cannot be opened must not silence the others
            log.error("delivery %s failed: %s", delivery.jti, type(error).__name__)  # noqa: TRY400 - its words may hold what was to be sent
            failed = UNDECIDED if isinstance(error, DecisionFailed) else UNPREPARED
        await self.in_force.database.run(
            lambda connection: conclude(
                connection,
                self.in_force.house,
                delivery,
                failed,
                retry_base=self.retry_base,
                channel=Channel.INBOX,
                at=self.clock(),
            )
        )
        return None


def _unless_failed(ended: Prepared | BaseException | None) -> Prepared | None:
    if isinstance(ended, BaseException):
        raise ended
    return ended


def _hand_out(
    connection: Connection, house: House, delivery: Row[Any], *, at: datetime
) -> Prepared | None:
    prepared = prepare(connection, house, delivery, at=at, until=at + LEASE, channel=Channel.INBOX)
    if prepared is None:
        return None
    number = delivery.attempts + 1
    deliveries.count_attempt(connection, delivery.jti, lease=delivery.lease, attempts=number)
    attempt = Try(
        jti=delivery.jti,
        number=number,
        started_at=at,
        milliseconds=0,
        channel=Channel.INBOX.value,
    )
    deliveries.log_attempt(connection, attempt)
    return prepared


def _settle(connection: Connection, house: House, poll: Poll, *, at: datetime) -> None:
    """Keep what a client says of what it polled. Said twice, or of what is not its own: nothing."""
    told = deliveries.numbered(connection, poll.subscription_id, {*poll.read, *poll.refused.keys()})
    for delivery in told:
        if delivery.status == SENT:
            continue
        if delivery.jti in poll.read:
            arrival = arrived(connection, house, delivery, at=at)
            deliveries.settle(connection, delivery.jti, status=SENT, reason=None, **arrival)
            said = READ
        elif delivery.status != QUARANTINED:
            said = Sent(
                status_code=None,
                problem=f"refused: {poll.refused[delivery.jti]}",
                milliseconds=0,
            )
            deliveries.settle(connection, delivery.jti, status=QUARANTINED, reason=said.problem)
        else:
            continue
        record_outcome(connection, house, delivery, said, channel=Channel.INBOX, at=at)


def _greetings(
    connection: Connection,
    house: House,
    subscription: Row[Any],
    *,
    heartbeat: timedelta,
    at: datetime,
) -> dict[str, str]:
    """The nonce of an open handshake and a heartbeat, for a client that hosts no endpoint."""
    if not _is_polled(subscription):
        return {}
    try:
        if not subscription.proven:
            return {house.new_id(): sealed_nonce(house, subscription, at=at)}
        if subscription.heartbeat_at > at - heartbeat:
            return {}
        subscriptions.change(connection, subscription.subscription_id, {"heartbeat_at": at})
        return {house.new_id(): sealed_heartbeat(house, subscription, at=at)}
    except UnsafeKey:
        log.error("subscription %s has no usable key", subscription.subscription_id)  # noqa: TRY400 - it says all
        return {}


def _is_polled(subscription: Row[Any]) -> bool:
    """Whether it has no endpoint, nor one that is still to be proven."""
    return subscription.endpoint is None and subscription.next_endpoint is None
