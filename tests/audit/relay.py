"""A relay before a PostgreSQL server that cuts the connection while a COMMIT is under way."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.engine import URL, make_url

COMMIT = b"COMMIT\x00"
PIECE = 65_536
Cut = Literal["before it arrives", "after it is done"]


@dataclass
class Relay:
    """Cuts the connection at the COMMIT that `at` counts down to; then lets everything pass."""

    server: URL
    listener: socket.socket
    at: int = 0
    cut: Cut = "before it arrives"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The same database, by way of this."""
        host, port = self.listener.getsockname()[:2]
        way = self.server.set(host=host, port=port).difference_update_query(["host", "port"])
        return way.render_as_string(hide_password=False)

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = self._connect()
                # What stands there when the answer comes is for nobody.
                silenced = threading.Event()
                for work in (self._upwards, self._downwards):
                    threading.Thread(
                        target=work, args=(client, server, silenced), daemon=True
                    ).start()

    def _connect(self) -> socket.socket:
        host = self.server.host or str(self.server.query.get("host", "127.0.0.1"))
        port = self.server.port or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{host}/.s.PGSQL.{port}")
        return connection

    def _upwards(
        self, client: socket.socket, server: socket.socket, silenced: threading.Event
    ) -> None:
        with suppress(OSError):
            while piece := client.recv(PIECE):
                if COMMIT in piece and self._is_it():
                    if self.cut == "before it arrives":
                        break
                    silenced.set()
                server.sendall(piece)
        if not silenced.is_set():
            _close(client, server)

    def _downwards(
        self, client: socket.socket, server: socket.socket, silenced: threading.Event
    ) -> None:
        with suppress(OSError):
            while piece := server.recv(PIECE):
                if silenced.is_set():
                    break
                client.sendall(piece)
        _close(client, server)

    def _is_it(self) -> bool:
        with self._lock:
            self.at -= 1
            return self.at == 0


@contextmanager
def relay_to(url: str) -> Iterator[Relay]:
    """A relay before the server of this URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(make_url(url), listener)
        thread = threading.Thread(target=relay.serve, daemon=True)
        thread.start()
        yield relay
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
