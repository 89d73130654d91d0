import pytest
from jose import jwk
from jose.backends.cryptography_backend import CryptographyECKey
from jose.backends.ecdsa_backend import ECDSAECKey

from app.crypto.backend import assert_backend
from app.crypto.errors import UnsafeBackend


def test_the_cryptography_package_computes_every_algorithm() -> None:
    assert_backend()


def test_the_pure_python_backend_is_refused() -> None:
    jwk.register_key("ES256", ECDSAECKey)
    try:
        with pytest.raises(UnsafeBackend, match="ES256"):
            assert_backend()
    finally:
        jwk.register_key("ES256", CryptographyECKey)
