"""How each database is reached, and what is said to the one in other words than to the other."""

import os
import secrets
import socket
import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url

# A writer that cannot take the lock within this time says so instead of hanging.
BUSY_SECONDS = 30
# To one server, of one process. Half of them are for work, half for long reads and the jobs that
# hold a lock while they work.
CONNECTIONS = 16
STATEMENT_MILLISECONDS = 30_000
# Who holds a lock for longer than this stands still: whoever waits for it is told so, and may ask
# again, before its statement would end anyway.
LOCK_MILLISECONDS = 15_000
# A server that takes no connection within this time is not there.
CONNECT_SECONDS = 10
# A machine that went away without a word is noticed within a minute: after half of it, asked three
# times; and where it leaves unanswered what was sent.
_KEEPALIVE: Mapping[str, int] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# A machine that is gone closes no connection: what it held is free again after this time. Longer
# than any work computes between two statements.
IDLE_MILLISECONDS = 300_000
PROGRAM = "throughcare "
# Containers may have one name, and each its process 1: what tells them apart is made by each.
_THIS_START = secrets.token_hex(4)


def make_engine(url: str, *, connections: int = CONNECTIONS) -> Engine:
    """An engine whose transactions mean the same on both databases."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            # As many as may be asked for are kept. Those used last are used next: what they
            # remember of the file is what is read, and the others hold nothing.
            pool_size=connections,
            max_overflow=0,
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,  # an error is logged, and they may be personal data
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args=server_options(),
        hide_parameters=True,  # as above
    )


def server_options() -> dict[str, Any]:
    """How every connection to a server is made: bounds on what may take for ever, and our name."""
    bounds = (
        f"-c statement_timeout={STATEMENT_MILLISECONDS} -c lock_timeout={LOCK_MILLISECONDS} "
        f"-c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}"
    )
    return {
        "connect_timeout": CONNECT_SECONDS,
        "options": bounds,
        "application_name": _process_name(),
        **_KEEPALIVE,
    }


def _process_name() -> str:
    """By which a server tells our processes from one another; it keeps 63 bytes."""
    return f"{PROGRAM}{os.getpid()} {_THIS_START} {socket.gethostname()}"[:63]


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """WAL for readers beside the writer, FULL so that a commit survives a power cut."""
    connection.isolation_level = None  # BEGIN is ours: see _begin_immediate
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    # What a batch of entries writes lies in hundreds of pages, those of their indices: to keep
    # them (KiB) and to bring them home less often (pages of the journal) spares a seventh of it,
    # and up to half of an auditor's page.
    for pragma in ("cache_size=-16000", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a transaction that starts to read and then writes may fail."""
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def empty_journal(engine: Engine) -> None:
    """Take what SQLite's journal holds into its file, and cut the journal to nothing.

    Pages that were overwritten stand in it until then. PostgreSQL has none that is ours to cut.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        driver_of(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def take_time(connection: Connection) -> None:
    """Let statements of this transaction take as long as they need: an index over millions of rows.

    Locks are waited for no longer than by others: everybody who comes later waits behind it.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def wait_turn(connection: Connection, task: int) -> None:
    """Wait until nobody else is at this task; nobody is until this transaction ends.

    As long as for any lock of a server. The file of an embedded database belongs to one process.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(task)))


def others_at_work(connection: Connection) -> bool:
    """Whether another process of this program is connected. A file belongs to one anyway."""
    if connection.dialect.name == "sqlite":
        return False
    found = connection.scalar(
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND starts_with(application_name, :program) "
            "AND application_name <> current_setting('application_name')"
        ),
        {"program": PROGRAM},
    )
    return bool(found)


def touch(connection: Connection) -> None:
    """Ask the database for a commit that means nothing: it fails where no other one could be made.

    SQLite commits a transaction that wrote nothing even where the disk is full, so one page is
    written as it is. A server that cannot write its journal does not answer at all.
    """
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
    else:
        connection.execute(text("SELECT 1"))


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The connection of SQLite's driver that one of the embedded database wraps."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)
