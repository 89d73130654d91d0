"""Prepared statements: what Core would make of them, run by the driver."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    cast,
    event,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from app.access_log.tables import AccessLogPeriod
from app.database import Database, DatabaseUnavailable
from app.files.tables import KeyEncryptionKey
from app.instants import Instant
from app.statements import Prepared
from app.tables import METADATA

KEYS = METADATA.tables[str(KeyEncryptionKey.__tablename__)]
AT = datetime(2027, 3, 3, 9, 0, 0, 123, tzinfo=UTC)
LATER = AT + timedelta(days=1)
NAMED = Prepared(select(KEYS.c.key_id).where(KEYS.c.key_id == bindparam("name")))
# One value of every type that the tables have.
EVERYTHING = select(
    bindparam("instant", type_=Instant).label("instant"),
    bindparam("day", type_=Date).label("day"),
    bindparam("document", type_=JSON).label("document"),
    bindparam("content", type_=LargeBinary).label("content"),
    bindparam("flag", type_=Boolean).label("flag"),
    cast(null(), Instant).label("missing"),
    literal("a constant", String).label("constant"),
    KEYS.c.key_id,
).where(KEYS.c.key_id == "key")
PERIODS = METADATA.tables[str(AccessLogPeriod.__tablename__)]
ADD = Prepared(insert(PERIODS), columns=PERIODS.c.keys())
OLDEST = Prepared(select(PERIODS.c.oldest).order_by(PERIODS.c.tile_index))
VALUES = {
    "instant": AT,
    "day": date(2027, 3, 3),
    "document": ["a", {"b": 1}],
    "content": b"\x00\xff",
    "flag": True,
}


@pytest.fixture
def keyed(connection: Connection) -> Connection:
    connection.execute(KEYS.insert(), {"key_id": "key"})
    return connection


def test_values_go_in_and_come_out_as_core_has_them(keyed: Connection) -> None:
    (row,) = Prepared(EVERYTHING).all(keyed, **VALUES)
    assert row._asdict() == keyed.execute(EVERYTHING, VALUES).one()._asdict()
    assert (row.instant, row.document, row.content) == (AT, VALUES["document"], b"\x00\xff")


def test_it_sees_what_its_transaction_wrote_and_no_more_once_that_is_undone(
    connection: Connection,
) -> None:
    with connection.begin_nested() as part:
        connection.execute(KEYS.insert(), {"key_id": "key"})
        assert NAMED.one_or_none(connection, name="key").key_id == "key"
        part.rollback()
    assert NAMED.one_or_none(connection, name="key") is None


def test_what_it_writes_is_counted_and_of_its_transaction(database: Database) -> None:
    moved = Prepared(update(PERIODS).values(oldest=bindparam("to")))
    with database.engine.connect() as connection:
        assert ADD.execute(connection, tile_index=1, oldest=AT, newest=AT) == 1
        assert ADD.execute(connection, tile_index=2, oldest=AT, newest=AT) == 1
        assert moved.execute(connection, to=LATER) == 2
        assert OLDEST.scalars(connection) == [LATER, LATER]
    assert database.read_blocking(OLDEST.scalars) == []


def test_a_long_read_sees_one_state(database: Database) -> None:
    def work(connection: Connection) -> None:
        assert OLDEST.scalars(connection) == []
        database.run_blocking(lambda c: ADD.execute(c, tile_index=1, oldest=AT, newest=AT))
        assert OLDEST.scalars(connection) == []

    database.read_blocking(work)
    assert database.read_blocking(OLDEST.scalars) == [AT]


def test_an_instant_without_a_time_zone_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ADD.execute(connection, tile_index=1, oldest=AT.replace(tzinfo=None), newest=AT)


def test_a_default_that_python_computes_is_never_left_out_silently(connection: Connection) -> None:
    table = Table(
        "t", MetaData(), Column("given", BigInteger), Column("made", BigInteger, default=1)
    )
    with pytest.raises(AssertionError):
        Prepared(insert(table), columns=["given"]).execute(connection, given=1)


def test_alone_it_begins_a_transaction(database: Database) -> None:
    with database.engine.connect() as connection:
        NAMED.all(connection, name="key")
        assert connection.in_transaction()


def test_a_parameter_that_is_not_given_is_no_statement(connection: Connection) -> None:
    with pytest.raises(KeyError):
        NAMED.all(connection)


def test_what_the_database_refuses_is_an_error_of_the_database(connection: Connection) -> None:
    broken = Prepared(select(KEYS.c.key_id, literal(1).label("n")).where(KEYS.c.key_id == "x"))
    broken.all(connection)
    connection.exec_driver_sql("ALTER TABLE key_encryption_key RENAME TO gone")
    with pytest.raises(DBAPIError) as refused:
        broken.all(connection)
    assert "gone" not in str(refused.value.params)


def test_a_failure_is_told_as_one_of_the_database(database: Database) -> None:
    gone = Prepared(select(Table("gone", MetaData(), Column("number", BigInteger)).c.number))

    def work(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE key_encryption_key RENAME TO gone")
        NAMED.all(connection, name="key")

    with pytest.raises(DatabaseUnavailable):
        database.run_blocking(work)
    with pytest.raises(DatabaseUnavailable):
        database.read_blocking(gone.scalars)
    assert database.read_blocking(lambda c: NAMED.all(c, name="key")) == []


def test_whoever_listens_hears_it(connection: Connection) -> None:
    heard: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *call: heard.append(call[2]))
    NAMED.all(connection, name="key")
    assert len(heard) == 1
