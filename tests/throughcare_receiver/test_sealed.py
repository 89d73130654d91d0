"""Opening a sealed message: every header, key and byte that was not agreed is refused."""

import json
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwe import JWE  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types

from throughcare_receiver.encoding import decode_base64url, encode_base64url
from throughcare_receiver.errors import (
    EnvelopeRefused,
    NotificationRefused,
    NotOpened,
    UnknownRecipientKey,
)
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.sealed import MAX_SEALED_LENGTH, unseal

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def opened(sealed: str, key: DecryptionKey) -> str:
    return unseal(sealed, {key.kid: key})


def _forge(  # a correct message under whatever header
    key: DecryptionKey, header: bytes, *, content: bytes = b"a.b.c", content_key: bytes = bytes(32)
) -> str:
    protected = encode_base64url(header)
    nonce = os.urandom(12)
    sealed = AESGCM(content_key).encrypt(nonce, content, protected.encode())
    wrapped = key.private.public_key().encrypt(content_key, OAEP)
    parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
    return ".".join([protected, *(encode_base64url(part) for part in parts)])


def _header(key: DecryptionKey, **changes: object) -> bytes:
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": key.kid, **changes}
    return json.dumps({k: v for k, v in header.items() if v is not None}).encode()


def test_the_forged_messages_of_these_tests_are_good_where_nothing_is_changed(
    decryption_key: DecryptionKey,
) -> None:
    assert opened(_forge(decryption_key, _header(decryption_key)), decryption_key) == "a.b.c"


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"jku": "https://keys.example/jwks.json"},
        {"x5u": "https://keys.example/chain.pem"},
        {"x5c": ["AAAA"]},
        {"jwk": {"kty": "RSA"}},
        {"zip": "DEF"},
        {"typ": "JOSE"},
        {"p2c": 10_000_000},
        {"cty": None},
        {"kid": None},
        {"alg": None},
        {"enc": None},
    ],
)
def test_a_header_with_more_or_less_is_refused(
    decryption_key: DecryptionKey, extra: dict[str, object]
) -> None:
    sealed = _forge(decryption_key, _header(decryption_key, **extra))
    with pytest.raises(EnvelopeRefused, match="nothing else"):
        opened(sealed, decryption_key)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "RSA-OAEP"},
        {"alg": "RSA1_5"},
        {"alg": "dir"},
        {"alg": "none"},
        {"alg": ["RSA-OAEP-256"]},
        {"enc": "A128GCM"},
        {"enc": "A256CBC-HS512"},
        {"enc": 7},
        {"cty": "jwt"},
        {"cty": "JSON"},
        {"kid": 7},
        {"kid": "unknown"},
    ],
)
def test_any_other_way_of_sealing_is_refused(
    decryption_key: DecryptionKey, change: dict[str, object]
) -> None:
    with pytest.raises(NotificationRefused):
        opened(_forge(decryption_key, _header(decryption_key, **change)), decryption_key)


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"dir","alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT","kid":"k"}',
        b'{"alg":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b"[]",
        b"",
        b"\xff",
    ],
)
def test_a_header_that_readers_disagree_about_is_refused(
    decryption_key: DecryptionKey, header: bytes
) -> None:
    with pytest.raises(EnvelopeRefused, match="not "):
        opened(_forge(decryption_key, header), decryption_key)


def test_a_message_altered_in_any_segment_is_refused(decryption_key: DecryptionKey) -> None:
    segments = _forge(decryption_key, _header(decryption_key)).split(".")
    for place, segment in enumerate(segments):
        changed = ("A" if segment[0] != "A" else "B") + segment[1:]
        with pytest.raises(NotificationRefused):
            opened(".".join([*segments[:place], changed, *segments[place + 1 :]]), decryption_key)


def test_a_message_to_another_recipient_is_refused_whatever_key_it_names(
    decryption_key: DecryptionKey,
) -> None:
    other = DecryptionKey.generate(bits=2048)
    with pytest.raises(UnknownRecipientKey, match="another key"):
        opened(_forge(other, _header(other)), decryption_key)
    with pytest.raises(NotOpened, match="does not open"):
        opened(_forge(other, _header(decryption_key)), decryption_key)


def test_a_cut_nonce_or_tag_is_refused(decryption_key: DecryptionKey) -> None:
    segments = _forge(decryption_key, _header(decryption_key)).split(".")
    for place, length in ((2, 11), (2, 0), (4, 15), (4, 0)):
        cut = encode_base64url(decode_base64url(segments[place])[:length])
        with pytest.raises(NotOpened, match="does not open"):
            opened(".".join([*segments[:place], cut, *segments[place + 1 :]]), decryption_key)


@pytest.mark.parametrize("length", [16, 24, 64])
def test_a_content_key_of_another_length_is_refused(
    decryption_key: DecryptionKey, length: int
) -> None:
    header = _header(decryption_key)
    if length == 64:
        segments = _forge(decryption_key, header).split(".")
        wrapped = decryption_key.private.public_key().encrypt(bytes(length), OAEP)
        sealed = ".".join([segments[0], encode_base64url(wrapped), *segments[2:]])
    else:
        sealed = _forge(decryption_key, header, content_key=bytes(length))
    with pytest.raises(NotOpened, match="does not open"):
        opened(sealed, decryption_key)


def test_every_failure_to_open_reads_the_same(decryption_key: DecryptionKey) -> None:
    segments = _forge(decryption_key, _header(decryption_key)).split(".")
    refusals = set()
    for place in (1, 3, 4):
        spoiled = encode_base64url(bytes(len(decode_base64url(segments[place]))))
        with pytest.raises(NotOpened) as refusal:
            opened(".".join([*segments[:place], spoiled, *segments[place + 1 :]]), decryption_key)
        refusals.add(str(refusal.value))
    assert refusals == {"invalid_key: the message does not open"}


def test_content_that_is_no_token_text_is_refused(decryption_key: DecryptionKey) -> None:
    sealed = _forge(decryption_key, _header(decryption_key), content=b"\xff")
    with pytest.raises(NotOpened, match="does not open"):
        opened(sealed, decryption_key)


def test_a_message_that_is_too_long_is_refused(decryption_key: DecryptionKey) -> None:
    with pytest.raises(EnvelopeRefused, match="longer than"):
        opened("a" * (MAX_SEALED_LENGTH + 1), decryption_key)


def test_base64url_in_another_spelling_is_refused(decryption_key: DecryptionKey) -> None:
    sealed = _forge(decryption_key, _header(decryption_key))
    with pytest.raises(EnvelopeRefused, match="base64url"):
        opened(sealed + "==", decryption_key)


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_-]{0,9}(\.[A-Za-z0-9_-]{0,9}){4}\Z"))
def test_whatever_is_sent_is_refused_and_never_another_error(
    decryption_key: DecryptionKey, sealed: str
) -> None:
    with pytest.raises(NotificationRefused):
        opened(sealed, decryption_key)


def test_a_message_sealed_by_jwcrypto_opens(decryption_key: DecryptionKey) -> None:
    sealed = JWE(b"a.b.c", _header(decryption_key).decode())
    sealed.add_recipient(JWK(**decryption_key.public_jwk()))
    assert opened(sealed.serialize(compact=True), decryption_key) == "a.b.c"
