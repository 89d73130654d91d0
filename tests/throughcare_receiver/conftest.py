"""One agency and one sender, made once: RSA keys are slow to make."""

import pytest

from tests.receiver.service_stand_in import Sender
from throughcare_receiver.keys import DecryptionKey, KeySet


@pytest.fixture(scope="session")
def decryption_key() -> DecryptionKey:
    return DecryptionKey.generate(bits=2048)


@pytest.fixture(scope="session")
def sender() -> Sender:
    return Sender()


@pytest.fixture(scope="session")
def sender_keys(sender: Sender) -> KeySet:
    return KeySet.from_jwks(sender.jwks())
