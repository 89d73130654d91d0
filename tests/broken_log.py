"""Work that cannot be recorded, by the database's own means: nothing of ours is replaced.

A constraint that breaks at COMMIT, a trigger that refuses an entry, and a full disk. On SQLite it
is full because the file may not grow and each entry needs more than there is; PostgreSQL has no
such limit, so there a trigger raises what a full disk raises (SQLSTATE 53100).
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

from sqlalchemy import Connection, event, text

from app.capacity import SHARES, Capacity
from app.database import Database, DatabaseUnavailable
from app.engines import CONNECTIONS

PATIENCE = 60
How = Mapping[str, tuple[str, ...]]

FUNCTION = """CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no room'; END $$"""
BEFORE_EACH = """CREATE TRIGGER broken_entry BEFORE INSERT ON access_log_entry
    FOR EACH ROW EXECUTE FUNCTION broken()"""
AT_COMMIT: How = {
    "sqlite": (
        "CREATE TABLE broken_parent (id INTEGER PRIMARY KEY)",
        """CREATE TABLE broken
            (id INTEGER REFERENCES broken_parent (id) DEFERRABLE INITIALLY DEFERRED)""",
        """CREATE TRIGGER broken_entry AFTER INSERT ON access_log_entry
            BEGIN INSERT INTO broken VALUES (1); END""",
    ),
    "postgresql": (
        FUNCTION,
        """CREATE CONSTRAINT TRIGGER broken_entry AFTER INSERT ON access_log_entry
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION broken()""",
    ),
}
AT_ONCE: How = {
    "sqlite": (
        """CREATE TRIGGER broken_entry BEFORE INSERT ON access_log_entry
            BEGIN SELECT RAISE(ABORT, 'no room'); END""",
    ),
    "postgresql": (FUNCTION, BEFORE_EACH),
}
WHOLE_TRANSACTION: How = {
    **AT_ONCE,
    "sqlite": (
        """CREATE TRIGGER broken_entry BEFORE INSERT ON access_log_entry
            BEGIN SELECT RAISE(ROLLBACK, 'no room'); END""",
    ),
}
FULL: How = {
    "sqlite": (
        "CREATE TABLE broken (filling BLOB)",
        """CREATE TRIGGER broken_entry AFTER INSERT ON access_log_entry
            BEGIN INSERT INTO broken VALUES (zeroblob(10000000)); END""",
    ),
    "postgresql": (
        FUNCTION.replace("'no room'", "'no room' USING ERRCODE = 'disk_full'"),
        BEFORE_EACH,
    ),
}
MENDED: How = {
    "sqlite": (
        "DROP TRIGGER broken_entry",
        "DROP TABLE IF EXISTS broken",
        "DROP TABLE IF EXISTS broken_parent",
    ),
    "postgresql": ("DROP TRIGGER broken_entry ON access_log_entry", "DROP FUNCTION broken"),
}


@contextmanager
def broken(database: Database, how: How) -> Iterator[None]:
    """Until the block ends no entry can be recorded."""
    name = database.engine.dialect.name
    _execute(database, *how[name])
    try:
        if name == "sqlite" and how is FULL:
            with _may_not_grow(database):
                yield
        else:
            yield
    finally:
        _execute(database, *MENDED[name])


def _execute(database: Database, *statements: str) -> None:
    """On a connection of its own, as somebody beside the service would."""
    with database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def overflowing(database: Database) -> Iterator[None]:
    """Until the block ends transactions hold the writer, and as much waits as may."""
    leave = threading.Event()

    def wait(_: Connection) -> None:
        leave.wait(PATIENCE)

    before, database.capacity = database.capacity, Capacity(total=32)
    # As many as the threads of a PostgreSQL pool, and more; SQLite has one.
    futures = [database.submit(wait) for _ in range(CONNECTIONS)]
    futures += [
        database.submit(wait, client=f"client-{number}", urgent=True)
        for number in range(SHARES)
        for _ in range(32 // SHARES)
    ]
    assert not any(future.done() for future in futures)
    try:
        yield
    finally:
        leave.set()
        database.capacity = before
        for future in futures:
            future.result(PATIENCE)


@contextmanager
def _may_not_grow(database: Database) -> Iterator[None]:
    """The file of now is all that there is room for."""

    def limit(pages: int) -> None:
        def work(connection: Connection) -> None:
            _limited(cast("Any", connection.connection.driver_connection), pages)

        # The writing connection of now; after a failure there is another one.
        database.run_blocking(work)

    def full(connection: sqlite3.Connection, _: object) -> None:
        _limited(connection, 1)  # SQLite takes the present size for it

    limit(1)
    event.listen(database.engine, "connect", full)
    try:
        yield
    finally:
        event.remove(database.engine, "connect", full)
        # Nobody is handed a connection later that was made meanwhile. If that of the writer fails
        # with what it writes now, its next one is a new one, too.
        database.engine.dispose()
        with suppress(DatabaseUnavailable):
            limit(1_073_741_823)


def _limited(connection: sqlite3.Connection, pages: int) -> None:
    connection.execute(f"PRAGMA max_page_count = {pages}")
