"""Erasure in the log: all that is known of a person goes, also what is just getting its place."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, func, select

from app.access_log import ledger
from app.access_log.erasure import ENTRY, LOOKUP, PENDING, Erased, erase_subject
from app.access_log.person_keys import PERSON_KEY
from app.access_log.sealing import LogKeys
from app.engines import make_engine
from tests.access_log.conftest import Record
from tests.notifications.mailroom import wait_until

PERSON, OTHER = "person-1", "person-2"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Connections of one's own."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def rows_about(connection: Connection, subject: str) -> int:
    return sum(
        connection.scalar(
            select(func.count()).select_from(table).where(table.c.subject_index == subject)
        )
        or 0
        for table in (LOOKUP, PENDING, PERSON_KEY)
    )


def test_what_is_known_of_one_person_goes_and_of_no_other(
    connection: Connection, record: Record, log_keys: LogKeys
) -> None:
    persons = (PERSON, OTHER, PERSON)
    first, _, third = (record(connection, n, person=one).id for n, one in enumerate(persons))
    ledger.integrate(connection)
    of_person = [first, third, record(connection, 3, person=PERSON).id]
    subject, other = map(log_keys.subject_index, (PERSON, OTHER))
    before = rows_about(connection, other)
    erased = erase_subject(connection, subject)
    assert (erased.keys, erased.entries) == (1, tuple(sorted(of_person)))
    assert rows_about(connection, subject) == 0
    assert rows_about(connection, other) == before
    left = connection.scalar(
        select(func.count()).select_from(ENTRY).where(ENTRY.c.personal.is_not(None))
    )
    assert left == 1
    assert erase_subject(connection, subject) == Erased(keys=0, entries=())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_entry_that_a_sequencer_is_taking_is_waited_for(
    engine: Engine, record: Record, log_keys: LogKeys
) -> None:
    """SQLite lets one transaction write at a time: there nobody takes anything meanwhile."""
    subject = log_keys.subject_index(PERSON)
    with engine.begin() as writer:
        entry_id = record(writer, 0, person=PERSON).id

    def erase() -> Erased:
        with engine.begin() as eraser:
            return erase_subject(eraser, subject)

    with ThreadPoolExecutor(1) as threads, engine.connect() as sequencer:
        with sequencer.begin():
            assert ledger.integrate(sequencer).size == 1
            erased = threads.submit(erase)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            with engine.connect() as watcher:
                wait_until(lambda: watcher.exec_driver_sql(waiting).scalar())
        assert erased.result(30) == Erased(keys=1, entries=(entry_id,))
        assert rows_about(sequencer, subject) == 0
