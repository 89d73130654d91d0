"""Keys of a service that exists in tests only."""

from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.crypto.signing_keys import SigningKey

RING = KeyRing(
    data_encryption=bytes(range(32)),
    log_retention=bytes(range(1, 33)),
    blind_index=bytes(range(2, 34)),
    token_signing=SigningKey.generate(),
    notification_signing=SigningKey.generate(),
    log_signing=LogSigningKey.from_seed(bytes(32)),
)
