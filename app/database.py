"""Where work runs and how it commits. Everything below is a plain function of a connection.

Two homes, one promise: `run(work)` answers only once what `work` wrote is durable.

- SQLite (one machine): one writer thread owns the only writing connection. It takes all
  work that waits, runs each piece in a SAVEPOINT of its own, commits once, then answers
  all. No timer: under load batches grow by themselves, alone a piece never waits.
- PostgreSQL: each piece of work is a transaction of its own on a pool of threads.

Work for a client is bounded (`app.capacity`); that of the service itself is what makes room
again, so it is never refused.
"""

import asyncio
import os
import queue
import socket
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Engine,
    Table,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from app.capacity import Capacity
from app.problems import Overloaded, Unavailable
from app.telemetry import tracing
from app.telemetry.measures import committing

T = TypeVar("T")
Work = Callable[[Connection], T]
Hook = Callable[[Connection], Any]
# Work and the future that waits for its result; and how it ended: result, or problem.
Piece = tuple[Work[Any], Future[Any]]
Outcome = tuple[Future[Any], Any, Exception | None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# A day is left for time zones.
EARLIEST = (datetime.min.replace(tzinfo=UTC) + timedelta(days=1) - EPOCH) // MICROSECOND
LATEST = (datetime.max.replace(tzinfo=UTC) - timedelta(days=1) - EPOCH) // MICROSECOND
# One commit answers at most this many: a bound on memory and on the wait of the first.
BATCH = 256
# A long read sees one state: in WAL mode SQLite gives that by itself.
_SNAPSHOT: Mapping[str, dict[str, Any]] = {
    "sqlite": {"read_only": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
# A writer that cannot take the lock within this time says so instead of hanging.
BUSY_SECONDS = 30
POOL_THREADS = 8
STATEMENT_MILLISECONDS = 30_000
# A machine that is gone closes no connection: what it held is free again after this time. Longer
# than any work computes between two statements.
IDLE_MILLISECONDS = 300_000
PROGRAM = "throughcare "
# What says that the database, and not the work, has failed.
FAILURES = (DBAPIError, PoolTimeout)
NOT_DURABLE = "the record could not be made durable"
STOPPING = "the service is stopping"


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since 1970-01-01 UTC: the same order and value on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware datetime to integer; a naive one is a mistake and refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Integer to an aware datetime in UTC.

        One that no calendar has was altered. It is read as the nearest that there is: whoever
        could stop all readers of the log with it would hide what else was altered.
        """
        if value is None:
            return None
        return EPOCH + min(max(value, EARLIEST), LATEST) * MICROSECOND


class DatabaseUnavailable(Unavailable):
    """The transaction could not be made durable; nothing of it stands."""


class Database(ABC):
    """Runs work in transactions. Made by `open_database`, ended by `close`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.capacity = Capacity()
        self._closed = False
        # Nothing is queued behind the end: nobody would ever answer it.
        self._gate = threading.Lock()

    def submit(
        self, work: Work[T], *, client: str | None = None, urgent: bool = False
    ) -> Future[T]:
        """Queue work; the future holds its result once it is committed.

        `client` is whom the work is for, None where it is the service's own. It is Overloaded
        where too much waits already. A failing database is DatabaseUnavailable; what the work
        itself raises comes as it is.
        """
        if client is None:
            return self._queue_unless_closed(work)
        capacity = self.capacity
        try:
            capacity.enter(client, urgent=urgent)
        except Overloaded as problem:
            return _refused(problem)
        future = self._queue_unless_closed(work)
        future.add_done_callback(lambda _: capacity.leave(client))
        return future

    def _queue_unless_closed(self, work: Work[T]) -> Future[T]:
        with self._gate:
            if not self._closed:
                return tracing.queued(work, self._queue)
        return _refused(DatabaseUnavailable(STOPPING))

    async def run(self, work: Work[T], *, client: str | None = None, urgent: bool = False) -> T:
        """Run work in a transaction and wait until it is durable. Otherwise as `submit`."""
        return await asyncio.wrap_future(self.submit(work, client=client, urgent=urgent))

    def run_blocking(self, work: Work[T]) -> T:
        """The same for callers without an event loop (command line, tests)."""
        return self.submit(work).result()

    async def read(self, work: Work[T]) -> T:
        """Run a long read on a snapshot of its own, away from the writer."""
        return await asyncio.to_thread(self.read_blocking, work)

    def read_blocking(self, work: Work[T]) -> T:
        """The same without an event loop. What `work` writes is rolled back."""
        if self._closed:
            raise DatabaseUnavailable(STOPPING)
        try:
            with self.engine.connect() as connection:
                return work(connection.execution_options(**_SNAPSHOT[connection.dialect.name]))
        except FAILURES as error:
            raise DatabaseUnavailable("the database cannot be read now") from error

    def close(self) -> None:
        """Finish what waits, then let go of every connection. A second call does nothing."""
        with self._gate:
            closed_before, self._closed = self._closed, True
        if not closed_before:
            self._finish()
            self.engine.dispose()

    @contextmanager
    def alone(self, task: int) -> Iterator[bool]:
        """Whether nobody else is at this task; if so, nobody is until the block ends.

        `task` is a number that only those who do the same task use. Other processes count.
        """
        if self._closed:
            raise DatabaseUnavailable(STOPPING)
        with self._only_one(task) as alone:
            yield alone

    @abstractmethod
    def _only_one(self, task: int) -> AbstractContextManager[bool]: ...

    @abstractmethod
    def _queue(self, work: Work[T]) -> Future[T]: ...

    @abstractmethod
    def _finish(self) -> None: ...


class PooledDatabase(Database):
    """PostgreSQL: a transaction each, on a bounded pool of threads."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._threads = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="database")

    @contextmanager
    def _only_one(self, task: int) -> Iterator[bool]:
        # The lock ends with its transaction, and so with a process that is killed.
        with self.engine.begin() as connection:
            yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(task))))

    def _queue(self, work: Work[T]) -> Future[T]:
        return self._threads.submit(self._transact, work)

    def _transact(self, work: Work[T]) -> T:
        try:
            with self.engine.begin() as connection:
                result = work(connection)
                committed = committing()
            committed()
            return result  # noqa: TRY300 - nothing of it may be caught apart from the commit
        except BaseException as error:
            problem = _as_answer(error)
            if problem is error:
                raise
            raise problem from error

    def _finish(self) -> None:
        self._threads.shutdown(wait=True)


class GroupCommitDatabase(Database):
    """SQLite: one writer thread, one commit for all that waits.

    `before_commit` runs once a batch, after the pieces that survived and before COMMIT:
    there the access log gives its indices.
    """

    def __init__(self, engine: Engine, *, before_commit: Hook | None = None) -> None:
        super().__init__(engine)
        self._before_commit = before_commit
        self._waiting: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    @contextmanager
    def _only_one(self, task: int) -> Iterator[bool]:  # noqa: ARG002 - the file belongs to one process
        yield True

    def _queue(self, work: Work[T]) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.put((work, future))
        return future

    def _finish(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        """Commit batch after batch. What breaks a batch takes its connection, not this thread."""
        connection: Connection | None = None
        stop = False
        while not stop:
            batch, stop = self._gather()
            if not batch:
                break
            try:
                connection = connection or self.engine.connect()
                outcomes = self._commit(connection, batch)
            except BaseException as error:  # noqa: BLE001 - whatever broke the commit, no caller may believe it held
                outcomes = _all_failed(batch, error)
                _let_go(connection)
                connection = None
            for future, result, problem in outcomes:
                if problem is None:
                    future.set_result(result)
                else:
                    future.set_exception(problem)
        _let_go(connection)

    def _gather(self) -> tuple[list[Piece], bool]:
        """What waits now, up to BATCH, and whether the writer is asked to stop after it."""
        batch: list[Piece] = []
        while len(batch) < BATCH:
            try:
                item = self._waiting.get(block=not batch)
            except queue.Empty:
                return batch, False
            if item is None:
                return batch, True
            # A caller that has gone away meanwhile cancelled its future: nothing is done for it.
            # From here on it cannot be cancelled, so that it can be answered.
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
        return batch, False

    def _commit(self, connection: Connection, batch: list[Piece]) -> list[Outcome]:
        """Run a batch and commit it. It raises where the batch cannot be committed as a whole."""
        with connection.begin():
            outcomes = [self._attempt(connection, work, future) for work, future in batch]
            # Where no piece survived there is nothing to commit, so the hook cannot hide why.
            survived = any(problem is None for _, _, problem in outcomes)
            if self._before_commit is not None and survived:
                self._before_commit(connection)
            committed = committing()
        committed()
        return outcomes

    @staticmethod
    def _attempt(connection: Connection, work: Work[Any], future: Future[Any]) -> Outcome:
        """One piece in its SAVEPOINT: if it fails, it is rolled back alone."""
        connection.exec_driver_sql("SAVEPOINT piece")
        try:
            result = work(connection)
        except BaseException as error:
            # INVARIANT: SQLite gives up the whole transaction on some errors (a full disk);
            # then no piece of the batch stands, and none may be answered as if it did.
            if not cast(
                "sqlite3.Connection", connection.connection.driver_connection
            ).in_transaction:
                raise
            connection.exec_driver_sql("ROLLBACK TO piece")
            connection.exec_driver_sql("RELEASE piece")
            return future, None, _as_answer(error)
        connection.exec_driver_sql("RELEASE piece")
        return future, result, None


def _refused(problem: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(problem)
    return future


def _as_answer(error: BaseException) -> Exception:
    """What a caller is told of an error in its work, on both databases alike."""
    if isinstance(error, FAILURES):
        return _caused(DatabaseUnavailable(NOT_DURABLE), error)
    # A future cannot carry a StopIteration into a coroutine, and what is no Exception (a
    # panic of the policy engine) would end the thread or the loop that meets it.
    if isinstance(error, StopIteration) or not isinstance(error, Exception):
        return _caused(RuntimeError("the work broke off"), error)
    return error


def _all_failed(batch: list[Piece], error: BaseException) -> list[Outcome]:
    # An error for each: two callers must not share one traceback.
    return [(future, None, _caused(DatabaseUnavailable(NOT_DURABLE), error)) for _, future in batch]


def _caused(problem: Exception, cause: BaseException) -> Exception:
    problem.__cause__ = cause
    return problem


def _let_go(connection: Connection | None) -> None:
    """Close a connection for good, whatever state it is in."""
    if connection is not None:
        with suppress(SQLAlchemyError):
            connection.invalidate()
        connection.close()


def open_database(url: str, *, before_commit: Hook | None = None) -> Database:
    """The database behind an SQLAlchemy URL, `sqlite:///FILE` or `postgresql+psycopg://...`."""
    engine = make_engine(url)
    if engine.dialect.name == "sqlite":
        return GroupCommitDatabase(engine, before_commit=before_commit)
    return PooledDatabase(engine)


def make_engine(url: str) -> Engine:
    """An engine whose transactions mean the same on both databases."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,  # an error is logged, and they may be personal data
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    options = (
        f"-c statement_timeout={STATEMENT_MILLISECONDS} "
        f"-c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}"
    )
    return create_engine(
        url,
        pool_size=POOL_THREADS,
        pool_pre_ping=True,
        connect_args={"options": options, "application_name": _process_name()},
        hide_parameters=True,  # as above
    )


def _process_name() -> str:
    """By which a server tells our processes from one another; it keeps 63 bytes."""
    return f"{PROGRAM}{os.getpid()} {socket.gethostname()}"[:63]


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """WAL for readers beside the writer, FULL so that a commit survives a power cut."""
    connection.isolation_level = None  # BEGIN is ours: see _begin_immediate
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
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
        raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


def insert_new(connection: Connection, table: type[SQLModel], **values: object) -> bool:
    """Insert a row unless one of its key stands there; True when it was inserted.

    ON CONFLICT DO NOTHING, judged by the row that comes back: a constraint error would roll
    back what the same transaction has to keep, for example the entry of a refusal.
    """
    statement = _insert_new(table, connection.dialect.name)
    return connection.execute(statement, values).first() is not None


@cache
def _insert_new(table: type[SQLModel], dialect: str) -> ReturningInsert[Any]:
    """To build it costs more than to run it, and some are run at every delivery."""
    target = table_of(table)
    dialect_insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    key = next(iter(target.primary_key.columns))
    return dialect_insert(target).on_conflict_do_nothing().returning(key)


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class: rooms query with Core, which costs a seventh."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
