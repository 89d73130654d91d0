import json
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.encoding import decode_base64url, encode_base64url
from app.crypto.errors import SealRefused
from app.crypto.padding import SIZE_CLASSES, sign_padded
from app.crypto.sealing import (
    MAX_SEALED_LENGTH,
    DecryptionKey,
    EncryptionKey,
    recipient_kid,
    seal,
    unseal,
)
from app.crypto.signing import SigningKey

TYP = "secevent+jwt"
PADDED = "a" * SIZE_CLASSES[0]
OAEP = rsa_padding.OAEP(
    mgf=rsa_padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
)


def _forge(  # a correct message under whatever header
    key: DecryptionKey, header: bytes, *, content: bytes = b"a.b.c", content_key: bytes = bytes(32)
) -> str:
    protected = encode_base64url(header)
    nonce = os.urandom(12)
    sealed = AESGCM(content_key).encrypt(nonce, content, protected.encode())
    wrapped = key.encryption_key.public.encrypt(content_key, OAEP)
    parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
    return ".".join([protected, *(encode_base64url(part) for part in parts)])


def _header(key: DecryptionKey, **changes: object) -> bytes:
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": key.kid, **changes}
    return json.dumps({k: v for k, v in header.items() if v is not None}).encode()


def test_a_sealed_token_is_opened_by_its_recipient(
    signing_key: SigningKey, decryption_key: DecryptionKey
) -> None:
    token = sign_padded({"event": "release_planned"}, signing_key, typ=TYP)
    sealed = seal(token, decryption_key.encryption_key)
    assert unseal(sealed, decryption_key) == token
    assert recipient_kid(sealed) == decryption_key.kid


def test_the_forged_messages_of_these_tests_are_good_where_nothing_is_changed(
    decryption_key: DecryptionKey,
) -> None:
    assert unseal(_forge(decryption_key, _header(decryption_key)), decryption_key) == "a.b.c"


def test_the_header_says_how_it_is_sealed_and_nothing_else(decryption_key: DecryptionKey) -> None:
    header = seal(PADDED, decryption_key.encryption_key).split(".")[0]
    assert json.loads(decode_base64url(header)) == json.loads(_header(decryption_key))


