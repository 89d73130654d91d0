"""Several processes that do the same, and one that watches over them: who dies is replaced.

They are forked: what was loaded before is shared, and a new one is there at once. Whoever watches
does nothing else, so nothing that is asked of the others can end it.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from app.processes.stopping import ASKS, RELAYED

log = logging.getLogger("throughcare.supervisor")

WATCHED = frozenset({*ASKS, signal.SIGCHLD})
# Who dies so soon would die again: the next one waits for as long.
SOON_SECONDS = 1.0
# sigtimedwait takes no "for ever".
LONG_SECONDS = 3_600.0


class Supervisor:
    """Keeps `count` processes at `work`, from `run` on, until it is asked to stop.

    `let_go` is called once it is: it gives up, here, what the others share.
    """

    def __init__(self, work: Callable[[], None], count: int, *, let_go: Callable[[], None]) -> None:
        self._work = work
        self._let_go = let_go
        # When each that runs began, by its id, and when those that are missing are to begin.
        self._begun: dict[int, float] = {}
        self._missing = [time.monotonic()] * count
        # Nothing is ever written. Reading it waits until this process is gone.
        self._alive, self._held = os.pipe()

    def run(self) -> None:
        """Watch until asked to stop, then until all have stopped; asked again, it ends them."""
        # Whoever started us may ignore the end of others, which then cannot be waited for.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        while self._wait() in (None, signal.SIGCHLD):
            self._replace(before)
        log.info("asked to stop: %d processes are", len(self._begun))
        self._let_go()
        self._send(RELAYED)
        # Nobody is missing any more.
        self._missing = []
        while self._begun:
            if self._wait() in ASKS:
                self._send(signal.SIGKILL)
            list(self._reap())
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        log.info("stopped")

    def _wait(self) -> int | None:
        """The next signal, or None once somebody is missing for long enough."""
        now = time.monotonic()
        until = min(self._missing, default=now + LONG_SECONDS)
        came = signal.sigtimedwait(WATCHED, max(0.0, until - now))
        return None if came is None else came.si_signo

    def _replace(self, mask: set[int]) -> None:
        self._missing += self._reap()
        now = time.monotonic()
        due = [moment for moment in self._missing if moment <= now]
        self._missing = [moment for moment in self._missing if moment > now]
        for _ in due:
            self._fork(mask)

    def _reap(self) -> Iterator[float]:
        """When one is to begin in the place of each that has ended."""
        for pid in list(self._begun):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                now, begun = time.monotonic(), self._begun.pop(pid)
                level = logging.WARNING if status else logging.INFO
                log.log(level, "process %d ended: %d", pid, os.waitstatus_to_exitcode(status))
                yield now + (SOON_SECONDS if now - begun < SOON_SECONDS else 0.0)

    def _send(self, number: int) -> None:
        for pid in self._begun:
            os.kill(pid, number)

    def _fork(self, mask: set[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            # A machine that is full for a moment is no reason to end those that are at work.
            log.warning("no process can be begun: %s", error.strerror)
            self._missing.append(time.monotonic() + SOON_SECONDS)
            return
        if pid == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._work_to_its_end()
        self._begun[pid] = time.monotonic()

    def _work_to_its_end(self) -> NoReturn:
        os.close(self._held)
        threading.Thread(target=self._outlive, daemon=True).start()
        status = 1
        try:
            self._work()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            log.exception("the work broke off")
        finally:
            # What stands above belongs to the process that watches.
            os._exit(status)

    def _outlive(self) -> None:
        """Nobody would end what nobody watches over: then it ends by itself."""
        os.read(self._alive, 1)
        os.kill(os.getpid(), RELAYED)
