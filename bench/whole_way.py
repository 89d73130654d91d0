"""The whole way of a notice through the running service, on one machine with its receiver.

`dispatched`: what waits is claimed, decided anew (held against the reference engine), recorded,
signed, sealed, posted and marked, by one dispatcher with 64 under way; each delivery is two
transactions. `latency`: from the answer to the request that reports an escape, which comes once
it is committed, until the receiver has the notice: the dispatcher is rung for.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import uvloop
from sqlalchemy import func, select, update

from app.outbox.deliveries import DELIVERY, QUEUED, SENT
from app.outbox.subscriptions import SUBSCRIPTION
from bench.receiver import Receiver, receiving
from tests.notifications.agency import Agency
from tests.notifications.mailroom import mailroom
from tests.notifications.play import Prison, Town, open_http
from tests.world import ASLEEP, running_world

AGENCIES = 8
PERSONS = 50
EVENTS = 25
INTERVAL = 1.0
DAYS_BEFORE = 50  # some milestones are past, so that a notice is due at once
LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Scene:
    """A town with a prison, and a receiver that takes what its agencies are sent."""

    town: Town
    prison: Prison
    receiver: Receiver

    def move_in(self, agency: Agency) -> None:
        """Send its notices to the receiver."""
        moved = update(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == agency.agency_id)
        endpoint = self.receiver.url(agency.agency_id)
        self.town.work(lambda c: c.execute(moved.values(endpoint=endpoint)))

    def count(self, status: str) -> int:
        """Deliveries of a status."""
        query = select(func.count()).where(DELIVERY.c.status == status)
        return self.town.look(lambda c: c.scalar(query)) or 0


@contextmanager
def scene(url: str, *, interval: float) -> Iterator[Scene]:
    """The service on this database; its dispatcher looks so often."""
    with (
        tempfile.TemporaryDirectory() as name,
        mailroom() as post,
        open_http() as http,
        receiving(moments=True) as receiver,
        running_world(url, Path(name), dispatch_interval=interval) as world,
    ):
        town = Town(world, post, http)
        if interval == ASLEEP:
            town.dispatcher = town.another_dispatcher()
        custodian = town.join("correctional_service", purpose="release_preparation")
        yield Scene(town, Prison(custodian, town), receiver)


def dispatched(url: str) -> dict[str, Any]:
    """Deliveries in a second, and the processor time of each."""
    with scene(url, interval=ASLEEP) as at:
        for number in range(AGENCIES):
            at.move_in(at.town.subscribed("probation_service", name=f"probation-{number}"))
        for _ in range(PERSONS):
            at.prison.admit(at.town.release_in(DAYS_BEFORE))
        at.town.tell()
        waiting, before = at.count(QUEUED), at.count(SENT)
        started, used = time.perf_counter(), time.process_time()
        uvloop.run(_drain(at))
        taken, used = time.perf_counter() - started, time.process_time() - used
        sent = at.count(SENT) - before
    return {
        "waiting": waiting,
        "sent": sent,
        "per_second": sent / taken,
        "us_of_processor": used / sent * 1e6,
    }


async def _drain(at: Scene) -> None:
    stop = asyncio.Event()
    dispatcher = replace(at.town.another_dispatcher(), interval=0.05)
    at_work = asyncio.create_task(dispatcher.run(stop))
    end = time.monotonic() + LONGEST_SECONDS
    while await asyncio.to_thread(at.count, QUEUED) and time.monotonic() < end:  # noqa: ASYNC110 - asked of the database
        await asyncio.sleep(0.1)
    stop.set()
    await at_work


def latency(url: str) -> dict[str, float]:
    """Seconds from a committed escape to its receipt."""
    with scene(url, interval=INTERVAL) as at:
        police = at.town.subscribed("police_local")
        at.move_in(police)
        chance = Random(EVENTS)  # noqa: S311 - a play of chance, not a secret
        taken = [_escape(at, chance) for _ in range(EVENTS)]
    return {
        "interval": INTERVAL,
        "events": EVENTS,
        "seconds_p50": statistics.median(taken),
        "seconds_p99": statistics.quantiles(taken, n=100, method="inclusive")[98],
    }


def _escape(at: Scene, chance: Random) -> float:
    reference = at.prison.admit(at.town.release_in(500))
    # At any moment between two looks of the dispatcher, and not just after one.
    time.sleep(chance.uniform(0, INTERVAL))
    answer = at.prison.agency.call(
        "POST", f"/v1/inmate-files/{reference}/events", {"event": "escaped"}
    )
    committed = time.monotonic()
    assert answer.is_success, answer.text  # noqa: S101 - what failed is no measure
    return at.receiver.moment() - committed
