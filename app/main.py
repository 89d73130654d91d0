"""The only place that wires: from settings to a running service."""

import asyncio
import fcntl
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import CheckpointRefused
from app.access_log.checkpoints import LogContradicted
from app.access_log.note import NoteRefused, Verifier
from app.administration.purger import Purger
from app.agencies.provider_keys import ProviderKeys, fetch
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

log = logging.getLogger("throughcare.main")

PROJECT = Path(__file__).parent.parent

Clock = Callable[[], datetime]


class NotReady(ThroughcareError):
    """The installation cannot start as it is. The message says what to do."""


def make_clock(settings: Settings) -> Clock:
    """The clock: the system's, or for rehearsals the time that a file names."""
    file = settings.clock_file
    if file is None:
        return lambda: datetime.now(UTC)
    return lambda: _read_clock(file)


def make_house(settings: Settings, *, at: datetime) -> House:
    """Everything that doors are handed: policy, keys, profile, randomness."""
    folder = settings.policies_directory
    profile = _read_profile(folder / settings.profile / "profile.toml")
    return House(
        bundle=load_bundle(
            folder,
            at=profile.local_date(at),
            allow_illustrative=settings.allow_illustrative,
            cross_check=settings.cross_check,
        ),
        ring=KeyRing.load(settings.key_directory),
        profile=profile,
        issuer=settings.issuer,
        log_origin=settings.log_origin,
        random=secrets.token_bytes,
    )


def check_installation(settings: Settings, clock: Clock) -> House:
    """The house of an installation that can start; raises what speaks against starting it."""
    house = make_house(settings, at=clock())
    with opened(settings) as database:
        database.run_blocking(lambda connection: check_ready(connection, settings, house))
    return house


def create_app(
    settings: Settings, *, clock: Clock | None = None, house: House | None = None
) -> FastAPI:
    """The service as an ASGI application; it opens its database when it starts."""
    app = make_application()
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
        database.run_blocking(lambda connection: check_ready(connection, settings, house))
        service = make_service(settings, house, database, clock)
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            for work in (_dispatcher(service), _sequencer(service), _purger(service)):
                task = asyncio.create_task(_watched(type(work).__name__, work.run(stop)))
                stack.push_async_callback(_ended, task)
            stack.callback(stop.set)
            yield service


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, held by this process alone where it is a file.

    NotReady: it cannot be opened, or somebody else holds it.
    """
    with _alone(settings):
        database = open_database(settings.database_url, before_commit=ledger.integrate)
        try:
            _check_reachable(database)
            yield database
        finally:
            database.close()


def make_service(settings: Settings, house: House, database: Database, clock: Clock) -> Service:
    """What the routes have at hand."""
    return Service(
        settings=settings,
        database=database,
        house=house,
        token_keys=KeySet.from_jwks(public_jwks(house.ring.token_keys)),
        provider_keys=ProviderKeys(fetch),
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
    check_log(connection, settings, house.ring)


def check_log(connection: Connection, settings: Settings, ring: KeyRing) -> None:
    """Refuse a log that the checkpoint outside the database disowns, or that lost it."""
    file = settings.checkpoint_file
    try:
        checkpoints.check_at_start(
            connection, file, verifiers=[log_verifier(settings, ring)], origin=settings.log_origin
        )
    except (LogContradicted, NoteRefused, CheckpointRefused, UnicodeDecodeError) as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else error
        raise NotReady(f"the access log and its checkpoint {file} disagree: {reason}") from error


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
    # Resolved, so that two ways to one file meet at one lock.
    lock = Path(f"{Path(url.database).resolve()}.lock")
    try:
        file = lock.open("w")
    except OSError as error:
        raise NotReady(f"{lock}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady("another process of Throughcare works on this database") from None
        yield


def _check_reachable(database: Database) -> None:
    try:
        database.engine.connect().close()
    except DBAPIError as error:
        raise NotReady(f"the database cannot be opened: {error.orig}") from error


def _read_clock(file: Path) -> datetime:
    try:
        at = datetime.fromisoformat(file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise NotReady("the clock file cannot be read: expected an RFC 3339 time") from error
    if at.tzinfo is None:
        raise NotReady("the time in the clock file needs its offset from UTC")
    return at.astimezone(UTC)


def _read_profile(file: Path) -> Profile:
    try:
        return Profile.from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(f"{file}: this country profile cannot be read") from error


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
