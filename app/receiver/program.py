"""The running program: `throughcare receive`."""

import logging
import signal
import socket
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from app.receiver.answering import AnsweringWorker, Endpoint
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ConfigurationError
from app.receiver.receiving import make_receiver
from app.receiver.server import PATH, make_app
from throughcare_receiver.receiver import Clock, utc_now
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement

LOGGER: Final = logging.getLogger("throughcare.receiver")

_GRACE_SECONDS: Final = 10  # for requests that are under way when the program is to end


def run(
    configuration: AgencyConfiguration,
    *,
    host: str,
    port: int,
    subscribe: bool,
    answer: str = "accepted",
    clock: Clock = utc_now,
) -> None:
    """Take notifications until SIGTERM or SIGINT; then finish what is under way and return.

    To be called from the main thread, because it handles signals. TLS is the matter of a proxy
    in front; `endpoint` of the configuration names its public address.

    Args:
        configuration: of the agency.
        host: address to listen at.
        port: to listen at; 0 takes a free one.
        subscribe: ask the service for notifications, unless the store knows a subscription
            for this endpoint and key.
        answer: acknowledgement of every notification (see `Acknowledgement`).
        clock: the present time; another one than the machine's is for rehearsals.

    Raises:
        ConfigurationError: keys, answer or address cannot be used.
        StoreError: the store cannot be used.
    """
    kind = _acknowledgement(answer)
    decryption_key = configuration.load_decryption_key()
    with (
        SqliteStore.open(configuration.store) as store,
        AgencyClient(configuration, clock=clock) as client,
        _listen(host, port) as listener,
    ):
        address = configuration.endpoint or _address(listener)
        endpoint = Endpoint(address=address, encryption_jwk=decryption_key.public_jwk())
        worker = AnsweringWorker(
            store, client, kind=kind, clock=clock, endpoint=endpoint if subscribe else None
        )
        receiver = make_receiver(
            configuration, decryption_key=decryption_key, client=client, store=store, clock=clock
        )
        LOGGER.info("listening at %s", _address(listener))
        _serve(make_app(receiver, worker), listener)


def _acknowledgement(answer: str) -> Acknowledgement:
    try:
        return Acknowledgement(answer)
    except ValueError:
        raise ConfigurationError(f"answer: expected one of {', '.join(Acknowledgement)}") from None


def _listen(host: str, port: int) -> socket.socket:
    """Listen before anything is subscribed, so that the first delivery finds an open door."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"cannot listen at {host} port {port}: {error}") from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def _serve(app: Starlette, listener: socket.socket) -> None:
    """Run until a signal, then come back: uvicorn raises the signal again once it is done."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,  # it would name the callers and nothing of use
            log_config=None,  # logging is set up by whoever runs the program
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    handled = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, end) for number in handled}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
