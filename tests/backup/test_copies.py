"""Copies of a database in use: what one transaction sees, and nobody who writes waits."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.engine import make_url

from app.administration import data_keys
from app.administration.data_keys import KEYS
from app.backup import copies
from app.backup.copies import CopyFailed
from app.database import Database
from app.engines import make_engine
from app.files.tables import KeyEncryptionKey
from app.problems import Conflict
from app.rows import insert_new
from tests.conftest import in_database, with_empty_tables, without_tables
from tests.postgresql import PROGRAMS


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")


def names(url: str) -> tuple[str, ...]:
    """What stands in a database."""
    engine = make_engine(url)
    with engine.connect().execution_options(read_only=True) as connection:
        found = data_keys.named(connection)
    engine.dispose()
    return found


def put_back(content: list[bytes], request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of a database from this content."""
    if content[0].startswith(b"SQLite"):
        (folder / "copy").write_bytes(b"".join(content))
        return f"sqlite:///{folder}/copy"
    server = str(request.getfixturevalue("postgresql_url"))
    url = without_tables(in_database(server, "restored"))
    copies.put_into_server(url, content)
    return url


def test_a_copy_is_what_one_transaction_sees_though_others_write(
    database: Database, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    before = database.read_blocking(data_keys.named)

    def copy(connection: Connection) -> list[bytes]:
        connection.execute(select(KEYS)).all()
        # Committed at once, in the middle.
        database.run_blocking(lambda c: insert_new(c, KeyEncryptionKey, key_id="later"))
        return list(copies.pieces(connection))

    content = database.read_blocking(copy)
    assert names(put_back(content, request, tmp_path)) == before
    assert "later" in database.read_blocking(data_keys.named)
    assert list(tmp_path.glob("*.copy*")) == []


def test_of_two_copies_at_once_of_one_file_the_second_is_refused(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.connect().execution_options(read_only=True) as connection:
        connection.execute(text("SELECT 1"))
        first = copies.pieces(connection)
        next(first)
        assert (tmp_path / "a.db.copy").stat().st_mode & 0o077 == 0
        with pytest.raises(Conflict, match="another backup"):
            next(copies.pieces(connection))
        first.close()
        # One that was killed leaves its own; the next one clears it away.
        (tmp_path / "a.db.copy").write_bytes(b"left over" * 10_000)
        assert b"left over" not in b"".join(copies.pieces(connection))
    engine.dispose()
    assert list(tmp_path.glob("*.copy*")) == []


def test_a_copy_that_was_taken_away_just_before_it_was_locked_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        # As the one before ends its own at this moment.
        (tmp_path / "a.db.copy").unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    engine = make_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.connect().execution_options(read_only=True) as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(Conflict, match="another backup"):
            list(copies.pieces(connection))
    engine.dispose()
    assert list(tmp_path.glob("*.copy*")) == []


def test_a_file_that_is_damaged_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file)) as made:
        made.executescript("CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES ('first')")
    file.write_bytes(file.read_bytes().replace(b"first", b"other", 1))
    engine = make_engine(f"sqlite:///{file}")
    with (
        engine.connect().execution_options(read_only=True) as connection,
        pytest.raises(CopyFailed, match="damaged"),
    ):
        list(copies.pieces(connection))
    engine.dispose()


def test_a_server_gets_all_of_it_or_nothing(postgresql_url: str) -> None:
    url = without_tables(in_database(postgresql_url, "restored"))
    engine = make_engine(with_empty_tables(postgresql_url))
    with engine.connect() as connection:
        whole = b"".join(copies.pieces(connection))
    engine.dispose()

    def broken_off() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        copies.put_into_server(url, broken_off())
    with pytest.raises(CopyFailed, match="pg_restore failed"):
        copies.put_into_server(url, [b"no dump of a database"])
    assert tables(url) == []


def tables(url: str) -> list[str]:
    engine = make_engine(url)
    found = inspect(engine).get_table_names()
    engine.dispose()
    return found


def test_no_list_of_processes_shows_a_secret(postgresql_url: str) -> None:
    secrets = {"password": "pass%20word", "sslpassword": "of-the-key"}
    url = make_url(without_tables(in_database(postgresql_url, "restored")))
    address = url.update_query_dict({**secrets, "sslcert": "/nowhere"})
    with copies._Program("pg_restore", (), address) as program:  # noqa: SLF001 - it waits for us
        line = " ".join(cast("list[str]", program.process.args))
    assert "sslcert=/nowhere" in line
    assert not [one for one in secrets.values() if one in line]
    # The server is found by what is handed on.
    engine = make_engine(with_empty_tables(postgresql_url))
    with engine.connect() as connection:
        content = list(copies.pieces(connection))
    engine.dispose()
    copies.put_into_server(address.render_as_string(hide_password=False), content)
    assert tables(url.render_as_string(hide_password=False)) != []


def test_where_the_programs_of_the_server_are_missing_they_are_named(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CopyFailed, match="pg_restore is not on the path"):
        copies.put_into_server(postgresql_url, [])
