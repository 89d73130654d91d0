"""The receiver of an agency, made from its configuration: for pushed notices and polled ones."""

import logging
from typing import Final

from app.receiver.client import NOT_CHECKED, AgencyClient
from app.receiver.configuration import AgencyConfiguration
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.receiver import Clock, Receiver, utc_now
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.sqlite_store import SqliteStore

LOGGER: Final = logging.getLogger("throughcare.receiver")


def make_receiver(
    configuration: AgencyConfiguration,
    *,
    decryption_key: DecryptionKey,
    client: AgencyClient,
    store: SqliteStore,
    clock: Clock = utc_now,
) -> Receiver:
    """What opens the agency's notices, with the service's present keys.

    Raises:
        ConfigurationError: the signing key cannot be used.
    """
    if not configuration.log:
        LOGGER.warning(NOT_CHECKED)
    return Receiver(
        issuer=configuration.issuer,
        client_id=configuration.client_id,
        signing_key=configuration.load_signing_key(),
        decryption_keys={decryption_key.kid: decryption_key},
        sender_keys=SenderKeys(client.sender_keys),
        store=store,
        clock=clock,
        log=configuration.log,
    )
