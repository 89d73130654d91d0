"""Where a process tells its measures: a port of its own, away from the interface."""

import asyncio
import errno
import logging
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from threading import BoundedSemaphore
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import start_http_server

from app.monitoring.page import Page
from app.settings import LARGEST_PORT

log = logging.getLogger("throughcare.measures")

# So many processes of one machine may have the same setting.
PORTS = 16
# A scraper says at once what it wants.
PATIENCE_SECONDS = 5.0
# So many may ask at once: each holds a thread, and a file of those that the interface needs.
AT_ONCE = BoundedSemaphore(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposition:
    """Serves the page of one process at the first port that is free from `port` on."""

    page: Page
    host: str
    port: int

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop. What cannot be served is said, and stops nothing else."""
        server = await asyncio.to_thread(self._open)
        if server is None:
            log.error("no port from %d on is free for the measures", self.port)
            return
        log.info("measures at %s:%d", self.host, server.server_port)
        try:
            await stop.wait()
        finally:
            await asyncio.to_thread(_close, server)
            self.page.close()

    def _open(self) -> WSGIServer | None:
        server = self._open_port()
        if server is not None:
            server.RequestHandlerClass = _Handler
        return server

    def _open_port(self) -> WSGIServer | None:
        for port in range(self.port, min(self.port + PORTS, LARGEST_PORT + 1)):
            try:
                return start_http_server(port, self.host, self.page)[0]
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    log.error("the measures cannot be served: %s", error.strerror)  # noqa: TRY400 - it says enough
                    return None
        return None


class _InTime(RawIOBase):
    """What a connection says within `seconds` in all: who drips bytes is no better than silent."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - whatever can be written to
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        read = self._connection.recv_into(buffer)
        # The answer has its own time.
        self._connection.settimeout(self._seconds)
        return read


class _Handler(WSGIRequestHandler):
    """Each connection has a thread: who takes long to ask loses it. Nothing is logged."""

    timeout = PATIENCE_SECONDS

    def setup(self) -> None:
        super().setup()
        self.rfile = BufferedReader(_InTime(self.connection, self.timeout))

    def get_environ(self) -> dict[str, str]:
        # The page comes as a whole: what asks for a part of it would end in an error.
        return {**super().get_environ(), "QUERY_STRING": ""}

    def handle(self) -> None:
        if AT_ONCE.acquire(blocking=False):
            try:
                with suppress(TimeoutError):
                    super().handle()
            finally:
                AT_ONCE.release()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of its base
        del format, args


def _close(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()
