"""Two processes under a supervisor, each of which leaves its id in a folder and waits to stop.

Arguments: the folder, and how they take it: `willing`, `stubborn`, `short` of life; or willing, but
`crowded` (there is no room for the second one at first) or `orphaned` (started by one who ignores
the end of others).
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from app.processes import stopping
from app.processes.supervisor import Supervisor


def work(folder: Path, manner: str) -> None:
    """Leave a trace, and one more when asked to stop."""
    asked = threading.Event()
    for one in (*stopping.ASKS, stopping.RELAYED):
        signal.signal(one, lambda *_: asked.set())
    (folder / f"{os.getpid()}.begun").touch()
    if manner == "short":
        return
    while not asked.wait(0.01):
        pass
    stopping.begin()
    (folder / f"{os.getpid()}.asked").touch()
    while manner == "stubborn":
        signal.pause()


def refuse_once(fork: Callable[[], int]) -> Callable[[], int]:
    """As a machine that has no room at the second time."""
    asked = count()

    def fork_or_fail() -> int:
        if next(asked) == 1:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    return fork_or_fail


if __name__ == "__main__":
    if sys.argv[2] == "crowded":
        os.fork = refuse_once(os.fork)
    if sys.argv[2] == "orphaned":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    room = Path(sys.argv[1])
    let_go = (room / "let go").touch
    Supervisor(partial(work, room, sys.argv[2]), 2, let_go=let_go).run()
