"""The running service: the application over HTTP, and what works beside it for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app.administration.purger import Purger
from app.agencies.known_tokens import KnownTokens
from app.agencies.provider_keys import ProviderKeys, fetch
from app.api.application import make_application
from app.api.limits import Patience, RateLimit
from app.api.service import Service
from app.audit.exporter import Exporter
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import KeySet
from app.database import Database
from app.house import House
from app.main import Clock, agreed_witnesses, endpoint_rules, make_clock, make_house, ready
from app.settings import Settings
from app.workers import (
    Job,
    make_backlog,
    make_dispatcher,
    make_in_force,
    make_sequencer,
    make_watcher,
    watched,
    witnessing,
)


def create_app(
    settings: Settings, *, clock: Clock | None = None, house: House | None = None
) -> FastAPI:
    """The service as an ASGI application; it opens its database when it starts."""
    app = make_application()
    app.add_middleware(Patience, idle=settings.body_seconds)
    now = clock or make_clock(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, now, house) as service:
            app.state.service = service
            yield

    app.router.lifespan_context = lifespan
    return app


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, house: House | None = None
) -> AsyncIterator[Service]:
    """A service with what works beside it; all of it ends with the block."""
    house = house or make_house(settings, at=clock())
    with ready(settings, house, clock) as database:
        service = make_service(settings, house, database, clock)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            for name, job in _jobs(service, stop).items():
                task = asyncio.create_task(watched(name, job))
                stack.push_async_callback(_ended, task)
            stack.callback(stop.set)
            yield service


def make_service(settings: Settings, house: House, database: Database, clock: Clock) -> Service:
    """What the routes have at hand."""
    token_keys = KeySet.from_jwks(public_jwks(house.ring.token_keys))
    return Service(
        settings=settings,
        database=database,
        in_force=make_in_force(settings, house, database, clock),
        token_keys=token_keys,
        known_tokens=KnownTokens(token_keys, settings.issuer),
        provider_keys=ProviderKeys(fetch),
        endpoint_rules=endpoint_rules(settings),
        clock=clock,
        rate_limit=RateLimit(settings.requests_per_minute, settings.requests_at_once),
        witnesses=agreed_witnesses(settings, house.ring),
    )


def _jobs(service: Service, stop: asyncio.Event) -> dict[str, Job]:
    """What goes on beside the interface; all of it where there are no processes for some."""
    settings, in_force = service.settings, service.in_force
    database, clock = service.database, service.clock
    purger = Purger(database=database, clock=clock)
    house = service.house
    exporter = Exporter(database=database, keys=house.log_keys(), random=house.random, clock=clock)
    jobs = {
        "InForce": in_force.watch(stop),
        "Purger": purger.run(stop),
        "Exporter": exporter.run(stop),
        "Backlog": make_backlog(settings, database).watch(stop),
    }
    if settings.embed_workers:
        jobs["Dispatcher"] = make_dispatcher(settings, in_force, clock).run(stop)
        jobs["Sequencer"] = make_sequencer(settings, house, database, clock).run(stop)
        jobs |= witnessing(settings, in_force, clock, stop)
        jobs["Watcher"] = make_watcher(settings, in_force, clock).run(stop)
    return jobs


async def _ended(task: asyncio.Task[None]) -> None:
    await task
