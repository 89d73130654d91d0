"""Keys of both sides: what is read, what is shown, and what is refused."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types

from throughcare_receiver.encoding import decode_base64url, encode_base64url
from throughcare_receiver.errors import SignatureRefused, UnsafeKey
from throughcare_receiver.keys import (
    MAX_KEYS,
    DecryptionKey,
    KeySet,
    SigningKey,
    VerifyingKey,
    public_jwks,
)
from throughcare_receiver.signed import sign, verify

SIGNING = SigningKey.generate()
P384 = SigningKey.from_pem(ECKey.generate_key("P-384", private=True).as_pem(private=True))
JWK_OF_SENDER: dict[str, Any] = {**SIGNING.public_jwk()}


def pem(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("key", [SIGNING, P384], ids=["P-256", "P-384"])
def test_joserfc_verifies_what_a_key_signs(key: SigningKey) -> None:
    token = sign({"a": "é"}, key, typ="JWT")
    theirs = ECKey.import_key({**key.public_jwk()})
    checked = jws.deserialize_compact(token, theirs, algorithms=[key.algorithm])
    assert json.loads(checked.payload) == {"a": "é"}
    assert checked.headers() == {"alg": key.algorithm, "typ": "JWT", "kid": key.kid}
    assert theirs.thumbprint() == key.kid


def test_a_signing_key_survives_its_file() -> None:
    read = SigningKey.from_pem(SIGNING.to_pem())
    assert read.public_jwk() == SIGNING.public_jwk()
    assert read.kid == JWK(**read.public_jwk()).thumbprint()


def test_a_decryption_key_survives_its_file(decryption_key: DecryptionKey) -> None:
    read = DecryptionKey.from_pem(decryption_key.to_pem())
    assert read.public_jwk() == decryption_key.public_jwk()
    assert read.kid == RSAKey.import_key({**read.public_jwk()}).thumbprint()


def test_a_recipient_can_choose_the_id_of_its_key(decryption_key: DecryptionKey) -> None:
    read = DecryptionKey.from_pem(decryption_key.to_pem(), kid="2026-1")
    assert read.kid == read.public_jwk()["kid"] == "2026-1"
    with pytest.raises(UnsafeKey, match="kid"):
        DecryptionKey.from_pem(decryption_key.to_pem(), kid="with space")


def test_a_new_decryption_key_has_3072_bits_unless_asked_otherwise() -> None:
    assert DecryptionKey.generate().private.key_size == 3072


def test_no_key_shows_its_secret_when_printed(decryption_key: DecryptionKey) -> None:
    assert "private" not in repr(decryption_key)
    assert "private" not in repr(SIGNING)


def test_a_weak_decryption_key_is_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - weak on purpose
    odd = rsa.generate_private_key(public_exponent=3, key_size=2048)
    with pytest.raises(UnsafeKey, match="2048 to 8192 bits"):
        DecryptionKey.from_pem(pem(small))
    with pytest.raises(UnsafeKey, match="exponent"):
        DecryptionKey.from_pem(pem(odd))


def test_a_key_of_another_kind_is_refused(decryption_key: DecryptionKey) -> None:
    for content in (b"no key", SIGNING.to_pem()):
        with pytest.raises(UnsafeKey):
            DecryptionKey.from_pem(content)
    for content in (
        b"no key",
        decryption_key.to_pem(),
        pem(ec.generate_private_key(ec.SECP521R1())),
    ):
        with pytest.raises(UnsafeKey):
            SigningKey.from_pem(content)


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"x": "AA"},
        {"x": JWK_OF_SENDER["y"]},
        {"x": JWK_OF_SENDER["x"] + "="},
        {"y": None},
        {"use": "enc"},
        {"alg": "ES384"},
        {"d": "AA"},
        {"k": "AA"},
        {"kid": ""},
        {"kid": "with space"},
        {"kid": 7},
    ],
)
def test_an_unsafe_key_of_a_sender_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnsafeKey):
        VerifyingKey.from_jwk({**JWK_OF_SENDER, **change})


def test_a_key_set_keeps_the_keys_that_can_sign_notices() -> None:
    others = [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": ["EC"]}]
    jwks = public_jwks([SIGNING, P384])
    jwks["keys"] += others
    found = KeySet.from_jwks(jwks)
    assert list(found) == [SIGNING.kid]
    assert len(found) == 1


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": {}},
        {"keys": ["key"]},
        {"keys": []},
        {"keys": [JWK_OF_SENDER, JWK_OF_SENDER]},
        {"keys": [JWK_OF_SENDER, {"kty": "RSA", "d": "AA"}]},
        {"keys": [{"kty": "OKP"}] * (MAX_KEYS + 1)},
    ],
)
def test_what_is_no_usable_key_set_is_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises(UnsafeKey):
        KeySet.from_jwks(jwks)


def test_a_signature_of_another_form_is_refused() -> None:
    keys = KeySet.from_jwks(public_jwks([SIGNING]))
    token = sign({}, SIGNING, typ="JWT")
    assert verify(token, keys, typ="JWT") == {}
    parts, _, encoded = token.rpartition(".")
    signature = decode_base64url(encoded)
    # The same two numbers with a zero between them would be a second token for one statement.
    padded = encode_base64url(signature[:32] + bytes(1) + signature[32:])
    for wrong in ("", "AAAA", "A" * 86, padded):
        with pytest.raises(SignatureRefused):
            verify(f"{parts}.{wrong}", keys, typ="JWT")
