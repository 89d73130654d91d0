"""What works once is remembered for as long as it could be used, and no longer."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from app.administration.purger import Purger
from app.agencies import replay
from app.agencies.tables import RevokedToken
from app.crypto.possession import Proof
from app.database import Database
from app.rows import insert_new
from tests.agencies.test_tokens import AT, fill

MOMENT = timedelta(microseconds=1)


def remember(connection: Connection) -> None:
    """One assertion, one proof and one token that all expire at the moment of these tests."""
    fill(connection)
    assert replay.use_assertion(connection, client_id="police-1-a", jti="a", expires_at=AT)
    assert replay.use_proof(connection, Proof(thumbprint="t", jti="p", expires_at=AT))
    insert_new(connection, RevokedToken, token_id="token", expires_at=AT)


def remembered(connection: Connection) -> int:
    return sum(
        connection.scalar(select(func.count()).select_from(table)) or 0 for table in replay.EXPIRING
    )


def test_what_has_expired_is_forgotten_and_nothing_before(connection: Connection) -> None:
    remember(connection)
    assert replay.purge(connection, at=AT) == 0
    assert not replay.use_proof(connection, Proof(thumbprint="t", jti="p", expires_at=AT))
    assert not replay.use_assertion(connection, client_id="police-1-a", jti="a", expires_at=AT)
    assert remembered(connection) == 3
    assert replay.purge(connection, at=AT + MOMENT) == 3
    assert remembered(connection) == 0


def test_a_number_of_one_key_is_no_number_of_another(connection: Connection) -> None:
    for thumbprint, jti in (("t", "p"), ("t", "q"), ("u", "p")):
        assert replay.use_proof(connection, Proof(thumbprint=thumbprint, jti=jti, expires_at=AT))


async def purged(database: Database, *, rounds: int, at: Any) -> None:  # noqa: ANN401 - a clock
    """Let a purger work for some rounds."""
    stop, looks = asyncio.Event(), 0

    def clock() -> Any:  # noqa: ANN401 - what the test's clock gives
        nonlocal looks
        looks += 1
        if looks >= rounds:
            loop.call_soon_threadsafe(stop.set)
        return at()

    loop = asyncio.get_running_loop()
    await asyncio.wait_for(Purger(database=database, clock=clock, interval=0.001).run(stop), 20)


def test_the_purger_forgets_while_the_service_runs(database: Database) -> None:
    database.run_blocking(remember)
    asyncio.run(purged(database, rounds=2, at=lambda: AT + MOMENT))
    assert database.read_blocking(remembered) == 0


def test_a_purger_that_fails_says_so_and_goes_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.run_blocking(remember)
    moments = iter([None, AT + MOMENT])
    with caplog.at_level(logging.ERROR, "throughcare.purger"):
        asyncio.run(purged(database, rounds=2, at=lambda: next(moments)))
    assert "could not be purged" in caplog.text
    assert database.read_blocking(remembered) == 0
