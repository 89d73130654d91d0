"""The sequencer: signs what is committed, never what contradicts itself, and never gives up."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Table

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from app.access_log.checkpoints import (
    CHECKPOINT,
    CheckpointMissing,
    LogBehindCheckpoint,
    LogContradicted,
    LogForked,
)
from app.access_log.entry import Actor, Entry, Grounds
from app.access_log.ledger import ENTRY, HEAD, LOOKUP, PENDING
from app.access_log.note import NoteRefused, Verifier
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.audit.sequencer import TASK, Sequencer
from app.crypto.log_signing import LogSigningKey
from app.database import Database, open_database
from tests.conftest import with_empty_tables
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
ORIGIN = "log.example/access"
KEY = LogSigningKey.from_seed(bytes(range(32)))
KEYS = LogKeys(
    log_retention=bytes(32), blind_index=bytes(range(32)), key_encryption=RING.key_encryption
)
RANDOM = Random(3).randbytes  # noqa: S311 - repeatable on purpose
LOG: tuple[Table, ...] = (ENTRY, PENDING, LOOKUP, HEAD, CHECKPOINT)
PATIENCE = 60.0
ENTRY_OF_A_READ = Entry(
    operation=Operation.DISCLOSURE,
    channel=Channel.READ,
    outcome=Outcome.RELEASED,
    actor=Actor(agency="agency-1"),
    grounds=Grounds(purpose="release_preparation"),
)


@pytest.fixture
def sequencer(database: Database, tmp_path: Path) -> Sequencer:
    """A sequencer of an installation whose empty log is signed, as `init` leaves it."""
    made = Sequencer(
        database=database,
        key=KEY,
        origin=ORIGIN,
        checkpoint_file=tmp_path / "checkpoint",
        clock=lambda: AT,
        interval=0.01,
    )
    asyncio.run(made.round())
    return made


def append(connection: Connection) -> None:
    """Record a read."""
    ledger.append(
        connection,
        ENTRY_OF_A_READ,
        keys=KEYS,
        random=RANDOM,
        at=AT,
        origin=ORIGIN,
        policy_digest="0" * 64,
    )


def record(database: Database, entries: int = 1) -> None:
    """Entries, each in a transaction of its own."""

    for _ in range(entries):
        database.run_blocking(append)


def signed(sequencer: Sequencer) -> Checkpoint:
    """What the file outside the database vouches for."""
    note = checkpoints.read_checkpoint_file(sequencer.checkpoint_file)
    assert note is not None
    return open_checkpoint(note, [Verifier.of(ORIGIN, KEY)])


def snapshot(database: Database) -> dict[Table, list[dict[str, Any]]]:
    """Every row of the log: a backup."""
    return database.read_blocking(
        lambda c: {
            table: [dict(row) for row in c.execute(table.select()).mappings()] for table in LOG
        }
    )


def restore(database: Database, backup: dict[Table, list[dict[str, Any]]]) -> None:
    """Put a backup in the place of what is there."""

    def work(connection: Connection) -> None:
        for table, rows in backup.items():
            connection.execute(table.delete())
            if rows:
                connection.execute(table.insert(), rows)

    database.run_blocking(work)


def run_until(sequencer: Sequencer, done: Callable[[], bool]) -> None:
    """Let the sequencer work until something holds, then stop it."""

    async def work() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(sequencer.run(stop))
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert not task.done(), "the sequencer has ended"
            assert time.monotonic() < deadline, "in vain"
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.wait_for(task, PATIENCE)

    asyncio.run(work())


def test_what_was_recorded_is_signed_and_kept_outside(sequencer: Sequencer) -> None:
    assert signed(sequencer).size == 0
    record(sequencer.database, 3)
    asyncio.run(sequencer.round())
    head = sequencer.database.read_blocking(ledger.read_head)
    assert signed(sequencer) == head.checkpoint(ORIGIN)
    assert head.size == 3


def test_a_round_without_anything_new_leaves_the_note_as_it_is(sequencer: Sequencer) -> None:
    record(sequencer.database)
    asyncio.run(sequencer.round())
    before = written(sequencer)
    asyncio.run(sequencer.round())
    assert written(sequencer) == before


def written(sequencer: Sequencer) -> tuple[bytes, int, int]:
    """What is in the note, in which file, and when it was last written: not when it was read."""
    status = sequencer.checkpoint_file.stat()
    return sequencer.checkpoint_file.read_bytes(), status.st_ino, status.st_mtime_ns


def test_a_file_that_is_older_than_the_database_is_brought_up_to_date(
    sequencer: Sequencer,
) -> None:
    # As after a crash between the commit of a checkpoint and the writing of its file.
    old = sequencer.checkpoint_file.read_bytes()
    record(sequencer.database)
    asyncio.run(sequencer.round())
    sequencer.checkpoint_file.write_bytes(old)
    asyncio.run(sequencer.round())
    assert signed(sequencer).size == 1


def test_the_loop_signs_as_the_log_grows_and_once_more_at_its_end(sequencer: Sequencer) -> None:
    record(sequencer.database)
    run_until(sequencer, lambda: signed(sequencer).size == 1)
    record(sequencer.database)

    async def only_the_end() -> None:
        stop = asyncio.Event()
        stop.set()
        await sequencer.run(stop)

    asyncio.run(only_the_end())
    assert signed(sequencer).size == 2


def test_an_older_copy_put_in_place_while_the_service_runs_is_not_signed(
    sequencer: Sequencer,
) -> None:
    record(sequencer.database)
    asyncio.run(sequencer.round())
    backup = snapshot(sequencer.database)
    record(sequencer.database, 2)
    asyncio.run(sequencer.round())
    kept = sequencer.checkpoint_file.read_bytes()
    restore(sequencer.database, backup)
    with pytest.raises(LogBehindCheckpoint):
        asyncio.run(sequencer.round())
    # And it is no better once the copy has grown to the same size by other entries.
    record(sequencer.database, 2)
    with pytest.raises(LogContradicted):
        asyncio.run(sequencer.round())
    assert sequencer.checkpoint_file.read_bytes() == kept


def test_a_fork_is_not_signed_even_where_the_database_agrees_with_itself(
    sequencer: Sequencer,
) -> None:
    backup = snapshot(sequencer.database)
    record(sequencer.database, 2)
    asyncio.run(sequencer.round())
    kept = sequencer.checkpoint_file.read_bytes()
    restore(sequencer.database, backup)
    record(sequencer.database, 3)
    sequencer.database.run_blocking(ledger.integrate)
    with pytest.raises(LogForked):
        asyncio.run(sequencer.round())
    assert sequencer.checkpoint_file.read_bytes() == kept
    newest = sequencer.database.read_blocking(checkpoints.latest)
    assert newest is not None
    assert newest.checkpoint.size == 0


def test_a_log_whose_checkpoint_is_gone_is_not_signed_anew(sequencer: Sequencer) -> None:
    record(sequencer.database)
    asyncio.run(sequencer.round())
    sequencer.checkpoint_file.unlink()
    with pytest.raises(CheckpointMissing):
        asyncio.run(sequencer.round())


@pytest.mark.parametrize("origin", ["log.example/other"])
def test_a_log_does_not_go_on_under_another_name(sequencer: Sequencer, origin: str) -> None:
    with pytest.raises((CheckpointRefused, NoteRefused)):
        asyncio.run(replace(sequencer, origin=origin).round())


@pytest.mark.parametrize("garbage", [b"\xff\xfe", b"", b"no note", b"a\n0\nb\n\n"])
def test_a_file_that_is_no_note_stops_the_signing_and_not_the_sequencer(
    sequencer: Sequencer, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = sequencer.checkpoint_file.read_bytes()
    sequencer.checkpoint_file.write_bytes(garbage)
    record(sequencer.database)
    run_until(sequencer, lambda: "could not be signed" in caplog.text)
    assert sequencer.checkpoint_file.read_bytes() == garbage
    sequencer.checkpoint_file.write_bytes(good)
    run_until(sequencer, lambda: signed(sequencer).size == 1)


def test_a_folder_that_is_gone_for_a_while_is_waited_for(
    sequencer: Sequencer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = replace(sequencer, checkpoint_file=tmp_path / "mounted" / "checkpoint")
    run_until(away, lambda: "could not be signed" in caplog.text)
    (tmp_path / "mounted").mkdir()
    run_until(away, away.checkpoint_file.exists)


def test_a_clock_that_fails_once_does_not_end_the_signing(
    sequencer: Sequencer, caplog: pytest.LogCaptureFixture
) -> None:
    calls = itertools.count()

    def clock() -> datetime:
        if next(calls) == 0:
            raise ValueError("the clock file is being written")
        return AT

    record(sequencer.database)
    run_until(replace(sequencer, clock=clock), lambda: signed(sequencer).size == 1)
    assert "could not be signed" in caplog.text


def test_two_sequencers_on_one_log_sign_one_log(sequencer: Sequencer, tmp_path: Path) -> None:
    other = replace(sequencer, checkpoint_file=tmp_path / "other")

    async def both() -> None:
        for _ in range(5):
            await sequencer.database.run(append)
            await asyncio.gather(sequencer.round(), other.round(), return_exceptions=True)
        await sequencer.round()

    asyncio.run(other.round())
    asyncio.run(both())
    asyncio.run(other.round())
    assert signed(sequencer) == signed(other)
    assert signed(sequencer).size == 5


def test_while_one_sequencer_works_another_waits_and_goes_on_when_it_is_gone(
    sequencer: Sequencer, postgresql_url: str
) -> None:
    elsewhere = open_database(with_empty_tables(postgresql_url))
    mine = replace(sequencer, database=elsewhere)
    try:
        asyncio.run(mine.round())
        record(elsewhere)
        with elsewhere.alone(TASK) as alone:
            assert alone
            asyncio.run(mine.round())
            assert signed(mine).size == 0
        asyncio.run(mine.round())
        assert signed(mine).size == 1
    finally:
        elsewhere.close()


def test_the_log_grows_whatever_the_clock_says(sequencer: Sequencer) -> None:
    """Ten minutes ahead, set right, and ten minutes behind."""
    sizes = []
    for minutes in (10, 0, -10):
        record(sequencer.database)
        now = AT + timedelta(minutes=minutes)
        asyncio.run(replace(sequencer, clock=_at(now)).round())
        sizes.append(signed(sequencer).size)
    assert sizes == [1, 2, 3]


def _at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def test_a_closed_database_is_said_and_survived(
    sequencer: Sequencer, caplog: pytest.LogCaptureFixture
) -> None:
    sequencer.database.close()
    with caplog.at_level(logging.ERROR):
        run_until(sequencer, lambda: "could not be signed" in caplog.text)
