"""A sequencer as a process of its own that stops dead, in the middle of what it does.

Each line that it reads is a place; it works one round, stops there with SIGSTOP, and says how the
round ended once it was woken.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from app.database import open_database
from tests.audit.chain import sequencer_of

# Statements before which it stops: it knows that it is alone, and has begun nothing; entries are
# taken and numbered; a checkpoint is signed.
ALONE = "SELECT access_log_pending"
NUMBERING = "UPDATE access_log_head"
SIGNING = "INSERT INTO access_log_checkpoint"
# The checkpoint is committed and not in its file: two connections were given back.
SIGNED = "signed"


def stop() -> None:
    """Stand still, all threads, until somebody wakes this process."""
    os.kill(os.getpid(), signal.SIGSTOP)


def main(url: str, file: Path) -> None:
    """Work round after round."""
    database = open_database(url)
    sequencer = sequencer_of(database, file)
    for line in sys.stdin:
        place, given_back = [line.strip()], [0]

        def before(*what: Any, place: list[str] = place) -> None:  # noqa: ANN401 - of SQLAlchemy
            if place and what[2].startswith(place[0]):
                place.clear()
                stop()

        def back(
            *_: Any,  # noqa: ANN401 - of SQLAlchemy
            place: list[str] = place,
            given_back: list[int] = given_back,
        ) -> None:
            given_back[0] += 1
            if place == [SIGNED] and given_back[0] == 2:  # numbered, then signed
                place.clear()
                stop()

        event.listen(database.engine, "before_cursor_execute", before)
        event.listen(database.engine, "checkin", back)
        try:
            asyncio.run(sequencer.round())
        except Exception as error:  # noqa: BLE001 - whatever it is is said
            ended = type(error).__name__
        else:
            ended = "done"
        event.remove(database.engine, "before_cursor_execute", before)
        event.remove(database.engine, "checkin", back)
        sys.stdout.write(f"{ended}\n")
        sys.stdout.flush()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
