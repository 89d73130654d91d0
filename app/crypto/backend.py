"""Which code `jose` computes with.

python-jose falls back to the pure-Python `ecdsa` and `rsa` packages when it cannot import
`cryptography`. Those are not constant-time and about thirty times slower.
"""

from jose import jwk
from jose.backends.cryptography_backend import (
    CryptographyAESKey,
    CryptographyECKey,
    CryptographyRSAKey,
)

from app.crypto.errors import UnsafeBackend

_EXPECTED = {
    "ES256": CryptographyECKey,
    "ES384": CryptographyECKey,
    "RSA-OAEP-256": CryptographyRSAKey,
    "A256GCM": CryptographyAESKey,
}


def assert_backend() -> None:
    """Make sure that every algorithm in use is computed by the `cryptography` package.

    Raises:
        UnsafeBackend: another implementation is registered for one of them.
    """
    for algorithm, expected in _EXPECTED.items():
        if jwk.get_key(algorithm) is not expected:
            raise UnsafeBackend(f"{algorithm} must be computed by the cryptography package")
