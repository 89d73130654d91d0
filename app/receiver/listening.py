"""Listening at an address, and answering there until a signal says to end."""

import signal
import socket
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from app.receiver.errors import ConfigurationError

_GRACE_SECONDS: Final = 10  # for requests that are under way when the program is to end


def listen(host: str, port: int) -> socket.socket:
    """Listen before anything else is done, so that the first caller finds an open door.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"cannot listen at {host} port {port}: {error}") from None


def address_of(listener: socket.socket) -> str:
    """The address without TLS, which is the matter of a proxy in front."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def make_server(app: Starlette) -> uvicorn.Server:
    """What answers; once its `should_exit` is set it comes to an end."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,  # it would name the callers and nothing of use
            log_config=None,  # logging is set up by whoever runs the program
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


def serve(server: uvicorn.Server, listener: socket.socket) -> None:
    """Run until a signal, then come back: uvicorn raises the signal again once it is done."""

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    handled = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, end) for number in handled}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
