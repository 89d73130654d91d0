"""Where work runs: what one piece, one batch, a full disk and the end of the service do."""

import asyncio
import contextlib
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    event,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url

import app.database
from app.access_log.tables import AccessLogPending
from app.agencies.tables import Agency, AgencyMunicipality
from app.database import (
    BATCH,
    Database,
    DatabaseUnavailable,
    GroupCommitDatabase,
    Instant,
    PooledDatabase,
    insert_new,
    make_engine,
    open_database,
    table_of,
    take_time,
)
from tests.effort import EFFORT

PATIENCE = 180
AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
SHEET = "CREATE TABLE sheet (number BIGINT PRIMARY KEY, filling TEXT)"
# A foreign key that is looked at only by COMMIT.
DEFERRED = (
    "CREATE TABLE child (number BIGINT REFERENCES sheet (number) DEFERRABLE INITIALLY DEFERRED)"
)


class Broken(Exception):
    """What a piece of work raises here."""


def execute(statement: str, **values: object) -> Callable[[Connection], None]:
    """Work that runs one statement."""

    def work(connection: Connection) -> None:
        connection.execute(text(statement), values)

    return work


def write(number: int) -> Callable[[Connection], int]:
    """Work that writes a row and answers with its number."""

    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO sheet (number) VALUES (:n)"), {"n": number})
        return number

    return work


def write_then_raise(number: int, error: BaseException) -> Callable[[Connection], int]:
    """Work that fails after it has written."""

    def work(connection: Connection) -> int:
        write(number)(connection)
        raise error

    return work


def numbers(connection: Connection) -> set[int]:
    """What stands in the sheet."""
    return set(connection.scalars(text("SELECT number FROM sheet")))


def submitted(database: Database, *works: Callable[[Connection], Any]) -> list[Future[Any]]:
    """The futures of several pieces of work."""
    return [database.submit(work) for work in works]


def problem_of(future: Future[Any]) -> BaseException | None:
    """How a piece ended; it has to end."""
    return future.exception(PATIENCE)


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


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:  # noqa: ANN401 - as open_database takes them
    """A database with an empty sheet."""
    database = open_database(url, **options)
    try:
        for table in ("child", "sheet"):
            database.run_blocking(execute(f"DROP TABLE IF EXISTS {table}"))
        database.run_blocking(execute(SHEET))
        yield database
    finally:
        database.close()


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
    monkeypatch.setattr(app.database, "BUSY_SECONDS", 0.05)
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


def test_what_a_read_writes_does_not_stand(sheet: Database) -> None:
    with contextlib.suppress(DatabaseUnavailable):  # PostgreSQL refuses it
        sheet.read_blocking(write(1))
    assert sheet.read_blocking(numbers) == set()


def test_sqlite_commits_survive_a_power_cut_and_keep_foreign_keys(writer: Database) -> None:
    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    full = 2
    assert writer.run_blocking(pragmas) == ["wal", full, 1, 1]
    assert writer.read_blocking(pragmas) == ["wal", full, 1, 1]


def agency(agency_id: str) -> dict[str, object]:
    """A row of the registry."""
    return {
        "agency_id": agency_id,
        "name": "Somebody",
        "role": "police_local",
        "country": "XK",
        "standing_acceptance": False,
        "fallback": False,
        "status": "active",
        "created_at": AT,
    }


def test_a_new_row_is_inserted_once_and_the_second_does_no_harm(connection: Connection) -> None:
    assert insert_new(connection, Agency, **agency("police-1"))
    assert not insert_new(connection, Agency, **agency("police-1") | {"name": "Another"})
    table = table_of(Agency)
    assert connection.scalars(table.select().with_only_columns(table.c.name)).all() == ["Somebody"]


def test_a_new_row_needs_the_row_it_belongs_to(database: Database) -> None:
    def work(connection: Connection) -> bool:
        return insert_new(connection, AgencyMunicipality, agency_id="nobody", municipality="XK-1")

    assert isinstance(problem_of(database.submit(work)), DatabaseUnavailable)


def test_of_many_who_insert_the_same_row_one_is_told_it_is_new(database: Database) -> None:
    pieces = [
        database.submit(lambda c: insert_new(c, Agency, **agency("police-1"))) for _ in range(20)
    ]
    assert sorted(piece.result(PATIENCE) for piece in pieces) == [False] * 19 + [True]


MOMENTS = st.datetimes(timezones=st.timezones() | st.just(UTC)).filter(
    lambda moment: (
        datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
        < moment
        < datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    )
)
DIALECT = sqlite.dialect()


@given(MOMENTS)
def test_a_moment_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    kind = Instant()
    stored = kind.process_bind_param(moment, DIALECT)
    assert isinstance(stored, int)
    back = kind.process_result_value(stored, DIALECT)
    assert back is not None
    assert back == moment.astimezone(UTC)
    assert back.utcoffset() == timedelta(0)


@given(MOMENTS, MOMENTS)
def test_moments_are_stored_in_their_order(one: datetime, other: datetime) -> None:
    kind = Instant()
    first, second = kind.process_bind_param(one, DIALECT), kind.process_bind_param(other, DIALECT)
    assert first is not None
    assert second is not None
    assert (first < second) == (one.astimezone(UTC) < other.astimezone(UTC))


@settings(max_examples=5 * EFFORT, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(MOMENTS, min_size=1, max_size=8))
def test_the_database_sorts_moments_as_they_passed(
    connection: Connection, moments: list[datetime]
) -> None:
    table = table_of(AccessLogPending)
    connection.execute(table.delete())
    named = {"operation": "x", "channel": "x", "outcome": "x", "leaf_hash": b""}
    for number, moment in enumerate(moments):
        row = {**named, "entry_id": f"{number}", "recorded_at": moment}
        connection.execute(table.insert(), row)
    query = table.select().with_only_columns(table.c.recorded_at).order_by(table.c.recorded_at)
    assert connection.scalars(query).all() == sorted(m.astimezone(UTC) for m in moments)


def test_no_moment_is_no_value() -> None:
    assert Instant().process_bind_param(None, DIALECT) is None
    assert Instant().process_result_value(None, DIALECT) is None


@pytest.mark.parametrize("altered", [-(2**63), 2**63 - 1])
def test_a_time_that_no_calendar_has_stops_no_reader(altered: int) -> None:
    moment = Instant().process_result_value(altered, DIALECT)
    assert moment is not None
    assert moment.astimezone(timezone(timedelta(hours=14 if altered > 0 else -12)))


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(datetime(2027, 3, 3), DIALECT)  # noqa: DTZ001 - the mistake that is meant


def test_two_writings_of_one_moment_are_one_value() -> None:
    sarajevo = AT.astimezone(timezone(timedelta(hours=1)))
    assert Instant().process_bind_param(AT, DIALECT) == Instant().process_bind_param(
        sarajevo, DIALECT
    )


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
            patch.setattr(app.database, name, value)
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
    monkeypatch.setattr(app.database, "CONNECT_SECONDS", 2)  # the least that the driver takes
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
