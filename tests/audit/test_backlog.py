"""Entries that no sequencer sees to push callers back, and let them in again once one works."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import insert

from app.access_log import ledger
from app.audit.backlog import Backlog
from app.capacity import Capacity
from app.database import Database, open_database
from app.problems import Overloaded
from tests.conftest import with_empty_tables
from tests.world import START


@pytest.fixture
def unnumbered(postgresql_url: str) -> Iterator[Database]:
    """PostgreSQL without a sequencer: on SQLite every commit numbers its entries."""
    database = open_database(with_empty_tables(postgresql_url))
    database.capacity = Capacity(total=32)
    yield database
    database.close()


def leave(database: Database, client: str | None, entries: int) -> None:
    """Put in rows that wait for their place."""
    named = {"operation": "disclosure", "channel": "read", "outcome": "released"}
    rows = [
        {
            "entry_id": f"{client}-{number}",
            "leaf_hash": bytes(32),
            "recorded_at": START,
            "client_id": client,
            **named,
        }
        for number in range(entries)
    ]
    database.run_blocking(lambda c: c.execute(insert(ledger.PENDING), rows))


def looked(database: Database, times: int = 2) -> Backlog:
    """A backlog that has looked so often."""
    backlog = Backlog(database=database, interval=1)
    for _ in range(times):
        asyncio.run(backlog.look())
    return backlog


def asks(database: Database, client: str, *, urgent: bool = False) -> BaseException | None:
    return database.submit(lambda _: None, client=client, urgent=urgent).exception(60)


def test_what_a_working_sequencer_is_about_to_number_keeps_nobody_out(
    unnumbered: Database,
) -> None:
    leave(unnumbered, "one", 40)
    looked(unnumbered, times=1)
    assert asks(unnumbered, "one") is None


def test_entries_that_nobody_numbers_push_back_first_their_client_then_everybody(
    unnumbered: Database, caplog: pytest.LogCaptureFixture
) -> None:
    leave(unnumbered, "one", 7)
    leave(unnumbered, None, 3)
    backlog = looked(unnumbered)
    assert isinstance(asks(unnumbered, "one"), Overloaded)
    assert asks(unnumbered, "one", urgent=True) is None
    assert asks(unnumbered, "another") is None
    assert "10 entries wait for a sequencer" in caplog.text
    leave(unnumbered, "two", 20)
    for _ in range(2):
        asyncio.run(backlog.look())
    assert isinstance(asks(unnumbered, "another"), Overloaded)
    assert asks(unnumbered, "another", urgent=True) is None
    leave(unnumbered, "three", 1_000)
    for _ in range(2):
        asyncio.run(backlog.look())
    assert isinstance(asks(unnumbered, "another", urgent=True), Overloaded)
    # It counts no further than it has to.
    assert sum(unnumbered.capacity.late.values()) == 32
    # The sequencer works for nobody, so that it is let in, and everybody else after it.
    unnumbered.run_blocking(ledger.integrate)
    asyncio.run(backlog.look())
    assert asks(unnumbered, "one") is None
