"""An installation: from settings to its house, its database, and whether it may start."""

import fcntl
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, Table, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from app import grants, revisions
from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import CheckpointRefused, verifiers_of
from app.access_log.checkpoints import (
    CheckpointMissing,
    LogBehindCheckpoint,
    LogContradicted,
    LogForked,
    LogRenamed,
)
from app.access_log.cosignature import Witness
from app.access_log.note import NoteRefused, Verifier
from app.access_log.sealing import LogKeys
from app.access_log.witnesses import NamedWitness, Witnesses
from app.activation import register
from app.activation.evidence import Evidence
from app.activation.loading import Terms, load
from app.activation.register import ACTIVATION, Verified
from app.administration import data_keys
from app.administration.policy_status import reviews_due
from app.alerts.rules import Rules
from app.crypto.claims import LEEWAY_SECONDS
from app.crypto.key_ring import KeyRing
from app.database import Database, open_database
from app.durability import make_private, open_to_others, over_network, unfit, weaknesses
from app.engines import make_engine
from app.grants import Role
from app.house import House
from app.notifications.addresses import EndpointRules
from app.policy.archive import Archive
from app.policy.errors import PolicyError
from app.problems import ThroughcareError
from app.releases.profile import Profile
from app.settings import Settings
from app.telemetry import tracing

log = logging.getLogger("throughcare.main")

# Clocks of several machines differ: one of them may have signed just now.
LEEWAY = timedelta(seconds=LEEWAY_SECONDS)
# Where Linux says what is mounted; nothing is known elsewhere.
MOUNTS = Path("/proc/self/mountinfo")

NO_TABLES = "the tables are not of this version: run `throughcare init`"
NO_FILE = "no database is here: run `throughcare init`, or set THROUGHCARE_DATABASE_URL to the one"
SEQUENCER_BESIDE = (
    ". Where `throughcare sequence` runs beside it as a user of its own, set "
    "THROUGHCARE_EMBED_WORKERS=false instead"
)
ONE_PROCESS = (
    "a SQLite database belongs to one process, and `throughcare serve` does all of it: more "
    "workers, and dispatching and sequencing as processes of their own, need PostgreSQL"
)

# What to do about a log that cannot go on.
LOG_ADVICE: Mapping[type[Exception], str] = MappingProxyType(
    {
        LogBehindCheckpoint: "This is an older copy of the database: put the newest one in its "
        "place. If that is lost, `throughcare access-log recover` goes on under a new name",
        LogForked: "The database was changed, or an older copy of it has grown: put the one that "
        "was signed in its place",
        CheckpointMissing: "Put the newest checkpoint there: agencies and auditors keep it. If "
        "none can be had, `throughcare access-log recover` goes on under a new name",
        LogRenamed: "Set THROUGHCARE_LOG_ORIGIN to that name, and take the checkpoint file of it",
    }
)
WRONG_NOTE = (
    "Is THROUGHCARE_LOG_ORIGIN ({origin}), which the first `throughcare init` fixed, the first "
    "line of the file, and the key of that log in the key ring? If `throughcare access-log "
    "recover` was broken off, run it again"
)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Clock = Callable[[], datetime]


class NotReady(ThroughcareError):
    """The installation cannot start as it is. The message says what to do."""

    # With which status a command ends.
    ends_with: ClassVar[int] = 1


class NothingThere(NotReady):
    """No installation was made here, or one of another version."""


class ServerAway(NotReady):
    """The database server does not answer: whoever starts this may try again by itself."""

    # EX_TEMPFAIL of sysexits.h.
    ends_with: ClassVar[int] = 75


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
    require_profile(settings, verified.archive.country)
    house = house_of(settings, ring, verified.archive, activation=verified.sequence, at=at)
    _warn(house, at)
    return house


