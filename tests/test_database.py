"""Where work runs: what one piece, one batch, a full disk and the end of the service do."""

import asyncio
import contextlib
import resource
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    event,
    text,
)

import app.database
import app.engines
from app.database import (
    BATCH,
    Database,
    DatabaseUnavailable,
    GroupCommitDatabase,
    PooledDatabase,
    open_database,
)
from app.engines import CONNECTIONS
from tests.notifications.mailroom import wait_until
from tests.sheet import PATIENCE, SHEET, execute, numbers, opened, problem_of, write

# A foreign key that is looked at only by COMMIT.
DEFERRED = (
    "CREATE TABLE child (number BIGINT REFERENCES sheet (number) DEFERRABLE INITIALLY DEFERRED)"
)


class Broken(Exception):
    """What a piece of work raises here."""


def write_then_raise(number: int, error: BaseException) -> Callable[[Connection], int]:
    """Work that fails after it has written."""

    def work(connection: Connection) -> int:
        write(number)(connection)
        raise error

    return work


def submitted(database: Database, *works: Callable[[Connection], Any]) -> list[Future[Any]]:
    """The futures of several pieces of work."""
    return [database.submit(work) for work in works]


@contextmanager
def one_batch(database: Database) -> Iterator[None]:
    """What is submitted inside waits for a piece at work, and is then taken as one batch."""
    started, leave = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        started.set()
        leave.wait(PATIENCE)

    first = database.submit(wait)
    assert started.wait(PATIENCE)
    yield
    leave.set()
    first.result(PATIENCE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a SQLite database is to be."""
    return tmp_path / "sheet.db"


@pytest.fixture
def sheet(database_url: str) -> Iterator[Database]:
    """Both databases."""
    with opened(database_url) as database:
        yield database


@pytest.fixture
def writer(file: Path) -> Iterator[Database]:
    """SQLite with its writer thread."""
    with opened(f"sqlite:///{file}") as database:
        yield database


def test_each_database_has_its_way_of_committing(sheet: Database) -> None:
    kind = {"sqlite": GroupCommitDatabase, "postgresql": PooledDatabase}
    assert type(sheet) is kind[sheet.engine.dialect.name]


def test_a_failing_piece_is_rolled_back_alone(sheet: Database) -> None:
    broken = Broken("by its own fault")
    with one_batch(sheet):
        pieces = [sheet.submit(write(1)), sheet.submit(write_then_raise(2, broken))]
        pieces.append(sheet.submit(write(3)))
    assert pieces[0].result(PATIENCE) == 1
    assert problem_of(pieces[1]) is broken
    assert pieces[2].result(PATIENCE) == 3
    assert sheet.read_blocking(numbers) == {1, 3}


def test_an_error_of_the_database_is_told_alike_on_both(sheet: Database) -> None:
    with one_batch(sheet):
        pieces = [sheet.submit(write(1)), sheet.submit(write(1)), sheet.submit(write(2))]
    problems = [problem_of(piece) for piece in pieces]
    assert sorted(type(problem).__name__ for problem in problems) == [
        "DatabaseUnavailable",
        "NoneType",
        "NoneType",
    ]
    assert sheet.read_blocking(numbers) == {1, 2}


def test_an_error_never_shows_the_values_of_its_statement(sheet: Database) -> None:
    future = sheet.submit(execute("INSERT INTO nowhere VALUES (:name)", name="Planted Name"))
    problem = problem_of(future)
    assert isinstance(problem, DatabaseUnavailable)
    assert "Planted Name" not in f"{problem} {problem.__cause__}"


class Answer(list[int]):
    """Something that can be looked for once nobody holds it."""


def test_who_was_answered_is_forgotten_before_somebody_else_asks(sheet: Database) -> None:
    answer = sheet.run_blocking(lambda _: Answer())
    known = weakref.ref(answer)
    del answer
    wait_until(lambda: known() is None)


def test_a_commit_that_fails_answers_nobody_with_success(sheet: Database) -> None:
    sheet.run_blocking(execute(DEFERRED))
    orphan = sheet.submit(execute("INSERT INTO child VALUES (999)"))
    assert isinstance(problem_of(orphan), DatabaseUnavailable)
    assert sheet.read_blocking(lambda c: c.scalar(text("SELECT count(*) FROM child"))) == 0
    assert sheet.run_blocking(write(1)) == 1


def test_a_commit_that_fails_fails_the_whole_batch_on_sqlite(writer: Database) -> None:
    writer.run_blocking(execute(DEFERRED))
    with one_batch(writer):
        orphan = execute("INSERT INTO child VALUES (999)")
        pieces = submitted(writer, write(1), orphan, write(2))
    assert all(isinstance(problem_of(piece), DatabaseUnavailable) for piece in pieces)
    # Each caller has an error of its own: a shared one would mix their tracebacks.
    assert len({id(problem_of(piece)) for piece in pieces}) == len(pieces)
    assert writer.read_blocking(numbers) == set()
    assert writer.run_blocking(write(3)) == 3


def test_a_full_disk_fails_the_batch_and_the_writer_goes_on_once_there_is_room(
    writer: Database,
) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(
            text("INSERT INTO sheet VALUES (9, :filling)"), {"filling": "x" * 500_000}
        )

    pages = {"most": 20}

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages['most']}")

    writer.run_blocking(lambda c: c.exec_driver_sql("PRAGMA max_page_count=20").close())
    event.listen(writer.engine, "checkout", limit)
    for _ in range(2):  # it stays full for a while
        with one_batch(writer):
            pieces = submitted(writer, write(1), fill, write(2))
        assert all(isinstance(problem_of(piece), DatabaseUnavailable) for piece in pieces)
        assert writer.read_blocking(numbers) == set()
    pages["most"] = 1_000_000
    writer.run_blocking(fill)
    assert writer.run_blocking(write(3)) == 3
    assert writer.read_blocking(numbers) == {3, 9}


def test_a_file_that_may_not_grow_loses_no_answer_and_no_row(writer: Database, file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in file.parent.iterdir())
    big = "x" * 200_000
    # A real refusal of the operating system: it comes when COMMIT writes the journal.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with one_batch(writer):
            pieces = [
                writer.submit(execute("INSERT INTO sheet VALUES (:n, :f)", n=number, f=big))
                for number in range(3)
            ]
        problems = [problem_of(piece) for piece in pieces]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert all(isinstance(problem, DatabaseUnavailable) for problem in problems)
    assert writer.run_blocking(write(7)) == 7
    assert writer.read_blocking(numbers) == {7}


def test_nobody_is_answered_before_the_row_is_durable(writer: Database, file: Path) -> None:
    seen: list[int] = []

    def look(future: Future[int]) -> None:
        with contextlib.closing(sqlite3.connect(file)) as other:
            found = other.execute("SELECT 1 FROM sheet WHERE number = ?", (future.result(),))
            seen.append(len(found.fetchall()))

    with one_batch(writer):
        pieces = [writer.submit(write(number)) for number in range(5)]
        for piece in pieces:
            piece.add_done_callback(look)
    writer.close()
    assert seen == [1] * 5


def test_the_hook_runs_once_a_batch_before_its_commit(file: Path) -> None:
    seen: list[set[int]] = []

    def hook(connection: Connection) -> None:
        if connection.dialect.has_table(connection, "sheet"):
            seen.append(numbers(connection))

    with opened(f"sqlite:///{file}", before_commit=hook) as database:
        seen.clear()
        with one_batch(database):
            for number in range(BATCH + 1):
                database.submit(write(number))
        database.run_blocking(write(-1))
    # The piece that waited; a batch of no more than BATCH; the rest.
    assert [len(found) for found in seen[:2]] == [0, BATCH]
    assert len(seen[-1]) == BATCH + 2


def test_a_hook_that_fails_fails_the_batch_and_leaves_nothing(file: Path) -> None:
    broken: list[Exception] = []

    def hook(_: Connection) -> None:
        if broken:
            raise broken.pop()

    with opened(f"sqlite:///{file}", before_commit=hook) as database:
        with one_batch(database):
            pieces = [database.submit(write(1)), database.submit(write(2))]
            # The piece that is at work meets the hook as well, so it is broken for the second.
            first_over = database.submit(lambda _: broken.append(Broken("no index")))
        assert isinstance(problem_of(first_over), DatabaseUnavailable)
        assert all(isinstance(problem_of(piece), DatabaseUnavailable) for piece in pieces)
        assert database.read_blocking(numbers) == set()
        assert database.run_blocking(write(3)) == 3


def test_the_hook_cannot_hide_why_every_piece_failed(file: Path) -> None:
    def hook(_: Connection) -> None:
        raise Broken("there is nothing to give an index to")

    refusal = Broken("the tables are of another version")
    database = open_database(f"sqlite:///{file}", before_commit=hook)
    try:
        future = database.submit(write_then_raise(1, refusal))
        assert isinstance(problem_of(future), DatabaseUnavailable)  # there is no table
        future = database.submit(lambda _: (_ for _ in ()).throw(refusal))
        assert problem_of(future) is refusal
    finally:
        database.close()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), BaseException("panic")])
def test_what_is_no_exception_ends_its_piece_and_nothing_else(
    sheet: Database, error: BaseException
) -> None:
    with one_batch(sheet):
        broken = sheet.submit(write_then_raise(1, error))
        whole = sheet.submit(write(2))
    problem = problem_of(broken)
    assert isinstance(problem, RuntimeError)
    assert problem.__cause__ is error
    assert whole.result(PATIENCE) == 2
    assert sheet.read_blocking(numbers) == {2}


def test_an_exhausted_iterator_in_the_work_does_not_hang_a_coroutine(sheet: Database) -> None:
    async def caller() -> int:
        return await asyncio.wait_for(sheet.run(lambda _: next(iter(()))), PATIENCE)

    with pytest.raises(RuntimeError):
        asyncio.run(caller())


def test_work_of_a_caller_that_has_gone_is_not_done_and_others_are_answered(
    sheet: Database,
) -> None:
    with one_batch(sheet):
        # On PostgreSQL the pool has other threads: fill them, so that the work has to wait.
        busy = threading.Event()
        waiting = [sheet.submit(lambda _: busy.wait(PATIENCE)) for _ in range(8)]
        gone = sheet.submit(write(1))
        stays = sheet.submit(write(2))
        assert gone.cancel()
        busy.set()
    assert [future.result(PATIENCE) for future in waiting] == [True] * 8
    assert stays.result(PATIENCE) == 2
    assert sheet.run_blocking(write(3)) == 3
    assert sheet.read_blocking(numbers) == {2, 3}


def test_a_cancelled_coroutine_leaves_the_writer_alive(writer: Database) -> None:
    cancelled = threading.Event()

    async def callers() -> int:
        task = asyncio.ensure_future(writer.run(write(1)))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        cancelled.set()
        return await writer.run(write(2))

    with ThreadPoolExecutor(1) as thread:
        with one_batch(writer):
            answer = thread.submit(asyncio.run, callers())
            assert cancelled.wait(PATIENCE)
        assert answer.result(PATIENCE) == 2
    assert writer.read_blocking(numbers) == {2}


def test_a_loop_that_ends_while_its_work_is_done_leaves_the_writer_alive(
    writer: Database,
) -> None:
    at_work, leave = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        at_work.set()
        leave.wait(PATIENCE)
        write(1)(connection)

    async def caller() -> None:
        task = asyncio.ensure_future(writer.run(work))
        await asyncio.to_thread(at_work.wait, PATIENCE)
        task.cancel()

    asyncio.run(caller())
    leave.set()
    assert writer.run_blocking(write(2)) == 2
    assert writer.read_blocking(numbers) == {1, 2}


def test_coroutines_of_one_batch_get_their_own_answers(writer: Database) -> None:
    async def callers() -> list[Any]:
        works = (write(1), write_then_raise(2, Broken("by its own fault")), write(3))
        return await asyncio.gather(*map(writer.run, works), return_exceptions=True)

    with ThreadPoolExecutor(1) as thread:
        with one_batch(writer):
            answers = thread.submit(asyncio.run, callers())
            while writer._waiting.qsize() < 3:  # type: ignore[attr-defined]  # noqa: SLF001 - all are in it
                time.sleep(0.001)
        first, second, third = answers.result(PATIENCE)
    assert (first, type(second), third) == (1, Broken, 3)
    assert writer.read_blocking(numbers) == {1, 3}


def test_a_database_that_another_process_holds_is_told_and_waited_out(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setattr(app.engines, "BUSY_SECONDS", 0.05)
    with opened(f"sqlite:///{file}") as database:
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        pieces = [database.submit(write(number)) for number in range(10, 13)]
        assert all(isinstance(problem_of(piece), DatabaseUnavailable) for piece in pieces)
        holder.execute("ROLLBACK")
        holder.close()
        assert database.run_blocking(write(20)) == 20
        assert database.read_blocking(numbers) == {20}


def test_a_database_that_cannot_be_opened_is_told_and_opened_once_it_can_be(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "later"
    database = open_database(f"sqlite:///{folder}/sheet.db")
    try:
        pieces = [database.submit(execute(SHEET)) for _ in range(3)]
        assert all(isinstance(problem_of(piece), DatabaseUnavailable) for piece in pieces)
        with pytest.raises(DatabaseUnavailable):
            database.read_blocking(numbers)
        folder.mkdir()
        database.run_blocking(execute(SHEET))
        assert database.run_blocking(write(1)) == 1
    finally:
        database.close()


def test_many_submitters_lose_nothing_and_get_their_own_answers(sheet: Database) -> None:
    sheet.run_blocking(write(-1))
    sheet.run_blocking(execute("UPDATE sheet SET filling = '0'"))
    grow = text(
        "UPDATE sheet SET filling = CAST(CAST(filling AS INTEGER) + 1 AS TEXT) WHERE number = -1"
    )

    def work(number: int) -> Callable[[Connection], int]:
        def both(connection: Connection) -> int:
            connection.execute(grow)
            return write(number)(connection)

        return both

    def submitter(name: int) -> list[int]:
        return [sheet.run_blocking(work(100 * name + number)) for number in range(25)]

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(submitter, range(16)))
    assert answers == [[100 * name + number for number in range(25)] for name in range(16)]
    total = sheet.read_blocking(
        lambda c: c.scalar(text("SELECT filling FROM sheet WHERE number = -1"))
    )
    assert total == "400"


def test_what_waits_is_committed_before_the_end(sheet: Database) -> None:
    with one_batch(sheet):
        pieces = [sheet.submit(write(number)) for number in range(BATCH + 5)]
        closing = threading.Thread(target=sheet.close)
        closing.start()
    closing.join(PATIENCE)
    assert {piece.result(0) for piece in pieces} == set(range(BATCH + 5))


def test_a_read_that_goes_on_after_the_end_leaves_no_connection_open(sheet: Database) -> None:
    begun, ended = threading.Event(), threading.Event()

    def read(connection: Connection) -> Any:  # noqa: ANN401 - the connection of either driver
        begun.set()
        assert ended.wait(PATIENCE)
        connection.execute(text("SELECT 1"))
        return connection.connection.dbapi_connection

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(sheet.read_blocking, read)
        assert begun.wait(PATIENCE)
        sheet.close()
        ended.set()
        kept = reading.result()
    with pytest.raises(sheet.engine.dialect.loaded_dbapi.Error):
        kept.execute("SELECT 1")


def test_work_after_the_end_is_refused_and_a_second_end_is_harmless(sheet: Database) -> None:
    sheet.close()
    sheet.close()
    assert isinstance(problem_of(sheet.submit(write(1))), DatabaseUnavailable)
    with pytest.raises(DatabaseUnavailable):
        sheet.run_blocking(write(1))
    with pytest.raises(DatabaseUnavailable):
        sheet.read_blocking(numbers)


def test_every_future_is_answered_however_submitting_and_closing_meet(
    database_url: str,
) -> None:
    for _ in range(5):
        database = open_database(database_url)
        answered: list[Future[None]] = []
        begin = threading.Barrier(5)

        def submit(
            database: Database = database,
            answered: list[Future[None]] = answered,
            begin: threading.Barrier = begin,
        ) -> None:
            begin.wait(PATIENCE)
            answered.extend(database.submit(lambda _: None) for _ in range(50))

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        begin.wait(PATIENCE)
        database.close()
        for thread in threads:
            thread.join(PATIENCE)
        problems = [problem_of(future) for future in answered]
        assert len(problems) == 200
        assert all(p is None or isinstance(p, DatabaseUnavailable) for p in problems)


def test_a_long_read_sees_one_state_and_does_not_hold_up_the_writer(sheet: Database) -> None:
    sheet.run_blocking(write(1))

    def read(connection: Connection) -> tuple[set[int], set[int]]:
        before = numbers(connection)
        assert sheet.run_blocking(write(2)) == 2
        return before, numbers(connection)

    assert sheet.read_blocking(read) == ({1}, {1})
    assert asyncio.run(sheet.read(numbers)) == {1, 2}


def test_connections_that_were_needed_are_kept(sheet: Database) -> None:
    made: list[object] = []
    event.listen(sheet.engine, "connect", lambda connection, _: made.append(connection))
    at_once = CONNECTIONS // 2
    together = threading.Barrier(at_once)

    def all_read() -> None:
        with ThreadPoolExecutor(at_once) as readers:
            for _ in range(at_once):
                readers.submit(sheet.read_blocking, lambda _: together.wait(PATIENCE))

    all_read()
    needed = len(made)
    assert needed >= at_once - 1  # one is there since the sheet was made
    all_read()
    assert len(made) == needed


def test_what_a_read_writes_does_not_stand(sheet: Database) -> None:
    with contextlib.suppress(DatabaseUnavailable):  # PostgreSQL refuses it
        sheet.read_blocking(write(1))
    assert sheet.read_blocking(numbers) == set()


def test_of_two_at_one_task_one_is_alone_and_the_other_is_told(postgresql_url: str) -> None:
    here, there = open_database(postgresql_url), open_database(postgresql_url)
    with here.alone(1) as first, there.alone(1) as second, there.alone(2) as other:
        assert (first, second, other) == (True, False, True)
    with there.alone(1) as afterwards:
        assert afterwards
    here.close()
    there.close()
    with pytest.raises(DatabaseUnavailable), here.alone(1):
        pass


def test_a_file_is_worked_on_by_nobody_else(writer: Database) -> None:
    with writer.alone(1) as alone:
        assert alone


def test_a_database_that_says_nothing_is_not_waited_for_without_an_end(
    sheet: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.database, "ANSWER_SECONDS", 0.05)
    answered = threading.Event()

    async def ask() -> None:
        try:
            with pytest.raises(DatabaseUnavailable):
                await sheet.run(lambda _: answered.wait(PATIENCE))
            with pytest.raises(DatabaseUnavailable):
                await sheet.read(lambda _: answered.wait(PATIENCE))
        finally:
            answered.set()  # the loop waits for its threads when it ends

    asyncio.run(ask())
    assert sheet.run_blocking(write(1)) == 1
