"""Where a process tells its measures: a port of its own, away from the interface."""

import asyncio
import errno
import logging
from dataclasses import dataclass
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from app.monitoring.page import Page
from app.settings import LARGEST_PORT

log = logging.getLogger("throughcare.measures")

# So many processes of one machine may have the same setting.
PORTS = 16


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
        for port in range(self.port, min(self.port + PORTS, LARGEST_PORT + 1)):
            try:
                return start_http_server(port, self.host, self.page)[0]
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    log.error("the measures cannot be served: %s", error.strerror)  # noqa: TRY400 - it says enough
                    return None
        return None


def _close(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()
