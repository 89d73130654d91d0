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
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import CheckpointRefused
from app.access_log.checkpoints import LogContradicted
from app.access_log.note import NoteRefused, Verifier
from app.access_log.sealing import LogKeys
from app.activation import register
from app.activation.evidence import Evidence
from app.activation.loading import Terms, load
from app.activation.register import ACTIVATION, Verified
from app.administration.in_force import InForce
from app.administration.policy_status import reviews_due
from app.administration.purger import Purger
from app.agencies.provider_keys import ProviderKeys, fetch
from app.api.application import make_application
from app.api.limits import Patience, RateLimit
from app.api.service import Service
from app.audit.sequencer import Sequencer
from app.crypto.json_web_keys import public_jwks
from app.crypto.key_ring import KeyRing
from app.crypto.signing_keys import KeySet
from app.database import Database, make_engine, open_database
from app.house import House
from app.notifications.addresses import EndpointRules
from app.notifications.dispatcher import Dispatcher
from app.policy.archive import Archive
from app.policy.errors import PolicyError
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
    """Everything that doors are handed: the policy in force, keys, profile, randomness.

    Raises:
        NotReady: there is no database, or nothing is in force yet.
        NotBorneOut, ApprovalRefused, PolicyError: what is in force is not rightly so.
    """
    ring = KeyRing.load(settings.key_directory)
    verified = _verified(settings, ring)
    if verified.archive.country != settings.profile:
        raise NotReady(
            f"the policy in force is that of {verified.archive.country}, "
            f"the profile of the settings is {settings.profile}"
        )
    house = house_of(settings, ring, verified.archive, activation=verified.sequence, at=at)
    _warn(house, at)
    return house


def _warn(house: House, at: datetime) -> None:
    """Say what somebody has to look after, though nothing stands still for it."""
    for reviewed in reviews_due(house.bundle, house.legal_date(at)):
        log.warning("the review of %s is due", reviewed)
    if not house.profile.knows_holidays:
        name = house.profile.name
        log.warning("the holidays of %s are not known: weekends alone are days off", name)


def house_of(
    settings: Settings, ring: KeyRing, archive: Archive, *, activation: int, at: datetime
) -> House:
    """The house with this bundle in force."""
    profile = read_profile(settings)
    return House(
        bundle=load(archive, terms(settings, profile, at)),
        activation=activation,
        ring=ring,
        profile=profile,
        issuer=settings.issuer,
        log_origin=settings.log_origin,
        random=secrets.token_bytes,
        require_proven_officers=settings.require_proven_officers,
    )


def read_profile(settings: Settings) -> Profile:
    """The country profile of an installation; NotReady where there is none."""
    file = settings.policies_directory / settings.profile / "profile.toml"
    try:
        return Profile.from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(
            f"{file.absolute()}: this country profile cannot be read; start in the folder of the "
            "policies, or set THROUGHCARE_POLICIES_DIRECTORY"
        ) from error


def check_installation(settings: Settings, clock: Clock) -> House:
    """The house of an installation that can start; raises what speaks against starting it."""
    house = make_house(settings, at=clock())
    with opened(settings) as database:
        database.run_blocking(lambda connection: check_ready(connection, settings, house))
    _say_if_the_folder_differs(settings, house)
    return house


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
        database.run_blocking(lambda connection: check_ready(connection, settings, house))
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
        in_force=InForce(
            database=database,
            house=house,
            terms=lambda at: terms(settings, house.profile, at),
            clock=clock,
            interval=settings.dispatch_interval,
        ),
        token_keys=KeySet.from_jwks(public_jwks(house.ring.token_keys)),
        provider_keys=ProviderKeys(fetch),
        endpoint_rules=EndpointRules(allow_loopback=settings.allow_loopback_delivery),
        clock=clock,
        rate_limit=RateLimit(settings.requests_per_minute, settings.requests_at_once),
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
        raise NotReady(f"the access log and `{file}` disagree: {reason}") from error


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
            raise NotReady(
                "another process of Throughcare works on this database; stop it first"
            ) from None
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


def terms(settings: Settings, profile: Profile, at: datetime) -> Terms:
    """Under which terms this installation loads a bundle now."""
    return Terms(
        at=profile.local_date(at),
        allow_illustrative=settings.allow_illustrative,
        cross_check=settings.cross_check,
    )


def _verified(settings: Settings, ring: KeyRing) -> Verified:
    """The bundle in force, held against the access log; read without the lock of a writer."""
    engine = make_engine(settings.database_url)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            if not inspect(connection).has_table(ACTIVATION.name):
                raise NotReady("the tables are not of this version: run `throughcare init`")
            return register.verify(connection, Evidence(connection, _log_keys(ring)))
    except DBAPIError as error:
        raise NotReady(f"the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()


def _log_keys(ring: KeyRing) -> LogKeys:
    return LogKeys(log_retention=ring.log_retention, blind_index=ring.blind_index)


def _say_if_the_folder_differs(settings: Settings, house: House) -> None:
    """The folder is a proposal at most: what is in force stands in the database."""
    folder = settings.policies_directory
    try:
        there = Archive.read(folder, settings.profile).digest
    except PolicyError:
        there = "cannot be read"
    if there != house.bundle.digest:
        log.warning("%s (%s) is not what is in force: %s", folder, there, house.bundle.digest)


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
