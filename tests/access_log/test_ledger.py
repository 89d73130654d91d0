"""The ledger on both databases: gapless, one writer's failure harms nobody, nothing is lost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from app.access_log import ledger
from app.access_log.ledger import ENTRY, HEAD, LOOKUP, PENDING, AppendedEntry
from app.access_log.merkle import EMPTY_ROOT, leaf_hash, root
from app.access_log.person_keys import PERSON_KEY
from app.access_log.sealing import LogKeys
from app.database import Database
from app.engines import make_engine

Record = Callable[..., AppendedEntry]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections of one's own, where a test needs several transactions."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def indices(connection: Connection) -> list[int]:
    return list(connection.scalars(select(LOOKUP.c.log_index).order_by(LOOKUP.c.log_index)))


def officers(connection: Connection) -> list[str]:
    return list(connection.scalars(select(LOOKUP.c.officer_id).order_by(LOOKUP.c.log_index)))


def count(connection: Connection, table: object) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]  # a table


def test_an_empty_log_has_the_empty_root(connection: Connection) -> None:
    head = ledger.read_head(connection)
    assert (head.size, head.root) == (0, EMPTY_ROOT)


def test_entries_get_gapless_indices_in_the_order_of_their_insertion(
    connection: Connection, record: Record
) -> None:
    for number in range(3):
        record(connection, number)
    ledger.integrate(connection)
    record(connection, 3)
    head = ledger.integrate(connection)
    assert head.size == 4
    assert indices(connection) == [0, 1, 2, 3]
    assert officers(connection) == [f"officer-{number}" for number in range(4)]
    assert count(connection, PENDING) == 0


def test_the_head_is_the_root_over_the_stored_leaves(
    connection: Connection, record: Record
) -> None:
    appended = [record(connection, number) for number in range(5)]
    head = ledger.integrate(connection)
    assert head.root == root(leaf_hash(entry.leaf) for entry in appended)
    assert ledger.read_head(connection) == head


def test_what_is_appended_is_what_is_stored(connection: Connection, record: Record) -> None:
    appended = record(connection)
    row = connection.execute(select(ENTRY).where(ENTRY.c.entry_id == appended.id)).one()
    assert row.leaf == appended.leaf
    assert set(appended.openings) == {
        "circumstances",
        "actor",
        "subject",
        "reference",
        "grounds",
        "fields",
        "payload",
    }


def test_the_look_up_row_says_who_and_why_but_not_whom(
    connection: Connection, record: Record, log_keys: LogKeys, at: datetime
) -> None:
    record(connection, 7, person="person-9")
    ledger.integrate(connection)
    row = connection.execute(select(LOOKUP)).mappings().one()
    assert {name: row[name] for name in ("operation", "channel", "outcome", "recorded_at")} == {
        "operation": "disclosure",
        "channel": "read",
        "outcome": "released",
        "recorded_at": at,
    }
    assert (row["agency_id"], row["client_id"], row["officer_id"]) == (
        "agency-1",
        "client-1",
        "officer-7",
    )
    assert (row["purpose"], row["legal_basis"]) == ("release_preparation", "basis-1")
    assert row["subject_index"] == log_keys.subject_index("person-9")
    assert "person-9" not in str(dict(row))


def test_integrate_with_nothing_pending_is_a_no_op(connection: Connection, record: Record) -> None:
    assert ledger.integrate(connection).size == 0
    assert count(connection, HEAD) == 0
    record(connection)
    head = ledger.integrate(connection)
    assert ledger.integrate(connection) == head
    assert indices(connection) == [0]


def test_a_rolled_back_savepoint_leaves_no_trace(connection: Connection, record: Record) -> None:
    record(connection, 0)
    with connection.begin_nested() as savepoint:
        record(connection, 1, person="someone-new")
        savepoint.rollback()
    record(connection, 2)
    assert ledger.integrate(connection).size == 2
    assert officers(connection) == ["officer-0", "officer-2"]
    assert count(connection, ENTRY) == 2
    assert count(connection, PERSON_KEY) == 1


def test_a_failing_piece_of_a_batch_leaves_no_trace(database: Database, record: Record) -> None:
    def fail(connection: Connection) -> None:
        record(connection, 1)
        raise LookupError

    works = [lambda c: record(c, 0), fail, lambda c: record(c, 2)]
    futures = [database.submit(work) for work in works]
    assert [type(future.exception()) for future in futures] == [
        type(None),
        LookupError,
        type(None),
    ]
    database.run_blocking(ledger.integrate)
    found = database.read_blocking(officers)
    assert sorted(found) == ["officer-0", "officer-2"]


def test_many_writers_at_once_get_gapless_indices(database: Database, record: Record) -> None:
    futures = [database.submit(partial(record, number=number)) for number in range(60)]
    for future in futures:
        future.result()
    database.run_blocking(ledger.integrate)
    assert database.read_blocking(indices) == list(range(60))
    assert len(set(database.read_blocking(officers))) == 60


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_backlog_longer_than_one_statement_numbers_gets_its_places_in_order(
    connection: Connection, record: Record
) -> None:
    record(connection)
    copied = [column.name for column in PENDING.c if column.name not in {"position", "entry_id"}]
    names = ", ".join(copied)
    connection.exec_driver_sql(
        f"INSERT INTO access_log_pending (entry_id, {names}) "  # noqa: S608 - names of our own
        f"SELECT lpad(number::text, 32, '0'), {names} FROM access_log_pending, "
        f"generate_series(1, {ledger.NUMBERED_AT_ONCE}) AS number ORDER BY number"
    )
    assert ledger.integrate(connection).size == ledger.NUMBERED_AT_ONCE + 1
    in_order = select(LOOKUP.c.entry_id).order_by(LOOKUP.c.log_index).offset(1)
    assert [int(one) for one in connection.scalars(in_order)] == list(
        range(1, ledger.NUMBERED_AT_ONCE + 1)
    )
    assert count(connection, PENDING) == 0


def test_two_sequencers_at_once_leave_no_gap_and_lose_nothing(
    engine: Engine, record: Record
) -> None:
    """Writers and two sequencers, all in transactions of their own."""
    start = threading.Barrier(4)

    def write(first: int) -> None:
        start.wait()
        for number in range(first, first + 20):
            with engine.begin() as connection:
                record(connection, number)

    def sequence() -> None:
        start.wait()
        for _ in range(20):
            with engine.begin() as connection:
                ledger.integrate(connection)

    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(write, 0), threads.submit(write, 20)]
        futures += [threads.submit(sequence) for _ in range(2)]
        for future in futures:
            future.result(60)
    with engine.begin() as connection:
        head = ledger.integrate(connection)
        leaves = connection.scalars(select(LOOKUP.c.leaf_hash).order_by(LOOKUP.c.log_index)).all()
        assert indices(connection) == list(range(40))
        assert (head.size, head.root) == (40, root(leaves))
        assert len(set(officers(connection))) == 40


def test_a_sequencer_that_was_overtaken_cannot_commit(
    connection: Connection, record: Record
) -> None:
    """The compare-and-swap holds even where no lock did."""
    record(connection)
    overtaken = ledger.read_head(connection)
    ledger.integrate(connection)
    with pytest.raises(ledger.HeadMoved):
        ledger._advance(connection, overtaken, overtaken)  # noqa: SLF001 - the fence itself


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_transaction_that_commits_late_is_not_skipped(engine: Engine, record: Record) -> None:
    """Its pending row is older than rows that were integrated before it became visible.

    SQLite lets one transaction write at a time: there none can commit late.
    """
    with engine.connect() as late, late.begin() as transaction:
        record(late, 0)
        with engine.begin() as early:
            record(early, 1, person="person-2")
        with engine.begin() as sequencer:
            assert ledger.integrate(sequencer).size == 1
        transaction.commit()
    with engine.begin() as sequencer:
        assert ledger.integrate(sequencer).size == 2
        assert officers(sequencer) == ["officer-1", "officer-0"]


def test_two_first_entries_about_one_person_share_one_key(engine: Engine, record: Record) -> None:
    start = threading.Barrier(2)

    def write(number: int) -> None:
        start.wait()
        with engine.begin() as connection:
            record(connection, number, person="new")

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(write, number) for number in range(2)]:
            future.result(60)
    with engine.connect() as connection:
        assert count(connection, PERSON_KEY) == 1
        assert count(connection, PENDING) == 2


def test_each_person_and_year_has_a_key_of_its_own(
    connection: Connection, record: Record, at: datetime
) -> None:
    record(connection, person="person-1")
    record(connection, person="person-1")
    record(connection, person="person-2")
    record(connection, person="person-1", when=at.replace(year=2027))
    record(connection, person=None)
    years = connection.execute(select(PERSON_KEY.c.year).order_by(PERSON_KEY.c.year)).scalars()
    assert list(years) == [2026, 2026, 2027]
    wrapped = connection.scalars(select(PERSON_KEY.c.wrapped_key)).all()
    assert len(set(wrapped)) == 3


def test_a_time_without_a_zone_is_refused(connection: Connection, record: Record) -> None:
    with pytest.raises(ValueError, match="time zone"):
        record(connection, person=None, when=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_a_damaged_head_is_noticed(connection: Connection, record: Record) -> None:
    record(connection)
    ledger.integrate(connection)
    connection.execute(update(HEAD).values(size=7))
    with pytest.raises(ValueError, match="peaks"):
        ledger.read_head(connection)


def test_the_year_of_a_key_is_the_one_in_utc(connection: Connection, record: Record) -> None:
    east = timezone(timedelta(hours=1))
    record(connection, when=datetime(2027, 1, 1, 0, 30, tzinfo=east))
    assert connection.scalar(select(PERSON_KEY.c.year)) == 2026
