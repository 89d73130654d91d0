"""All benches one after the other, each within its bound, and the report at the end.

    python -m bench [NAME ...]

One that misses a bar says so and does not end the run; one that does not come to its end, or
writes nothing down, does not count as measured, and the exit status is 1.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from bench.results import RESULTS

# Seconds after which one is ended, about three times what it takes on two quiet cores, and all.
BOUNDS: Mapping[str, int] = {
    "reading": 600,
    "policy": 120,
    "peers": 180,
    "scaling": 240,
    "delivery": 360,
    "growth": 180,
    "access_log": 420,
    "alerts": 300,
}
WHOLE = 1_500
# For what a bench has started to be put away.
PATIENCE = 15
# What needs no database and no peer comes of the results alone.
AFTERWARDS = ("report", "plots")


def main() -> int:
    """Run those that are named, or all."""
    end = time.monotonic() + WHOLE
    failed = [name for name in sys.argv[1:] or BOUNDS if not _measured(name, end=end)]
    for name in AFTERWARDS:
        failed += [name] if _run(name, bound=60) else []
    print("NOT MEASURED:", ", ".join(failed) or "none")  # noqa: T201 - the result
    return 1 if failed else 0


def _measured(name: str, *, end: float) -> bool:
    """Whether a bench came to its end: it writes its figures last."""
    before, started = _written_at(), time.monotonic()
    status = _run(name, bound=min(BOUNDS[name], max(0, end - started)))
    measured = _written_at() != before
    seconds = time.monotonic() - started
    ended = f"ended with {status}" if measured else f"came to NO END: {status}"
    print(f"== bench.{name} {ended}, {seconds:.0f} s", flush=True)  # noqa: T201 - the result
    return measured


def _run(name: str, *, bound: float) -> int | str:
    """The status of a module run as a program, in a group of processes of its own."""
    command = [sys.executable, "-m", f"bench.{name}"]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603 - ourselves
        try:
            return process.wait(timeout=bound)
        except subprocess.TimeoutExpired:
            # It is asked to put away its servers and folders; then all that it started ends.
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return f"its bound of {bound:.0f} s"


def _written_at() -> int:
    return RESULTS.stat().st_mtime_ns if RESULTS.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
