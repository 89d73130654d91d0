"""Commands that make and run an installation: init, serve, dispatch, sequence."""

import asyncio
import logging
import secrets
from datetime import datetime
from typing import Annotated

import typer
from alembic import command
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url

from app import grants
from app.access_log import checkpoints, ledger
from app.activation import register
from app.activation.loading import prove
from app.administration import data_keys
from app.administration.policy_bundles import put_first_in_force
from app.cases.upgrade import authenticate_rows
from app.cli.output import Json, screen, show
from app.crypto.key_ring import KeyRing
from app.engines import take_time, wait_turn
from app.files import store
from app.grants import Role
from app.main import (
    NothingThere,
    NotReady,
    check_installation,
    check_log,
    house_of,
    log_verifier,
    make_clock,
    opened,
    read_profile,
    reading,
    require_profile,
    require_server,
    roles_of_service,
    terms,
)
from app.policy.archive import Archive
from app.policy.errors import PolicyError
from app.revisions import alembic_config
from app.settings import Settings

log = logging.getLogger("throughcare.main")

# As of the sequencer: of all the locks of this database, that of whoever brings it to this version.
TASK = 0x4D49_4752_4154_4F52  # "MIGRATOR"
# In these revisions rows that decide had no code yet. Only the upgrade from them gives rows one:
# at any later time that would make good what somebody put there.
WITHOUT_CODES = ("0001", "0002")
# In these, what was sealed under the only key-encryption key did not name it, and a person's
# wrapped key did not belong to a custodian.
WITHOUT_KEY_NAMES = (*WITHOUT_CODES, "0003", "0004", "0005", "0006", "0007")


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command()(init)
    cli.command()(serve)
    cli.command()(dispatch)
    cli.command()(sequence)


def init(*, as_json: Json = False) -> None:
    """Make keys, tables and a signed access log; put the shipped policy bundle in force.

    What is there is left as it is. Whatever speaks against starting the service is said.
    """
    settings = Settings.from_environment()
    clock = make_clock(settings)
    ring = prepare(settings, at=clock())
    # As who may do what to the database is asked of the service: this runs as the tables' owner.
    check_installation(settings, clock)
    result = {
        "database": make_url(settings.database_url).render_as_string(hide_password=True),
        "keys": str(settings.key_directory),
        "log_key": log_verifier(settings, ring).to_vkey(),
    }
    url = make_url(settings.database_url)
    if url.database and url.get_backend_name() != "sqlite":
        result["roles"] = ", ".join(grants.name_of(role, url.database) for role in Role)
    show(result, as_json=as_json)
    if not as_json:
        screen.print("Put the log key into the agreement between the agencies.")


def serve(
    *,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that share the address (PostgreSQL).")
    ] = 1,
) -> None:
    """Run the service: the interface, and with it the dispatcher and the sequencer.

    Settings are THROUGHCARE_* variables; app/settings.py explains each. With
    THROUGHCARE_EMBED_WORKERS=false it is the interface alone, for `throughcare dispatch` and
    `throughcare sequence` beside it (PostgreSQL).
    """
    settings = Settings.from_environment()
    if workers > 1:
        require_server(settings)
    _log_to_stderr()
    clock = make_clock(settings)
    # Before anything listens: what speaks against starting is one sentence for the operator.
    # The service takes half a second to load; what only prepares it does without.
    from app.processes import memory  # noqa: PLC0415
    from app.processes.server import serve  # noqa: PLC0415
    from app.processes.serving import create_app  # noqa: PLC0415

    house = check_installation(settings, clock, roles=roles_of_service(settings))
    app = create_app(settings, clock=clock, house=house)
    memory.settle()
    serve(app, settings, workers=workers)


def dispatch() -> None:
    """Run a dispatcher as a process of its own: it sends what is due (PostgreSQL).

    Any number may run; they share the work. Asked to stop, it ends what it has begun.
    """
    from app.processes.jobs import dispatching, run_alone  # noqa: PLC0415 - as in `serve`

    settings = Settings.from_environment()
    _log_to_stderr()
    asyncio.run(run_alone(settings, make_clock(settings), dispatching, role=Role.APPLICATION))


