"""What befalls an exchange while it is at work: days pass, receivers are away, processes die."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from random import Random

from tests.faults.daily_work import MIX, do, let_go
from tests.faults.exchange import Exchange
from tests.faults.gauge import Sample
from tests.faults.installation import PATIENCE, SERVE
from tests.notifications.mailroom import Answer, wait_until

WORKERS = 5
# Of all operations; in the rest nothing dies, and what the processes hold is measured.
STORM = 0.4
DAYS = 6
SAMPLES = 40
# So many operations may be done while a process is killed and started again.
AHEAD = 20
# Longer than a lease: what a killed process had claimed is free again.
AFTER_A_LEASE = 31
# Longer than a token lives, so that its key can be rotated.
AFTER_A_TOKEN = 400


@dataclass
class Weather:
    """A run of so many operations, in the course of which so many processes are killed."""

    exchange: Exchange
    seed: str
    operations: int
    kills: int
    killed: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    _done: int = 0
    # So far the work may go on while something happens.
    _limit: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _broken: list[BaseException] = field(default_factory=list)

    def pass_over(self) -> None:
        """Have everything done, and everything happen in its course."""
        exchange = self.exchange
        work = SimpleQueue[Callable[[Exchange], None]]()
        for one in exchange.random.choices([*MIX], [*MIX.values()], k=self.operations):
            work.put(one)
        workers = [threading.Thread(target=self._work, args=(work,)) for _ in range(WORKERS)]
        exchange.up.set()
        for worker in workers:
            worker.start()
        try:
            for moment, happen in self._course():
                self._limit = moment * self.operations + AHEAD
                wait_until(partial(self._is_past, moment), seconds=600)
                if self._broken:
                    break
                happen()
            self._limit = float("inf")
        except BaseException as error:  # noqa: BLE001 - workers have to end, whatever it was
            self._broken.append(error)
        exchange.up.set()
        for worker in workers:
            worker.join()
        if self._broken:
            raise self._broken[0]

    def _work(self, work: SimpleQueue[Callable[[Exchange], None]]) -> None:
        while not self._broken:
            if self._done >= self._limit:
                time.sleep(0.01)
                continue
            try:
                do(self.exchange, work.get_nowait())
            except Empty:
                return
            except BaseException as error:  # noqa: BLE001 - of a thread, to be seen by the test
                self._broken.append(error)
            with self._lock:
                self._done += 1

    def _is_past(self, moment: float) -> bool:
        return bool(self._broken) or self._done >= moment * self.operations

    def _course(self) -> Iterator[tuple[float, Callable[[], object]]]:
        """What happens when: after which part of all operations."""
        random = Random(self.seed)  # noqa: S311 - when to kill is no secret
        exchange = self.exchange
        names = sorted(exchange.installation.processes)
        welfare, away = exchange.welfare.agency.box, exchange.away
        course: list[tuple[float, Callable[[], object]]] = [
            # Each is killed about as often as the others, at any time.
            *(
                (random.uniform(0.02, STORM), partial(self.kill, names[number % len(names)]))
                for number in range(self.kills)
            ),
            *((STORM * (day + 0.5) / DAYS, self.another_day) for day in range(DAYS)),
            (0.10, partial(setattr, welfare, "usual", Answer(503))),
            (0.22, partial(setattr, welfare, "usual", Answer())),
            (0.15, away.close),
            (0.33, away.open),
            (0.30, self.rotate_keys),
            *(
                (STORM + (1 - STORM) * number / SAMPLES, self.measure)
                for number in range(1, SAMPLES)
            ),
        ]
        return iter(sorted(course, key=lambda one: one[0]))

    def kill(self, name: str) -> None:
        """Take a process away as it stands, and start it again once a lease has run out."""
        exchange, installation = self.exchange, self.exchange.installation
        exchange.checkpoints.add(installation.checkpoint)
        installation.check_alive(name)
        if [name] == [*installation.ports]:
            # What is on its way dies with the only interface; what comes next waits for it.
            exchange.up.clear()
        installation.kill(name)
        self.killed[name] += 1
        self.pass_time(AFTER_A_LEASE)
        installation.start(name)
        exchange.up.set()

    def pass_time(self, seconds: float) -> None:
        """Let time pass between two requests, and for nobody who is just starting."""
        self.exchange.installation.wait_until_at_work()
        with self.exchange.gate.closed():
            self.exchange.installation.clock.advance(seconds=seconds)

    def another_day(self) -> None:
        self.pass_time(24 * 3600)
        do(self.exchange, let_go)

    def measure(self) -> None:
        """What every process holds now."""
        self.pass_time(20)
        for name, process in self.exchange.installation.processes.items():
            assert process.pid is not None
            self.samples[name].append(Sample.of(process.pid, operations=self._done))

    def rotate_keys(self) -> None:
        """The keys that can be rotated while the service is at work, and are used from a start on.

        Data at rest is wrapped anew beside the service; a SQLite file belongs to one process.
        """
        installation = self.exchange.installation
        self.pass_time(AFTER_A_TOKEN)
        self._run("keys", "rotate", "tokens")
        if installation.is_embedded:
            self.kill(SERVE)
            return
        # Every process knows the next key, and goes on with it while others use the one before.
        self._run("keys", "rotate", "data")
        for name in sorted(installation.processes):
            self.kill(name)
        self._run("keys", "rewrap")
        self._run("keys", "remove")

    def _run(self, *command: str) -> None:
        process = self.exchange.installation.run(*command)
        process.join(PATIENCE)
        assert process.exitcode == 0, self.exchange.installation.log("commands")[-3000:]
