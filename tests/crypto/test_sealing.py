"""What is sealed here opens with the receivers' library, which shares no code with it."""

import json

import pytest

from app.crypto.encoding import decode_base64url
from app.crypto.errors import SealRefused
from app.crypto.padding import SIZE_CLASSES, sign_padded
from app.crypto.sealing import EncryptionKey, seal
from app.crypto.signing import SigningKey
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.sealed import MAX_SEALED_LENGTH, unseal

TYP = "secevent+jwt"
PADDED = "a" * SIZE_CLASSES[0]


@pytest.fixture(scope="session")
def recipient(decryption_key: DecryptionKey) -> EncryptionKey:
    return EncryptionKey.from_jwk(decryption_key.public_jwk())


def _open(sealed: str, key: DecryptionKey) -> str:
    return unseal(sealed, {key.kid: key})


def test_a_sealed_token_is_opened_by_its_recipient(
    signing_key: SigningKey, decryption_key: DecryptionKey, recipient: EncryptionKey
) -> None:
    token = sign_padded({"event": "release_planned"}, signing_key, typ=TYP)
    assert _open(seal(token, recipient), decryption_key) == token


def test_the_header_says_how_it_is_sealed_and_nothing_else(recipient: EncryptionKey) -> None:
    header = seal(PADDED, recipient).split(".")[0]
    assert json.loads(decode_base64url(header)) == {
        "alg": "RSA-OAEP-256",
        "enc": "A256GCM",
        "cty": "JWT",
        "kid": recipient.kid,
    }


@pytest.mark.parametrize("length", [0, 600, 3_000, 20_000])
def test_two_contents_of_one_size_class_have_the_same_sealed_length(
    signing_key: SigningKey, recipient: EncryptionKey, length: int
) -> None:
    first = {"event": "escaped", "detail": "a" * length}
    second = {"event": "support_window_ended", "sections": {"name": "é" * (length // 2 + 40)}}
    sealed = [seal(sign_padded(c, signing_key, typ=TYP), recipient) for c in (first, second)]
    assert len(sealed[0]) == len(sealed[1])


def test_the_largest_class_is_below_the_limit_for_every_accepted_key(
    decryption_key: DecryptionKey, recipient: EncryptionKey
) -> None:
    sealed = seal("a" * SIZE_CLASSES[-1], recipient)
    assert _open(sealed, decryption_key) == "a" * SIZE_CLASSES[-1]
    largest_key_and_kid = (8192 - 2048) // 8 * 4 // 3 + 128 * 4 // 3
    assert len(sealed) + largest_key_and_kid < MAX_SEALED_LENGTH


@pytest.mark.parametrize("content", ["", "a.b.c", PADDED[:-2], PADDED + "a", "é" + PADDED[1:]])
def test_content_that_fills_no_size_class_is_never_sealed(
    recipient: EncryptionKey, content: str
) -> None:
    with pytest.raises(SealRefused, match="fills a size class"):
        seal(content, recipient)


def test_sealing_twice_gives_two_different_messages(recipient: EncryptionKey) -> None:
    first, second = (seal(PADDED, recipient).split(".") for _ in range(2))
    assert first[0] == second[0]
    assert all(a != b for a, b in zip(first[1:], second[1:], strict=True))