@pytest.mark.parametrize("length", [0, 600, 3_000, 20_000])
def test_two_contents_of_one_size_class_have_the_same_sealed_length(
    signing_key: SigningKey, decryption_key: DecryptionKey, length: int
) -> None:
    recipient = decryption_key.encryption_key
    first = {"event": "escaped", "detail": "a" * length}
    second = {"event": "support_window_ended", "sections": {"name": "é" * (length // 2 + 40)}}
    sealed = [seal(sign_padded(c, signing_key, typ=TYP), recipient) for c in (first, second)]
    assert len(sealed[0]) == len(sealed[1])


def test_the_largest_class_is_below_the_limit_for_every_accepted_key(
    decryption_key: DecryptionKey,
) -> None:
    sealed = seal("a" * SIZE_CLASSES[-1], decryption_key.encryption_key)
    assert unseal(sealed, decryption_key) == "a" * SIZE_CLASSES[-1]
    largest_key_and_kid = (8192 - 2048) // 8 * 4 // 3 + 128 * 4 // 3
    assert len(sealed) + largest_key_and_kid < MAX_SEALED_LENGTH


@pytest.mark.parametrize("content", ["", "a.b.c", PADDED[:-2], PADDED + "a", "é" + PADDED[1:]])
def test_content_that_fills_no_size_class_is_never_sealed(
    decryption_key: DecryptionKey, content: str
) -> None:
    with pytest.raises(SealRefused, match="fills a size class"):
        seal(content, decryption_key.encryption_key)


def test_sealing_twice_gives_two_different_messages(decryption_key: DecryptionKey) -> None:
    recipient = decryption_key.encryption_key
    first, second = (seal(PADDED, recipient).split(".") for _ in range(2))
    assert first[0] == second[0]
    assert all(a != b for a, b in zip(first[1:], second[1:], strict=True))


def test_a_message_to_another_recipient_is_refused(
    decryption_key: DecryptionKey, other_decryption_key: DecryptionKey
) -> None:
    sealed = seal(PADDED, decryption_key.encryption_key)
    with pytest.raises(SealRefused, match="another key"):
        unseal(sealed, other_decryption_key)


def test_a_message_that_only_claims_to_be_for_this_key_is_refused(
    decryption_key: DecryptionKey, other_decryption_key: DecryptionKey
) -> None:
    renamed = EncryptionKey.from_jwk(
        {**other_decryption_key.public_jwk(), "kid": decryption_key.kid}
    )
    with pytest.raises(SealRefused, match="does not open"):
        unseal(seal(PADDED, renamed), decryption_key)


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
    for read in (recipient_kid, lambda sealed: unseal(sealed, decryption_key)):
        with pytest.raises(SealRefused, match="nothing else"):
            read(sealed)


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
    with pytest.raises(SealRefused):
        unseal(_forge(decryption_key, _header(decryption_key, **change)), decryption_key)


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
    with pytest.raises(SealRefused, match="not "):
        unseal(_forge(decryption_key, header), decryption_key)


def test_a_message_altered_in_any_segment_is_refused(decryption_key: DecryptionKey) -> None:
    segments = seal(PADDED, decryption_key.encryption_key).split(".")
    for place, segment in enumerate(segments):
        changed = ("A" if segment[0] != "A" else "B") + segment[1:]
        with pytest.raises(SealRefused):
            unseal(".".join([*segments[:place], changed, *segments[place + 1 :]]), decryption_key)


def test_a_cut_nonce_or_tag_is_refused(decryption_key: DecryptionKey) -> None:
    segments = seal(PADDED, decryption_key.encryption_key).split(".")
    for place in (2, 4):
        cut = encode_base64url(decode_base64url(segments[place])[:-1])
        with pytest.raises(SealRefused, match="does not open"):
            unseal(".".join([*segments[:place], cut, *segments[place + 1 :]]), decryption_key)


@pytest.mark.parametrize("length", [16, 24, 64])
def test_a_content_key_of_another_length_is_refused(
    decryption_key: DecryptionKey, length: int
) -> None:
    header = _header(decryption_key)
    if length == 64:
        segments = _forge(decryption_key, header).split(".")
        wrapped = decryption_key.encryption_key.public.encrypt(bytes(length), OAEP)
        sealed = ".".join([segments[0], encode_base64url(wrapped), *segments[2:]])
    else:
        sealed = _forge(decryption_key, header, content_key=bytes(length))
    with pytest.raises(SealRefused, match="does not open"):
        unseal(sealed, decryption_key)


def test_every_failure_to_open_reads_the_same(decryption_key: DecryptionKey) -> None:
    segments = _forge(decryption_key, _header(decryption_key)).split(".")
    refusals = set()
    for place in (1, 3, 4):
        spoiled = encode_base64url(bytes(len(decode_base64url(segments[place]))))
        with pytest.raises(SealRefused) as refusal:
            unseal(".".join([*segments[:place], spoiled, *segments[place + 1 :]]), decryption_key)
        refusals.add(str(refusal.value))
    assert refusals == {"the message does not open"}


def test_content_that_is_no_token_text_is_refused(decryption_key: DecryptionKey) -> None:
    sealed = _forge(decryption_key, _header(decryption_key), content=b"\xff")
    with pytest.raises(SealRefused, match="does not open"):
        unseal(sealed, decryption_key)


def test_a_message_that_is_too_long_is_refused(decryption_key: DecryptionKey) -> None:
    with pytest.raises(SealRefused, match="longer than"):
        unseal("a" * (MAX_SEALED_LENGTH + 1), decryption_key)


def test_base64url_in_another_spelling_is_refused(decryption_key: DecryptionKey) -> None:
    sealed = seal(PADDED, decryption_key.encryption_key)
    with pytest.raises(SealRefused, match="base64url"):
        unseal(sealed + "==", decryption_key)


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_-]{0,9}(\.[A-Za-z0-9_-]{0,9}){4}\Z"))
def test_whatever_is_sent_is_refused_and_never_another_error(
    decryption_key: DecryptionKey, sealed: str
) -> None:
    with pytest.raises(SealRefused):
        unseal(sealed, decryption_key)
    with pytest.raises(SealRefused):
        recipient_kid(sealed)
