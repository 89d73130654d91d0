import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.crypto.encoding import encode_base64url
from app.crypto.errors import UnsafeKey
from app.crypto.sealing import DecryptionKey, EncryptionKey
from app.crypto.signing import SigningKey


def _modulus(bits: int, *, even: bool = False) -> str:
    number = (1 << (bits - 1)) | (0 if even else 1)
    return encode_base64url(number.to_bytes((bits + 7) // 8, "big"))


def test_a_key_survives_its_file_and_its_publication(decryption_key: DecryptionKey) -> None:
    read = DecryptionKey.from_pem(decryption_key.to_pem())
    assert read.kid == decryption_key.kid
    published = EncryptionKey.from_jwk(decryption_key.public_jwk())
    assert published.public_jwk() == decryption_key.public_jwk()
    assert published.kid == published.thumbprint


def test_a_recipient_can_choose_the_id_of_its_key(decryption_key: DecryptionKey) -> None:
    read = DecryptionKey.from_pem(decryption_key.to_pem(), kid="2026-1")
    assert read.kid == read.public_jwk()["kid"] == "2026-1"


def test_a_new_key_has_3072_bits_unless_asked_otherwise() -> None:
    assert DecryptionKey.generate().private.key_size == 3072


def test_a_key_never_shows_its_secret_when_printed(decryption_key: DecryptionKey) -> None:
    assert "private" not in repr(decryption_key)


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"n": _modulus(2047)},
        {"n": _modulus(8193)},
        {"n": _modulus(2048, even=True)},
        {"n": None},
        {"n": "AQAB="},
        {"e": "Aw"},
        {"e": "AQAC"},
        {"e": "AA"},
        {"e": None},
        {"use": "sig"},
        {"alg": "RSA1_5"},
        {"alg": "RSA-OAEP"},
        {"d": "AA"},
        {"p": "AA"},
        {"kid": "with space"},
    ],
)
def test_an_unsafe_public_key_is_refused(
    decryption_key: DecryptionKey, change: dict[str, object]
) -> None:
    with pytest.raises(UnsafeKey):
        EncryptionKey.from_jwk({**decryption_key.public_jwk(), **change})


def test_a_small_private_key_is_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - weak on purpose
    pem = small.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(UnsafeKey, match="2048 to 8192 bits"):
        DecryptionKey.from_pem(pem)


def test_what_is_no_rsa_key_is_refused(signing_key: SigningKey) -> None:
    for pem in (b"no key", signing_key.to_pem()):
        with pytest.raises(UnsafeKey):
            DecryptionKey.from_pem(pem)
