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
import queue
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.bell import Bell, is_to_ring
from app.capacity import Capacity
from app.engines import CONNECTIONS, driver_of, make_engine
from app.problems import Overloaded, Unavailable
from app.telemetry import tracing
from app.telemetry.measures import committing

T = TypeVar("T")
Work = Callable[[Connection], T]
Hook = Callable[[Connection], Any]
# Work and what waits for its result; and how it ended: result, or problem.
Piece = tuple[Work[Any], "Future[Any] | OnLoop"]
Outcome = tuple["Future[Any] | OnLoop", Any, Exception | None]

# One commit answers at most this many: a bound on memory and on the wait of the first.
BATCH = 256
# A long read sees one state: in WAL mode SQLite gives that by itself.
_SNAPSHOT: Mapping[str, dict[str, Any]] = {
    "sqlite": {"read_only": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
# What keeps to all these times has ended by then. A server whose machine lives and which says
# nothing would be waited for without an end.
ANSWER_SECONDS = 300.0
# What says that the database, and not the work, has failed; the last of SQLite itself.
FAILURES = (DBAPIError, PoolTimeout, sqlite3.Error)
NOT_DURABLE = "the record could not be made durable"
NOT_READABLE = "the database cannot be read now"
# SQLSTATE insufficient_privilege: what may be done and what not stands in app/grants.py.
_NOT_PERMITTED = "42501"
NOT_PERMITTED = (
    "the database user may not do this: an administrator's command connects as the owner of the "
    "tables (docs/hardening.md)"
)
STOPPING = "the service is stopping"


class DatabaseUnavailable(Unavailable):
    """The transaction could not be made durable; nothing of it stands."""


class Database(ABC):
    """Runs work in transactions. Made by `open_database`, ended by `close`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.capacity = Capacity()
        self.bell = Bell()
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
        if client is None:
            return await _in_time(self._queue_on_loop(work), NOT_DURABLE)
        capacity = self.capacity
        capacity.enter(client, urgent=urgent)
        try:
            return await _in_time(self._queue_on_loop(work), NOT_DURABLE)
        finally:
            capacity.leave(client)

    def _queue_on_loop(self, work: Work[T]) -> "asyncio.Future[T]":
        return asyncio.wrap_future(self._queue_unless_closed(work))

    def run_blocking(self, work: Work[T]) -> T:
        """The same for callers without an event loop (command line, tests)."""
        return self.submit(work).result()

    async def read(self, work: Work[T]) -> T:
        """Run a long read on a snapshot of its own, away from the writer."""
        return await _in_time(asyncio.to_thread(self.read_blocking, work), NOT_READABLE)

    def read_blocking(self, work: Work[T]) -> T:
        """The same without an event loop. What `work` writes is rolled back."""
        if self._closed:
            raise DatabaseUnavailable(STOPPING)
        try:
            with self.engine.connect() as connection:
                return work(connection.execution_options(**_SNAPSHOT[connection.dialect.name]))
        except FAILURES as error:
            raise DatabaseUnavailable(_what_failed(error, NOT_READABLE)) from error

    def close(self) -> None:
        """Finish what waits, then let go of every connection. A second call does nothing."""
        with self._gate:
            closed_before, self._closed = self._closed, True
        if not closed_before:
            self._finish()
            # Nobody waits for a long read: what it gives back after the end is let go of as well.
            event.listen(self.engine, "checkin", _let_go_late)
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

    def __init__(self, engine: Engine, *, connections: int) -> None:
        super().__init__(engine)
        self._threads = ThreadPoolExecutor(connections // 2, thread_name_prefix="database")

    @contextmanager
    def _only_one(self, task: int) -> Iterator[bool]:
        # The lock ends with its transaction, and so with a process that is killed.
        try:
            with self.engine.begin() as connection:
                yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(task))))
        except FAILURES as error:
            raise DatabaseUnavailable("the database cannot be asked now") from error

    def _queue(self, work: Work[T]) -> Future[T]:
        return self._threads.submit(self._transact, work)

    def _transact(self, work: Work[T]) -> T:
        try:
            with self.engine.begin() as connection:
                result = work(connection)
                rings = is_to_ring(connection)
                committed = committing()
            committed()
        except BaseException as error:
            problem = _as_answer(error)
            if problem is error:
                raise
            raise problem from error
        if rings:
            self.bell.ring()
        return result

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

    def _queue_on_loop(self, work: Work[T]) -> "asyncio.Future[T]":
        with self._gate:
            if self._closed:
                raise DatabaseUnavailable(STOPPING)
            return tracing.queued(work, self._wait_on_loop)

    def _wait_on_loop(self, work: Work[T]) -> "asyncio.Future[T]":
        waits = OnLoop(asyncio.get_running_loop())
        self._waiting.put((work, waits))
        return waits.future

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
            _answer(outcomes)
            # What was asked and answered is personal data: not kept until somebody asks again.
            del batch, outcomes
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
            driver = driver_of(connection)
            outcomes = [self._attempt(connection, driver, piece) for piece in batch]
            # Where no piece survived there is nothing to commit, so the hook cannot hide why.
            survived = any(problem is None for _, _, problem in outcomes)
            if self._before_commit is not None and survived:
                self._before_commit(connection)
            rings = is_to_ring(connection)
            committed = committing()
        committed()
        if rings:
            self.bell.ring()
        return outcomes

    @staticmethod
    def _attempt(connection: Connection, driver: sqlite3.Connection, piece: Piece) -> Outcome:
        """One piece in its SAVEPOINT: if it fails, it is rolled back alone."""
        work, waits = piece
        driver.execute("SAVEPOINT piece")
        try:
            result = work(connection)
        except BaseException as error:
            # INVARIANT: SQLite gives up the whole transaction on some errors (a full disk);
            # then no piece of the batch stands, and none may be answered as if it did.
            if not driver.in_transaction:
                raise
            driver.execute("ROLLBACK TO piece")
            driver.execute("RELEASE piece")
            return waits, None, _as_answer(error)
        driver.execute("RELEASE piece")
        return waits, result, None


class OnLoop:
    """What a coroutine waits for: a future of its loop, with what a writer needs of one.

    All of a batch are answered at once: to wake the loop for each costs five times as much.
    """

    __slots__ = ("future", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def set_running_or_notify_cancel(self) -> bool:
        """Whether somebody still waits. Who goes away from now on is not answered."""
        return not self.future.cancelled()


def _answer(outcomes: Iterable[Outcome]) -> None:
    """Tell everybody who waits how their piece ended."""
    on_loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        waits, result, problem = outcome
        if isinstance(waits, OnLoop):
            on_loops.setdefault(waits.loop, []).append(outcome)
        elif problem is None:
            waits.set_result(result)
        else:
            waits.set_exception(problem)
    for loop, answers in on_loops.items():
        with suppress(RuntimeError):  # the loop has ended, and whoever waited on it
            loop.call_soon_threadsafe(_answer_on_loop, answers)


def _answer_on_loop(outcomes: Iterable[Outcome]) -> None:
    for waits, result, problem in outcomes:
        future = cast("OnLoop", waits).future
        if future.done():  # cancelled meanwhile
            continue
        if problem is None:
            future.set_result(result)
        else:
            future.set_exception(problem)


async def _in_time(answer: Awaitable[T], unanswered: str) -> T:
    """The answer, or DatabaseUnavailable where none comes: then it is not known what holds."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await answer
    except TimeoutError as error:
        raise DatabaseUnavailable(unanswered) from error


def _refused(problem: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(problem)
    return future


def _as_answer(error: BaseException) -> Exception:
    """What a caller is told of an error in its work, on both databases alike."""
    if isinstance(error, FAILURES):
        return _caused(DatabaseUnavailable(_what_failed(error, NOT_DURABLE)), error)
    # A future cannot carry a StopIteration into a coroutine, and what is no Exception (a
    # panic of the policy engine) would end the thread or the loop that meets it.
    if isinstance(error, StopIteration) or not isinstance(error, Exception):
        return _caused(RuntimeError("the work broke off"), error)
    return error


def _what_failed(error: BaseException, otherwise: str) -> str:
    refused = isinstance(error, DBAPIError) and (
        getattr(error.orig, "sqlstate", None) == _NOT_PERMITTED
    )
    return NOT_PERMITTED if refused else otherwise


def _all_failed(batch: list[Piece], error: BaseException) -> list[Outcome]:
    # An error for each: two callers must not share one traceback.
    return [(waits, None, _caused(DatabaseUnavailable(NOT_DURABLE), error)) for _, waits in batch]


def _caused(problem: Exception, cause: BaseException) -> Exception:
    problem.__cause__ = cause
    return problem


def _let_go_late(connection: Any, _record: object) -> None:  # noqa: ANN401 - of either driver
    if connection is not None:  # None: it was lost
        connection.close()


def _let_go(connection: Connection | None) -> None:
    """Close a connection for good, whatever state it is in."""
    if connection is not None:
        with suppress(SQLAlchemyError):
            connection.invalidate()
        connection.close()


def open_database(
    url: str, *, before_commit: Hook | None = None, connections: int = CONNECTIONS
) -> Database:
    """The database behind an SQLAlchemy URL, `sqlite:///FILE` or `postgresql+psycopg://...`.

    `connections` bounds those to a server.
    """
    engine = make_engine(url, connections=connections)
    if engine.dialect.name == "sqlite":
        return GroupCommitDatabase(engine, before_commit=before_commit)
    return PooledDatabase(engine, connections=connections)


def bound_threads(connections: int = CONNECTIONS) -> None:
    """Have this event loop's threads, in which is read, be no more than there is room for.

    By default they grow with the machine, and would wait for connections that others hold.
    """
    threads = ThreadPoolExecutor(connections // 2, thread_name_prefix="reading")
    asyncio.get_running_loop().set_default_executor(threads)