def require_profile(settings: Settings, country: str) -> None:
    """NotReady where the settings name another country than the one whose policy is in force."""
    if country != settings.profile:
        raise NotReady(
            f"the policy in force is that of {country}, the profile of the settings is "
            f"{settings.profile}: set THROUGHCARE_PROFILE={country}. The first `throughcare init` "
            "fixed it; another country is an installation of its own (database, keys, checkpoint)"
        )


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
    folder = settings.policies_directory
    file = folder / settings.profile / "profile.toml"
    try:
        return Profile.from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        there = sorted(path.parent.name for path in folder.glob("*/profile.toml"))
        advice = f"set THROUGHCARE_PROFILE to one of {', '.join(there)}, or " if there else ""
        raise NotReady(
            f"{file.absolute()}: this country profile cannot be read; {advice}start in the folder "
            "of the policies, or set THROUGHCARE_POLICIES_DIRECTORY"
        ) from error


def check_installation(settings: Settings, clock: Clock, *, roles: Collection[Role] = ()) -> House:
    """The house of an installation that can start; raises what speaks against starting it.

    `roles` as of `ready`.
    """
    house = make_house(settings, at=clock())
    endpoint_rules(settings)
    agreed_witnesses(settings, house.ring)
    Rules.from_file(settings.alert_rules)
    with ready(settings, house, clock, roles=roles):
        pass
    _say_if_the_folder_differs(settings, house)
    _say_if_the_issuer_is_another_port(settings)
    return house


def endpoint_rules(settings: Settings) -> EndpointRules:
    """Where notices may be sent to; InvalidInput where a network may not be one of them."""
    return EndpointRules.of(
        allow_loopback=settings.allow_loopback_delivery,
        hosts=settings.delivery_hosts,
        networks=settings.delivery_networks,
    )


def agreed_witnesses(settings: Settings, ring: KeyRing) -> Witnesses:
    """The witnesses of the settings, each with a key of its own.

    Raises:
        NotReady: a key is none, is there twice or is the log's own, or there are fewer than must
            sign.
    """
    named = []
    for text in settings.witnesses:
        vkey, _, url = text.partition(" ")
        try:
            named.append(NamedWitness(Witness.from_vkey(vkey), url))
        except NoteRefused as error:
            raise NotReady(f"THROUGHCARE_WITNESSES: {vkey}: {error}") from error
    keys = {one.key.public_key for one in named}
    if len(keys) != len(named) or not keys.isdisjoint(ring.log_signing.accepted):
        raise NotReady("THROUGHCARE_WITNESSES: expected keys of their own, none the log's")
    if named and len(named) < settings.witness_quorum:
        raise NotReady(
            f"THROUGHCARE_WITNESS_QUORUM: {settings.witness_quorum} must sign, of {len(named)}"
        )
    return Witnesses(tuple(named), settings.witness_quorum)


def roles_of_service(settings: Settings) -> Collection[Role]:
    """What `serve` is to the database: where it does all, a sequencer as well."""
    return grants.BOTH if settings.embed_workers else (Role.APPLICATION,)


