import pytest

from app.crypto.encoding import encode_base64url
from app.crypto.errors import UnsafeKey
from app.crypto.sealing import EncryptionKey
from throughcare_receiver.keys import DecryptionKey


def _modulus(bits: int, *, even: bool = False) -> str:
    number = (1 << (bits - 1)) | (0 if even else 1)
    return encode_base64url(number.to_bytes((bits + 7) // 8, "big"))


def test_a_recipient_s_key_is_read_as_it_is_published(decryption_key: DecryptionKey) -> None:
    published = EncryptionKey.from_jwk(decryption_key.public_jwk())
    assert published.public_jwk() == decryption_key.public_jwk()
    assert published.kid == published.thumbprint


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
