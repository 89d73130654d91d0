"""One chain whatever befalls a sequencer: stopped in the middle, or cut off (PostgreSQL).

On SQLite the one process that may use the file gives entries their place in the commit that
records them, so there is nobody to take over from and no outcome that is unknown.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from app.audit.sequencer import Sequencer
from app.database import Database, DatabaseUnavailable, open_database
from tests.audit.chain import append, assert_one_chain, kept, sequencer_of
from tests.audit.relay import Cut, Relay, relay_to
from tests.audit.stopped_sequencer import ALONE, NUMBERING, SIGNED, SIGNING
from tests.conftest import with_empty_tables

PATIENCE = 60.0


@pytest.fixture
def url(postgresql_url: str) -> str:
    return with_empty_tables(postgresql_url)


@pytest.fixture
def sequencer(url: str, tmp_path: Path) -> Iterator[Sequencer]:
    """One in this process; the empty log is signed."""
    database = open_database(url)
    made = sequencer_of(database, tmp_path / "checkpoint")
    asyncio.run(made.round())
    yield made
    database.close()


@pytest.fixture
def stopping(url: str, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """One in a process of its own, which stops where it is told to."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.audit.stopped_sequencer", url, str(tmp_path / "checkpoint")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def record(database: Database, *numbers: int) -> None:
    for number in numbers:
        database.run_blocking(partial(append, number=number))


def stop_at(place: str, process: "subprocess.Popen[str]") -> None:
    """Let it work until it stands still there: it is stopped, and not merely slow."""
    assert process.stdin is not None
    process.stdin.write(f"{place}\n")
    process.stdin.flush()
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it ended instead"


def ended(process: "subprocess.Popen[str]") -> str:
    """How its round ended once it was woken."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go_of(database: Database, process: "subprocess.Popen[str]") -> None:
    """End its open transactions, as the server does by itself once they were idle for minutes."""
    theirs = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE :process AND state = 'idle in transaction'"
    )
    with database.engine.begin() as connection:
        found = connection.scalars(theirs, {"process": f"throughcare {process.pid} %"}).all()
    assert found
    assert all(found)


def take_over(sequencer: Sequencer, expected: int) -> None:
    """Work until all of it is signed."""
    deadline = time.monotonic() + PATIENCE
    while kept(sequencer.checkpoint_file).size < expected:
        assert time.monotonic() < deadline, "in vain"
        asyncio.run(sequencer.round())
        time.sleep(0.01)


def test_a_sequencer_that_is_stopped_and_woken_after_a_takeover_changes_nothing(
    sequencer: Sequencer, stopping: "subprocess.Popen[str]"
) -> None:
    database, file = sequencer.database, sequencer.checkpoint_file
    expected = 0
    for place in (ALONE, NUMBERING, SIGNING, SIGNED):
        record(database, expected, expected + 1)
        stop_at(place, stopping)
        # While it holds its locks nobody takes over, and nobody waits for it either.
        asyncio.run(sequencer.round())
        assert kept(file).size == expected
        record(database, expected + 2)
        let_go_of(database, stopping)
        take_over(sequencer, expected + 3)
        record(database, expected + 3)
        # Woken it believes that it is alone, and for this moment two are at work.
        stopping.send_signal(signal.SIGCONT)
        asyncio.run(sequencer.round())
        assert ended(stopping) != "done", place
        expected += 4
        take_over(sequencer, expected)
        database.read_blocking(lambda c: assert_one_chain(c, file, expected))  # noqa: B023 - at once


@pytest.fixture
def relay(url: str) -> Iterator[Relay]:
    with relay_to(url) as made:
        yield made


def test_a_commit_of_which_the_sequencer_does_not_know_whether_it_held_leaves_one_chain(
    sequencer: Sequencer, relay: Relay
) -> None:
    """Cut off at the commit of the numbers, of the signature, and of the lock around both."""
    file = sequencer.checkpoint_file
    behind = open_database(relay.url)
    cut_off = sequencer_of(behind, file)
    expected = 0
    cuts: tuple[Cut, ...] = ("before it arrives", "after it is done")
    for at in (1, 2, 3):
        for cut in cuts:
            record(sequencer.database, expected, expected + 1)
            expected += 2
            relay.at, relay.cut = at, cut
            with pytest.raises(Exception, match=r"durable|closed|terminated|cannot be asked"):
                asyncio.run(cut_off.round())
            assert relay.at <= 0
            # What it does next is what another one would do: look at what is there.
            asyncio.run(cut_off.round())
            sequencer.database.read_blocking(
                lambda c: assert_one_chain(c, file, expected)  # noqa: B023 - at once
            )
    behind.close()


@pytest.mark.parametrize("cut", ["before it arrives", "after it is done"])
def test_an_entry_whose_commit_is_unknown_stands_once_or_not_at_all_and_nothing_is_released(
    sequencer: Sequencer, relay: Relay, cut: Cut
) -> None:
    behind = open_database(relay.url)
    relay.at, relay.cut = 1, cut
    with pytest.raises(DatabaseUnavailable):
        record(behind, 0)
    behind.close()
    asyncio.run(sequencer.round())
    stands = int(cut == "after it is done")
    sequencer.database.read_blocking(
        lambda c: assert_one_chain(c, sequencer.checkpoint_file, stands)
    )