@contextmanager
def ready(
    settings: Settings, house: House, clock: Clock, *, roles: Collection[Role] = ()
) -> Iterator[Database]:
    """The database of an installation that can start; raises what speaks against starting it.

    What works for ever says as which `roles`: it may do that, and no more. An administrator's
    command says none.
    """
    with opened(settings) as database:
        if roles:
            check_roles(database, settings, roles)
        # The clock is read last: another process may have signed while this one came to it.
        database.run_blocking(lambda c: check_ready(c, settings, house, at=clock()))
        yield database


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, held by this process alone where it is a file.

    NotReady: it cannot be opened, or somebody else holds it.
    """
    with alone(settings):
        file = file_of(settings)
        if file is not None:
            # Where it cannot be made the database says why.
            with suppress(OSError):
                make_private(file)
        database = open_database(
            settings.database_url,
            before_commit=ledger.integrate,
            connections=settings.database_connections,
        )
        try:
            _check_reachable(database)
            _check_fit(database)
            _check_durable(database, settings)
            if file is not None:
                _check_private(file)
            yield database
        finally:
            database.close()


def require_server(settings: Settings) -> None:
    """NotReady where the database is a file, on which no second process can work."""
    if file_of(settings) is not None:
        raise NotReady(ONE_PROCESS)


def log_verifier(settings: Settings, ring: KeyRing) -> Verifier:
    """The public key of the log, as its auditors hold it (C2SP vkey)."""
    return Verifier.of(settings.log_origin, ring.log_signing)


def log_verifiers(settings: Settings, ring: KeyRing) -> tuple[Verifier, ...]:
    """The public keys that a checkpoint of the log may be signed with."""
    return verifiers_of(settings.log_origin, ring.log_signing)


def check_ready(connection: Connection, settings: Settings, house: House, *, at: datetime) -> None:
    """Refuse to start on tables of another version, without a key, or on a log that is not whole.

    `at` is the present moment: it is not before the last signature under the log.
    """
    if not settings.embed_workers:
        require_server(settings)
    if settings.tracing and not tracing.is_installed():
        raise NotReady("THROUGHCARE_TRACING needs the extra: pip install 'throughcare[tracing]'")
    if not revisions.fit(connection):
        raise NotReady(NO_TABLES)
    check_log(connection, settings, house.ring, at=at)
    if absent := data_keys.missing(connection, house.ring):
        raise NotReady(
            f"{settings.key_directory}: the key-encryption key {absent[0]} is missing, and data "
            "hang on it: put its file back (docs/runbook.md). Without it cannot be read: "
            f"{data_keys.hanging_on(connection, house.ring, absent[0])}"
        )
    data_keys.register(connection, house.ring)


def check_log(connection: Connection, settings: Settings, ring: KeyRing, *, at: datetime) -> None:
    """Refuse a log that the checkpoint outside the database disowns, or that lost it.

    And a clock that was set back: entries would tell times before those that were signed.
    """
    file = settings.checkpoint_file
    try:
        checkpoints.check_at_start(
            connection, file, verifiers=log_verifiers(settings, ring), origin=settings.log_origin
        )
    except (LogContradicted, NoteRefused, CheckpointRefused, UnicodeDecodeError) as error:
        reason = "not text" if isinstance(error, UnicodeDecodeError) else error
        advice = LOG_ADVICE.get(type(error), WRONG_NOTE.format(origin=settings.log_origin))
        raise NotReady(
            f"the access log and `{file}` disagree: {reason}. {advice} (docs/runbook.md)"
        ) from error
    signed_at = checkpoints.last_signed_at(connection)
    if signed_at is not None and at < signed_at - LEEWAY:
        raise NotReady(
            f"the clock says {at:%Y-%m-%dT%H:%M:%SZ}, and the access log was signed at "
            f"{signed_at:%Y-%m-%dT%H:%M:%SZ}: set the clock right"
        )


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the lock beside a database file: two writing processes would wait for each other."""
    database = file_of(settings)
    if database is None:
        yield
        return
    lock = Path(f"{database}.lock")
    try:
        # Who may open it may hold it, and nothing would start.
        make_private(lock)
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


def file_of(settings: Settings) -> Path | None:
    """The file of an embedded database, or None where there is a server."""
    url = make_url(settings.database_url)
    embedded = url.get_backend_name() == "sqlite" and url.database
    # Resolved, so that two ways to one file meet.
    return Path(url.database or "").resolve() if embedded else None


def _check_fit(database: Database) -> None:
    for reason in database.read_blocking(unfit):
        raise NotReady(f"the database cannot be used: {reason}")


