"""Two processes under a supervisor, each of which leaves its id in a folder and waits to stop.

Arguments: the folder, and how they take it: `willing`, `stubborn`, or `short` of life.
"""

import os
import signal
import sys
import threading
from functools import partial
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


if __name__ == "__main__":
    room = Path(sys.argv[1])
    let_go = (room / "let go").touch
    Supervisor(partial(work, room, sys.argv[2]), 2, let_go=let_go).run()