def sequence() -> None:
    """Run the sequencer as a process of its own: it numbers and signs the log (PostgreSQL).

    Of several one is at work, and another one goes on when it ends.
    """
    from app.processes.jobs import run_alone, sequencing  # noqa: PLC0415 - as in `serve`

    settings = Settings.from_environment()
    _log_to_stderr()
    asyncio.run(run_alone(settings, make_clock(settings), sequencing, role=Role.SEQUENCER))


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # It would log the address of every delivery.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It would say at every look at the version of the tables how it looks.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def prepare(settings: Settings, *, at: datetime) -> KeyRing:
    """Make what is missing: keys, tables, a bundle in force, the signature of the log, its file.

    Nothing is made before it is certain that the policies can take effect.
    """
    country = _country_in_force(settings)
    if country is not None:
        require_profile(settings, country)
    shipped = _shipped(settings, at) if country is None else None
    with opened(settings) as database:
        if not settings.key_directory.exists() or not any(settings.key_directory.iterdir()):
            database.read_blocking(_refuse_foreign_database)
            KeyRing.create(settings.key_directory, random=secrets.token_bytes)
        ring = KeyRing.load(settings.key_directory)
        database.run_blocking(lambda c: _migrate(c, settings, ring, at=at))
        if shipped is not None and database.read_blocking(register.latest) is None:
            # The first activation: nobody is there yet to sign. From then on it takes two.
            house = house_of(settings, ring, shipped, activation=1, at=at)
            database.run_blocking(lambda c: put_first_in_force(c, house, shipped, at=at))
        note = database.run_blocking(lambda c: _sign(c, settings, ring, at))
        if checkpoints.read_checkpoint_file(settings.checkpoint_file) is None:
            checkpoints.write_checkpoint_file(settings.checkpoint_file, note)
    return ring


def _country_in_force(settings: Settings) -> str | None:
    """Whose policy is in force; None before the first activation."""
    try:
        with reading(settings, register.ACTIVATION) as connection:
            standing = register.latest(connection)
            if standing is None:
                return None
            return register.stored(connection, standing.digest).country
    except NothingThere:
        return None


def _shipped(settings: Settings, at: datetime) -> Archive:
    """The bundle of the folder, loaded with every check and proved."""
    profile = read_profile(settings)
    folder = settings.policies_directory
    try:
        archive = Archive.read(folder, settings.profile)
    except PolicyError as error:
        raise NotReady(
            f"{folder.absolute()} is no folder of policies: {error}; start where `policies` lies, "
            "or set THROUGHCARE_POLICIES_DIRECTORY"
        ) from error
    prove(archive, terms(settings, profile, at))
    return archive


def _refuse_foreign_database(connection: Connection) -> None:
    """New keys beside an old database would open nothing of it."""
    if inspect(connection).has_table("access_log_head"):
        raise NotReady("the database belongs to other keys: put those into the folder of the keys")


def _migrate(connection: Connection, settings: Settings, ring: KeyRing, *, at: datetime) -> None:
    migrate(connection, ring)
    # An older copy of the database must not be made good again by running this.
    check_log(connection, settings, ring, at=at)


def migrate(connection: Connection, ring: KeyRing) -> None:
    """Bring the tables to this version."""
    config = alembic_config()
    config.attributes["connection"] = connection
    take_time(connection)
    # Machines that are started together would make the same tables; the second finds them made.
    wait_turn(connection, TASK)
    before = MigrationContext.configure(connection).get_current_revision()
    command.upgrade(config, "head")
    grant(connection)
    data_keys.register(connection, ring)
    if before in WITHOUT_CODES:
        authenticate_rows(connection, ring=ring)
    if before in WITHOUT_KEY_NAMES:
        data_keys.name_first_key(connection, ring)
        store.bind_to_custodians(connection, ring=ring, random=secrets.token_bytes)


def grant(connection: Connection) -> None:
    """Give the roles of a server what they need; say what an administrator has to run for it."""
    for statement in grants.apply(connection):
        log.warning("an administrator of the server runs, then `init` again: %s", statement)


def _sign(connection: Connection, settings: Settings, ring: KeyRing, at: datetime) -> str:
    # On SQLite the writer gives every entry its place; elsewhere the sequencer is not at work yet.
    ledger.integrate(connection)
    return checkpoints.publish(connection, key=ring.log_signing, origin=settings.log_origin, at=at)
