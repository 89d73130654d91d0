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
from app.main import NotReady
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
    with listening(config) as listener:
        work = partial(server.run, [listener])
        if workers > 1:
            # Each takes connections from one queue. Of one that is killed the others take the
            # next ones.
            Supervisor(work, workers, let_go=listener.close).run()
            return
        # An interrupt that was heard is handed on at the end.
        with suppress(KeyboardInterrupt):
            work()
        if not server.started:
            sys.exit(NOT_STARTED)


def listening(config: uvicorn.Config) -> socket.socket:
    """The socket of the service, listening; several processes share it.

    Two that are only bound could share an address, and the processes of one would die in vain.

    Raises:
        NotReady: another process has the address, or it is none of this machine.
    """
    host, port = config.host, config.port
    sixth = ":" in host
    family = socket.AF_INET6 if sixth else socket.AF_INET
    # At `::` both versions of the protocol are heard, as at `0.0.0.0` one is.
    both = sixth and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=config.backlog, dualstack_ipv6=both
        )
    except OSError as error:
        raise NotReady(
            f"THROUGHCARE_HOST={host}, THROUGHCARE_PORT={port}: {error.strerror}. End what listens "
            "there, or set another port (and the same one in THROUGHCARE_ISSUER)"
        ) from error
