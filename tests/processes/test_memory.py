"""What a thread has freed is there for the others."""

import platform
import subprocess
import sys

import pytest

# Sixteen threads at once, each with megabytes that are freed again; then the C library tells, a
# line for each, where it keeps memory.
PROGRAM = """
import ctypes, sys, threading
from app.processes import memory

if "settled" in sys.argv:
    memory.settle()
together = threading.Barrier(16)

def work():
    together.wait()
    held = [bytearray(50_000) for _ in range(50)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(16)]
for one in threads:
    one.start()
for one in threads:
    one.join()
ctypes.CDLL(None).malloc_stats()
"""


def places(*arguments: str) -> int:
    """In how many places a process keeps memory."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a program of ours
    return ended.stderr.count("Arena ")


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="it is the GNU C library that does it"
)
def test_many_threads_share_few_places_for_memory() -> None:
    assert places("settled") <= 2 < places()
