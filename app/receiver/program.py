"""The running program: `throughcare receive`."""

import logging
from typing import Final

from app.receiver.answering import AnsweringWorker
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ConfigurationError
from app.receiver.listening import address_of, listen, make_server, serve
from app.receiver.receiving import make_receiver
from app.receiver.server import PATH, make_app
from app.receiver.subscribing import Wanted
from throughcare_receiver.receiver import Clock, utc_now
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement

LOGGER: Final = logging.getLogger("throughcare.receiver")


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
        subscribe: ask the service for notifications; the subscription that the store knows
            comes to this endpoint and key.
        answer: acknowledgement of every notification (see `Acknowledgement`).
        clock: the present time; another one than the machine's is for rehearsals.

    Raises:
        ConfigurationError: keys, answer or address cannot be used, or the service will not
            have the endpoint.
        StoreError: the store cannot be used.
    """
    kind = _acknowledgement(answer)
    decryption_key = configuration.load_decryption_key()
    with (
        SqliteStore.open(configuration.store) as store,
        AgencyClient(configuration, clock=clock) as client,
        listen(host, port) as listener,
    ):
        here = f"{address_of(listener)}{PATH}"
        address = configuration.endpoint or here
        wanted = Wanted(address=address, encryption_jwk=decryption_key.public_jwk())

        def give_up() -> None:
            server.should_exit = True

        worker = AnsweringWorker(
            store,
            client,
            kind=kind,
            clock=clock,
            wanted=wanted if subscribe else None,
            give_up=give_up,
        )
        receiver = make_receiver(
            configuration, decryption_key=decryption_key, client=client, store=store, clock=clock
        )
        LOGGER.info("listening at %s", here)
        server = make_server(make_app(receiver, worker))
        serve(server, listener)
        if worker.hopeless is not None:
            raise worker.hopeless


def _acknowledgement(answer: str) -> Acknowledgement:
    try:
        return Acknowledgement(answer)
    except ValueError:
        raise ConfigurationError(f"answer: expected one of {', '.join(Acknowledgement)}") from None
