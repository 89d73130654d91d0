"""The HTTP server: in one process, or in several on one socket."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.api.connections import BoundedConnection
from app.processes import stopping
from app.processes.supervisor import Supervisor
from app.settings import Settings

# The end status of uvicorn where it never came to answer.
NOT_STARTED = 3


class Server(uvicorn.Server):
    """Uvicorn, which says to the service at once that it is to stop, and listens on if asked to."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, turn_away: float) -> None:
        super().__init__(config)
        self._app = app
        self._turn_away = turn_away

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear of the end from whoever watches over this process, too."""
        signal.signal(stopping.RELAYED, self.handle_exit)
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        stopping.begin(later=self._turn_away)
        service = getattr(self._app.state, "service", None)
        if service is None:
            super().handle_exit(sig, frame)
            return
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(service.stopping.set)
        stop = partial(super().handle_exit, sig, frame)
        loop.call_soon_threadsafe(loop.call_later, self._turn_away, stop)


def serve(app: FastAPI, settings: Settings, *, workers: int) -> None:
    """Answer requests until asked to stop, and end those under way then."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedConnection,
        # Paths hold references: they are not for a log of their own.
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=stopping.ANSWERS_SECONDS,
    )
    server = Server(config, app, turn_away=settings.turn_away_seconds)
    if workers == 1:
        # An interrupt that was heard is handed on at the end.
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            sys.exit(NOT_STARTED)
        return
    # Each takes connections from one queue. Of one that is killed the others take the next ones.
    with listening(config) as listener:
        work = partial(server.run, [listener])
        Supervisor(work, workers, let_go=listener.close).run()


def listening(config: uvicorn.Config) -> socket.socket:
    """The socket that several processes share; it ends this one where another service has it.

    Two that are only bound could share an address, and the processes of one would die in vain.
    """
    listener = config.bind_socket()
    listener.listen(config.backlog)
    return listener
