"""Who watches over several processes: whoever dies is replaced, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.processes import stopping
from tests.notifications.mailroom import wait_until
from tests.processes import supervised

Watched = Callable[[str], "subprocess.Popen[bytes]"]
PATIENCE = 30


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Start a supervisor of two that take it in some manner."""
    started: list[subprocess.Popen[bytes]] = []

    def start(manner: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, supervised.__file__, str(tmp_path), manner]
        process = subprocess.Popen(  # noqa: S603 - a program of ours
            command, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        wait_until(lambda: len(pids(tmp_path, "begun")) >= 2)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def pids(folder: Path, trace: str) -> set[int]:
    return {int(one.stem) for one in folder.glob(f"*.{trace}")}


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and is not looked after by anybody does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):  # it may end while it is looked at
        return False
    return state not in "ZX"


def worked(pid: int) -> float:
    """Seconds of a processor that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("manner", ["willing", "orphaned"])
def test_one_that_is_killed_is_replaced_and_the_others_go_on(
    watched: Watched, tmp_path: Path, manner: str
) -> None:
    watched(manner)
    one, other = pids(tmp_path, "begun")
    os.kill(one, signal.SIGKILL)
    wait_until(lambda: len(pids(tmp_path, "begun")) == 3)
    assert is_alive(other)
    assert not pids(tmp_path, "asked")


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_lets_go_of_what_they_share_and_waits_for_their_end(
    watched: Watched, tmp_path: Path, asked: signal.Signals
) -> None:
    process = watched("willing")
    process.send_signal(asked)
    assert process.wait(PATIENCE) == 0
    assert (tmp_path / "let go").exists()
    assert pids(tmp_path, "asked") == pids(tmp_path, "begun")
    assert not any(map(is_alive, pids(tmp_path, "begun")))


def test_all_of_a_group_may_be_asked_by_one_hand(watched: Watched, tmp_path: Path) -> None:
    process = watched("stubborn")
    # As a terminal asks them: each by itself, and once more by whoever watches over them.
    os.killpg(process.pid, signal.SIGINT)
    wait_until(lambda: pids(tmp_path, "asked") == pids(tmp_path, "begun"))
    time.sleep(0.1)
    assert all(map(is_alive, pids(tmp_path, "begun")))


def test_asked_twice_it_ends_those_that_do_not_end(watched: Watched, tmp_path: Path) -> None:
    process = watched("stubborn")
    process.terminate()
    wait_until(lambda: pids(tmp_path, "asked") == pids(tmp_path, "begun"))
    assert process.poll() is None
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert not any(map(is_alive, pids(tmp_path, "begun")))


def test_nobody_goes_on_without_whoever_watched(watched: Watched, tmp_path: Path) -> None:
    process = watched("willing")
    process.kill()
    wait_until(lambda: pids(tmp_path, "asked") == pids(tmp_path, "begun"))
    wait_until(lambda: not any(map(is_alive, pids(tmp_path, "begun"))))


def test_a_second_signal_ends_one_that_does_not_end(watched: Watched, tmp_path: Path) -> None:
    process = watched("stubborn")
    process.terminate()
    wait_until(lambda: pids(tmp_path, "asked") == pids(tmp_path, "begun"))
    one, other = pids(tmp_path, "begun")
    os.kill(one, signal.SIGTERM)
    os.kill(other, stopping.RELAYED)
    wait_until(lambda: not is_alive(one))
    assert is_alive(other)
    # Whoever watches waits for the other one, and does nothing else.
    before = worked(process.pid)
    time.sleep(0.2)
    assert worked(process.pid) - before < 0.1


def test_a_machine_that_is_full_for_a_moment_ends_nobody(watched: Watched, tmp_path: Path) -> None:
    process = watched("crowded")
    assert is_alive(process.pid)
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert len(pids(tmp_path, "asked")) == 2


def test_those_that_cannot_live_are_not_begun_without_end(watched: Watched, tmp_path: Path) -> None:
    process = watched("short")
    time.sleep(0.3)
    assert len(pids(tmp_path, "begun")) == 2
    process.terminate()
    assert process.wait(PATIENCE) == 0
