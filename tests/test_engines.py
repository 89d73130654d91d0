"""Connections: what survives, what takes too long, and who does not answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

import app.engines
from app.database import Database, DatabaseUnavailable, open_database
from app.engines import make_engine, take_time
from tests.sheet import SHEET, execute, opened, problem_of, write


def test_sqlite_commits_survive_a_power_cut_and_keep_foreign_keys(tmp_path: Path) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    full = 2
    with opened(f"sqlite:///{tmp_path / 'sheet.db'}") as writer:
        assert writer.run_blocking(pragmas) == ["wal", full, 1, 1]
        assert writer.read_blocking(pragmas) == ["wal", full, 1, 1]


def test_what_takes_too_long_or_was_left_open_is_stopped_on_postgresql(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "30s"
        left_open = text("SHOW idle_in_transaction_session_timeout")
        assert connection.scalar(left_open) == "5min"
    engine.dispose()


@pytest.fixture
def server(request: pytest.FixtureRequest, postgresql_url: str) -> Iterator[Database]:
    """PostgreSQL, with the times of `request.param` in milliseconds in the place of ours."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in request.param.items():
            patch.setattr(app.engines, name, value)
        database = open_database(postgresql_url)
    database.run_blocking(execute("DROP TABLE IF EXISTS child, sheet"))
    database.run_blocking(execute(SHEET))
    database.run_blocking(write(1))
    yield database
    database.run_blocking(execute("DROP TABLE sheet"))
    database.close()


def stand_still(connection: Connection) -> None:
    """Work that computes for longer than a transaction may stay open."""
    connection.execute(text("SELECT 1"))
    threading.Event().wait(0.3)
    connection.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("server", "work"),
    [
        ({"STATEMENT_MILLISECONDS": 50}, execute("SELECT pg_sleep(60)")),
        ({"LOCK_MILLISECONDS": 50}, execute("UPDATE sheet SET filling = 'x' WHERE number = 1")),
        ({"IDLE_MILLISECONDS": 50}, stand_still),
    ],
    indirect=["server"],
    ids=["statement", "lock", "idle"],
)
def test_what_a_server_ends_for_its_time_is_told_and_the_next_work_runs(
    postgresql_url: str, server: Database, work: Callable[[Connection], None]
) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as other:
        other.execute(text("SELECT FROM sheet WHERE number = 1 FOR UPDATE"))
        future = server.submit(work)
        assert isinstance(problem_of(future), DatabaseUnavailable)
    engine.dispose()
    assert server.run_blocking(write(2)) == 2


@pytest.mark.parametrize("server", [{"STATEMENT_MILLISECONDS": 50}], indirect=True)
def test_a_migration_may_take_its_time_and_nobody_else(server: Database) -> None:
    def slow(connection: Connection) -> None:
        take_time(connection)
        connection.execute(text("SELECT pg_sleep(0.1)"))

    server.run_blocking(slow)
    assert isinstance(
        problem_of(server.submit(execute("SELECT pg_sleep(60)"))), DatabaseUnavailable
    )


def test_a_server_that_takes_no_connection_is_not_waited_for(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.engines, "CONNECT_SECONDS", 2)  # the least that the driver takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = make_url(postgresql_url).set(host=host, port=port, query={})
        database = open_database(url.render_as_string(hide_password=False))
        with pytest.raises(DatabaseUnavailable):
            database.run_blocking(write(1))
        database.close()


def test_a_machine_that_is_gone_is_noticed(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        told = raw.info.get_parameters()
    engine.dispose()
    idle, interval, count = (
        int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count")
    )
    assert idle + interval * count <= 60
    assert told["tcp_user_timeout"] == "60000"
