"""The HTTP server in several processes: one socket, which nobody else has."""

import socket

import pytest
import uvicorn

from app.demo.stage import free_port
from app.main import NotReady
from app.processes.server import listening


def test_an_address_is_taken_before_its_processes_begin() -> None:
    port = free_port()
    config = uvicorn.Config("nothing", host="127.0.0.1", port=port, log_config=None)
    with listening(config), socket.socket() as other:
        # As every server does; with it, two that only hold an address could share it.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_is_taken_is_said_with_the_setting_that_names_it(host: str) -> None:
    config = uvicorn.Config("nothing", host=host, port=free_port(), log_config=None)
    said = f"THROUGHCARE_PORT={config.port}: Address already in use"
    with listening(config), pytest.raises(NotReady, match=said):
        listening(config)