def _check_durable(database: Database, settings: Settings) -> None:
    """Refuse a database whose commits may be lost: the record of a disclosure would be, too."""
    found = database.read_blocking(weaknesses)
    file = file_of(settings)
    if file is not None and MOUNTS.exists() and (kind := over_network(file, MOUNTS.read_text())):
        found.append(f"its file lies on {kind}, where its locks may not hold")
    if found and not settings.allow_unsafe_database:
        raise NotReady(
            f"the database is not safe: {'; '.join(found)}. On data that nobody needs, "
            "THROUGHCARE_ALLOW_UNSAFE_DATABASE=true starts it all the same"
        )
    for one in found:
        log.warning("NOT FOR REAL DATA: the database may lose what was recorded: %s", one)


def check_roles(database: Database, settings: Settings, roles: Collection[Role]) -> None:
    """Refuse a user of the server that may not do its work, or may do more than that."""
    if database.engine.dialect.name == "sqlite":
        return
    may_not = database.read_blocking(lambda c: grants.lacking(c, roles))
    user = database.read_blocking(grants.user)
    wanted = ", ".join(database.read_blocking(lambda c: grants.names(c, roles)))
    if may_not:
        raise NotReady(
            f"the database user {user} may not {may_not[0]}: run `throughcare init` as the owner "
            f"of the tables, then GRANT {wanted} TO {user} (docs/hardening.md)"
            + (SEQUENCER_BESIDE if Role.SEQUENCER in roles and Role.APPLICATION in roles else "")
        )
    more = database.read_blocking(lambda c: grants.excess(c, roles))
    if more and not settings.allow_unsafe_database:
        raise NotReady(
            f"the database user {user} {'; '.join(more)}: connect as one that is a member of "
            f"{wanted} and of nothing else (docs/hardening.md). On data that nobody needs, "
            "THROUGHCARE_ALLOW_UNSAFE_DATABASE=true starts it all the same"
        )
    if more:
        log.warning("NOT FOR REAL DATA: the database user %s %s", user, "; ".join(more))


def _check_private(file: Path) -> None:
    for one in open_to_others(file):
        raise NotReady(f"{one}: must be a file that only its owner can use (chmod 600)")


def _check_reachable(database: Database) -> None:
    try:
        database.engine.connect().close()
    except DBAPIError as error:
        raise _not_opened(error, database.engine) from error


def _not_opened(error: DBAPIError, engine: Engine) -> NotReady:
    """A file that cannot be opened has to be put right; a server may only be starting."""
    away = engine.dialect.name != "sqlite" and isinstance(error, OperationalError)
    kind = ServerAway if away else NotReady
    return kind(f"the database cannot be opened: {error.orig}")


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
    with reading(settings, ACTIVATION) as connection:
        return register.verify(connection, Evidence(connection, LogKeys.of(ring)))


@contextmanager
def reading(settings: Settings, table: Table) -> Iterator[Connection]:
    """A connection that reads, also beside a running service; NothingThere without this table."""
    file = file_of(settings)
    # To look at it must not make it.
    if file is not None and not file.exists():
        raise NothingThere(f"{file}: {NO_FILE}")
    engine = make_engine(settings.database_url)
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            if not inspect(connection).has_table(table.name):
                raise NothingThere(NO_TABLES)
            yield connection
    except DBAPIError as error:
        raise _not_opened(error, engine) from error
    finally:
        engine.dispose()


def _say_if_the_folder_differs(settings: Settings, house: House) -> None:
    """The folder is a proposal at most: what is in force stands in the database."""
    folder = settings.policies_directory
    try:
        there = Archive.read(folder, settings.profile).digest
    except PolicyError:
        there = "cannot be read"
    if there != house.bundle.digest:
        log.warning("%s (%s) is not what is in force: %s", folder, there, house.bundle.digest)


def _say_if_the_issuer_is_another_port(settings: Settings) -> None:
    """On one machine nothing stands between the address that agencies have and this one."""
    issuer = urlsplit(settings.issuer)
    if issuer.hostname in LOOPBACK and (issuer.port or 80) != settings.port:
        log.warning(
            "THROUGHCARE_ISSUER is %s and THROUGHCARE_PORT is %s: tokens are for that address, "
            "where agencies do not find this service",
            settings.issuer,
            settings.port,
        )
