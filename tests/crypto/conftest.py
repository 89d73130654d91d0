"""Keys that the tests of this folder share, made once: RSA keys are slow to make."""

import pytest

from app.crypto.signing import SigningKey
from throughcare_receiver.keys import DecryptionKey


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def p384_key() -> SigningKey:
    return SigningKey.generate("P-384")


@pytest.fixture(scope="session")
def decryption_key() -> DecryptionKey:
    return DecryptionKey.generate(bits=2048)
