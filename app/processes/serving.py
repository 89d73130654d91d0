"""The running service: the application over HTTP, and what works beside it for ever."""

import asyncio
from collections.abc import AsyncIterator, Mapping
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
from app.database import Database, bound_threads
from app.house import House
from app.main import (
    Clock,
    agreed_witnesses,
    endpoint_rules,
    make_clock,
    make_house,
    ready,
    roles_of_service,
)
from app.monitoring.readiness import Readiness
from app.processes.jobs import (
    Job,
    make_backlog,
    make_dispatcher,
    make_in_force,
    make_sequencer,
    make_watcher,
    telling,
    watched,
    witnessing,
)
from app.processes.listener import listen
from app.settings import Settings
from app.telemetry.tracing import exported


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
    bound_threads(settings.database_connections)
    house = house or make_house(settings, at=clock())
    with (
        exported(wanted=settings.tracing),
        ready(settings, house, clock, roles=roles_of_service(settings)) as database,
    ):
        service = make_service(settings, house, database, clock)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            # What is left at the end is on record before the log is signed for the last time.
            _begin(stack, stop, _keepers(service, stop))
            _begin(stack, service.stopping, _senders(service))
            yield service


def _begin(stack: AsyncExitStack, stop: asyncio.Event, jobs: Mapping[str, Job]) -> None:
    """Have these go on until `stop`, which the end of the stack sets and waits for."""
    for name, job in jobs.items():
        stack.push_async_callback(_ended, asyncio.create_task(watched(name, job)))
    stack.callback(stop.set)


def make_service(settings: Settings, house: House, database: Database, clock: Clock) -> Service:
    """What the routes have at hand."""
    in_force = make_in_force(settings, house, database, clock)
    witnesses = agreed_witnesses(settings, house.ring)
    token_keys = KeySet.from_jwks(public_jwks(house.ring.token_keys))
    return Service(
        settings=settings,
        database=database,
        in_force=in_force,
        token_keys=token_keys,
        known_tokens=KnownTokens(token_keys, settings.issuer),
        provider_keys=ProviderKeys(fetch),
        endpoint_rules=endpoint_rules(settings),
        clock=clock,
        rate_limit=RateLimit(settings.requests_per_minute, settings.requests_at_once),
        witnesses=witnesses,
        readiness=Readiness(
            database=database,
            in_force=in_force,
            checkpoint_file=settings.checkpoint_file,
            witnesses=witnesses,
            clock=clock,
        ),
    )


def _senders(service: Service) -> dict[str, Job]:
    """What begins things that last, until the service is to end."""
    settings, house, stop = service.settings, service.house, service.stopping
    exporter = Exporter(
        database=service.database, keys=house.log_keys(), random=house.random, clock=service.clock
    )
    jobs = {"Exporter": exporter.run(stop)}
    if settings.embed_workers:
        dispatcher = make_dispatcher(settings, service.in_force, service.clock)
        jobs["Dispatcher"] = dispatcher.run(stop)
        jobs["Listener"] = listen(service.database, stop)
    return jobs


def _keepers(service: Service, stop: asyncio.Event) -> dict[str, Job]:
    """What else goes on beside the interface, to its very end."""
    settings, in_force = service.settings, service.in_force
    database, clock = service.database, service.clock
    jobs = {
        "InForce": in_force.watch(stop),
        "Purger": Purger(database=database, clock=clock).run(stop),
        "Backlog": make_backlog(settings, database).watch(stop),
        **telling(settings, in_force, clock, "serve", stop),
    }
    if settings.embed_workers:
        jobs["Sequencer"] = make_sequencer(settings, service.house, database, clock).run(stop)
        jobs |= witnessing(settings, in_force, clock, stop)
        jobs["Watcher"] = make_watcher(settings, in_force, clock).run(stop)
    return jobs


async def _ended(task: asyncio.Task[None]) -> None:
    await task
