"""The only place that wires: from settings to a running service."""

import asyncio
import fcntl
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from app.access_log import checkpoints, ledger
from app.access_log.note import Verifier
from app.api.application import make_application
from app.api.service import Service
from app.audit.sequencer import Sequencer
from app.crypto.json_web_keys import public_jwks
from app.crypto.key_ring import KeyRing
from app.crypto.signing_keys import KeySet
from app.database import Database, open_database
from app.house import House
from app.notifications.addresses import EndpointRules
from app.notifications.dispatcher import Dispatcher
from app.policy.loader import load_bundle
from app.problems import ThroughcareError
from app.releases.profile import Profile
from app.settings import Settings

PROJECT = Path(__file__).parent.parent

Clock = Callable[[], datetime]


class NotReady(ThroughcareError):
    """The installation cannot start as it is. The message says what to do."""


def make_clock(settings: Settings) -> Clock:
    """The clock: the system's, or for rehearsals the time that a file names."""
    file = settings.clock_file
    if file is None:
        return lambda: datetime.now(UTC)
    return lambda: datetime.fromisoformat(file.read_text().strip()).astimezone(UTC)


def make_house(settings: Settings, *, at: datetime) -> House:
    """Everything that doors are handed: policy, keys, profile, randomness."""
    folder = settings.policies_directory
    profile = folder / settings.profile / "profile.toml"
    return House(
        bundle=load_bundle(folder, at=at.date(), allow_illustrative=settings.allow_illustrative),
        ring=KeyRing.load(settings.key_directory),
        profile=Profile.from_toml(profile.read_text(encoding="utf-8")),
        issuer=settings.issuer,
        log_origin=settings.log_origin,
        random=secrets.token_bytes,
    )


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The service as an ASGI application; it opens its database when it starts."""
    app = make_application()
    now = clock or make_clock(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, now) as service:
            app.state.service = service
            yield

    app.router.lifespan_context = lifespan
    return app


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Service]:
    """A service with its dispatcher and sequencer at work; all of it ends with the block."""
    house = make_house(settings, at=clock())
    with opened(settings) as database:
        database.run_blocking(lambda connection: check_ready(connection, settings, house))
        service = make_service(settings, house, database, clock)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            for work in (_dispatcher(service), _sequencer(service)):
                stack.push_async_callback(_ended, asyncio.create_task(work.run(stop)))
            stack.callback(stop.set)
            yield service


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, held by this process alone where it is a file."""
    with _alone(settings):
        database = open_database(settings.database_url, before_commit=ledger.integrate)
        try:
            yield database
        finally:
            database.close()


def make_service(settings: Settings, house: House, database: Database, clock: Clock) -> Service:
    """What the routes have at hand."""
    return Service(
        settings=settings,
        database=database,
        house=house,
        token_keys=KeySet.from_jwks(public_jwks([house.ring.token_signing])),
        endpoint_rules=EndpointRules(allow_loopback=settings.allow_loopback_delivery),
        clock=clock,
    )


def log_verifier(settings: Settings, ring: KeyRing) -> Verifier:
    """The public key of the log, as its auditors hold it (C2SP vkey)."""
    return Verifier.of(settings.log_origin, ring.log_signing)


def check_ready(connection: Connection, settings: Settings, house: House) -> None:
    """Refuse to start on tables of another version, or on a log that its checkpoint disowns."""
    present = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if present != wanted:
        raise NotReady("the tables are not of this version: run `throughcare init`")
    checkpoints.check_at_start(
        connection,
        settings.checkpoint_file,
        verifiers=[log_verifier(settings, house.ring)],
        origin=settings.log_origin,
    )


def alembic_config() -> Config:
    """Alembic as `pyproject.toml` configures it."""
    return Config(toml_file=PROJECT / "pyproject.toml")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the lock beside a database file: two writing processes would wait for each other."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    with Path(f"{url.database}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady("another process of Throughcare works on this database") from None
        yield


def _dispatcher(service: Service) -> Dispatcher:
    return Dispatcher(
        database=service.database,
        house=service.house,
        rules=service.endpoint_rules,
        clock=service.clock,
        interval=service.settings.dispatch_interval,
        retry_base=timedelta(seconds=service.settings.retry_base_seconds),
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


async def _ended(task: asyncio.Task[None]) -> None:
    await task
