"""A client that keeps its connections and asks again as soon as it is answered, on its own core.

It costs a tenth of what it asks for: requests are bytes made before, and of an answer no more
than the status and the length is read. Meant for `run_apart`, in a process of its own.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
OK = b"HTTP/1.1 200 "


class LoadFailed(Exception):
    """An answer was not the one expected: what was measured is worth nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: seconds in all, and of each request from its first to its last byte."""

    seconds: float
    latencies: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds


class Asker(asyncio.Protocol):
    """One connection: the next request follows the answer to the last one."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._read = bytearray()
        self._missing = -1
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever hangs up has not answered."""
        self._run.end(exc or LoadFailed("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Count an answer down to its last byte."""
        if self._missing < 0:
            self._read += data
            self._missing = _missing(self._read)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            if not self._read.startswith(OK):
                self._run.end(LoadFailed(self._read[:1_000].decode(errors="replace")))
            self._run.latencies.append(time.perf_counter() - self._asked_at)
            self._ask()

    def _ask(self) -> None:
        request = self._run.next_request()
        if request is None:
            return
        self._read.clear()
        self._missing = -1
        self._asked_at = time.perf_counter()
        self._transport.write(request)


class _Run:
    """A bounded count of requests over all connections."""

    def __init__(self, requests: Sequence[bytes], count: int) -> None:
        self.latencies: list[float] = []
        self._requests, self._count, self._asked = cycle(requests), count, 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        if len(self.latencies) == self._count:
            self.end(None)
        if self._asked == self._count:
            return None
        self._asked += 1
        return next(self._requests)

    def end(self, problem: Exception | None) -> None:
        if not self.ended.done():
            if problem is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(problem)


def _missing(read: bytearray) -> int:
    """How many bytes of an answer are to come; -1 before its head is complete."""
    head = read.find(HEAD_END)
    if head < 0:
        return -1
    start = read.lower().index(LENGTH, 0, head) + len(LENGTH)
    length = int(read[start : read.index(b"\r", start)])
    return head + len(HEAD_END) + length - len(read)


async def _ask_all(port: int, requests: Sequence[bytes], count: int, concurrency: int) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(requests, count)
    started = time.perf_counter()
    made = [
        loop.create_connection(lambda: Asker(run), "127.0.0.1", port) for _ in range(concurrency)
    ]
    transports = [transport for transport, _ in await asyncio.gather(*made)]
    await run.ended
    seconds = time.perf_counter() - started
    for transport in transports:
        transport.abort()
    return Load(seconds, tuple(run.latencies))


def ask(port: int, requests: Sequence[bytes], count: int, concurrency: int) -> Load:
    """Ask so often, the requests in turns, with so many under way.

    LoadFailed: an answer was another than 200.
    """
    return uvloop.run(_ask_all(port, requests, count, concurrency))


def client_on(core: int) -> ProcessPoolExecutor:
    """A process for `ask` that keeps to this core; ended as any executor."""
    return ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        initializer=partial(os.sched_setaffinity, 0, {core}),
    )
