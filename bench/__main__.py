"""All benches one after the other, each within its bound, and the report at the end.

    python -m bench [NAME ...]

One that misses a bar says so and does not end the run; one that does not come to its end, or
writes nothing down, does not count as measured, and the exit status is 1.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from bench.results import RESULTS

# Seconds after which one is ended: several times what it takes on two quiet cores.
BOUNDS: Mapping[str, int] = {
    "policy": 120,
    "peers": 240,
    "scaling": 240,
    "delivery": 360,
    "growth": 120,
    "access_log": 300,
    "alerts": 180,
}
# What needs no database and no peer comes of the results alone.
AFTERWARDS = ("report", "plots")


def main() -> int:
    """Run those that are named, or all."""
    failed = [name for name in sys.argv[1:] or BOUNDS if not _measured(name)]
    for name in AFTERWARDS:
        failed += [name] if _run(name, bound=60) else []
    print("NOT MEASURED:", ", ".join(failed) or "none")  # noqa: T201 - the result
    return 1 if failed else 0


def _measured(name: str) -> bool:
    """Whether a bench came to its end: it writes its figures last."""
    before, started = _written_at(), time.monotonic()
    status = _run(name, bound=BOUNDS[name])
    measured = _written_at() != before
    seconds = time.monotonic() - started
    ended = f"ended with {status}" if measured else "came to NO END"
    print(f"== bench.{name} {ended} after {seconds:.0f} s", flush=True)  # noqa: T201 - the result
    return measured


def _run(name: str, *, bound: int) -> int | str:
    """The status of a module run as a program, in a group of processes of its own."""
    command = [sys.executable, "-m", f"bench.{name}"]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603 - ourselves
        try:
            return process.wait(timeout=bound)
        except subprocess.TimeoutExpired:
            # What it has started (servers, receivers) ends with it.
            os.killpg(process.pid, 9)
            return f"its bound of {bound} s"


def _written_at() -> int:
    return RESULTS.stat().st_mtime_ns if RESULTS.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
