"""The running service: the application over HTTP, and what works beside it for ever."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from app.administration.in_force import InForce
from app.administration.purger import Purger
from app.agencies.provider_keys import ProviderKeys, fetch
from app.api.application import make_application
from app.api.limits import Patience, RateLimit
from app.api.service import Service
from app.audit.sequencer import Sequencer
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import KeySet
from app.database import Database
from app.house import House
from app.main import Clock, check_ready, make_clock, make_house, opened, terms
from app.notifications.addresses import EndpointRules
from app.notifications.dispatcher import Dispatcher
from app.settings import Settings

log = logging.getLogger("throughcare.main")


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
    """A service with its dispatcher and sequencer at work; all of it ends with the block."""
    house = house or make_house(settings, at=clock())
    with opened(settings) as database:
        at = clock()
        database.run_blocking(lambda c: check_ready(c, settings, house, at=at))
        service = make_service(settings, house, database, clock)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            for name, work in (
                ("Dispatcher", _dispatcher(service).run(stop)),
                ("Sequencer", _sequencer(service).run(stop)),
                ("InForce", service.in_force.watch(stop)),
                ("Purger", _purger(service).run(stop)),
            ):
                task = asyncio.create_task(_watched(name, work))
                stack.push_async_callback(_ended, task)
            stack.callback(stop.set)
            yield service


def make_service(settings: Settings, house: House, database: Database, clock: Clock) -> Service:
    """What the routes have at hand."""
    return Service(
        settings=settings,
        database=database,
        in_force=InForce(
            database=database,
            house=house,
            terms=lambda at: terms(settings, house.profile, at),
            clock=clock,
            interval=settings.dispatch_interval,
        ),
        token_keys=KeySet.from_jwks(public_jwks(house.ring.token_keys)),
        provider_keys=ProviderKeys(fetch),
        endpoint_rules=EndpointRules.of(
            allow_loopback=settings.allow_loopback_delivery,
            hosts=settings.delivery_hosts,
            networks=settings.delivery_networks,
        ),
        clock=clock,
        rate_limit=RateLimit(settings.requests_per_minute, settings.requests_at_once),
    )


def _dispatcher(service: Service) -> Dispatcher:
    return Dispatcher(
        database=service.database,
        in_force=service.in_force,
        rules=service.endpoint_rules,
        clock=service.clock,
        interval=service.settings.dispatch_interval,
        retry_base=timedelta(seconds=service.settings.retry_base_seconds),
        heartbeat=timedelta(seconds=service.settings.heartbeat_seconds),
    )


def _sequencer(service: Service) -> Sequencer:
    return Sequencer(
        database=service.database,
        key=service.house.ring.log_signing,
        origin=service.settings.log_origin,
        checkpoint_file=service.settings.checkpoint_file,
        clock=service.clock,
        interval=service.settings.checkpoint_interval,
    )


def _purger(service: Service) -> Purger:
    return Purger(database=service.database, clock=service.clock)


async def _watched(name: str, work: Coroutine[None, None, None]) -> None:
    """Say it when something ends that should go on as long as the service runs."""
    try:
        await work
    except Exception:
        log.critical("%s has ended by an error; restart the service", name, exc_info=True)
        raise


async def _ended(task: asyncio.Task[None]) -> None:
    await task
