from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.encoding import decode_base64url, encode_base64url
from app.crypto.errors import UnsafeKey
from app.crypto.signing import KeySet, SigningKey, VerifyingKey, public_jwks
from app.crypto.signing_keys import MAX_KEYS
from throughcare_receiver.keys import DecryptionKey

# RFC 7515 appendix A.3: a key, what it signed, and the signature.
RFC_7515_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_7515_SIGNED = (
    b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
    b"LmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC_7515_SIGNATURE = (
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


def _pem(private: Any) -> bytes:  # noqa: ANN401 - any private key of the library
    pem: bytes = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem


def test_a_published_key_checks_its_published_signature() -> None:
    key = VerifyingKey.from_jwk(RFC_7515_KEY)
    assert key.prepared.verify(RFC_7515_SIGNED, decode_base64url(RFC_7515_SIGNATURE))


def test_a_key_is_called_by_its_thumbprint_unless_it_says_otherwise() -> None:
    unnamed = VerifyingKey.from_jwk(RFC_7515_KEY)
    named = VerifyingKey.from_jwk({**RFC_7515_KEY, "kid": "2026-1"})
    assert unnamed.kid == unnamed.thumbprint == named.thumbprint
    assert named.kid == "2026-1"


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384")])
def test_the_curve_decides_the_algorithm(curve: str, algorithm: str) -> None:
    key = SigningKey.generate(curve)
    assert key.algorithm == key.verifying_key.algorithm == algorithm
    assert key.public_jwk()["alg"] == algorithm


def test_a_key_survives_its_file_and_its_publication(signing_key: SigningKey) -> None:
    assert SigningKey.from_pem(signing_key.to_pem()).kid == signing_key.kid
    published = VerifyingKey.from_jwk(signing_key.public_jwk())
    assert published.public_jwk() == signing_key.public_jwk()


def test_a_key_never_shows_its_secret_when_printed(signing_key: SigningKey) -> None:
    assert repr(signing_key).startswith(f"SigningKey(kid='{signing_key.kid}', algorithm='ES256'")
    assert "private" not in repr(signing_key)
    assert "prepared" not in repr(signing_key)


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"kty": "oct"},
        {"crv": "P-521"},
        {"crv": "secp256k1"},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"crv": None},
        {"x": RFC_7515_KEY["y"]},
        {"x": encode_base64url(b"\x00" + decode_base64url(RFC_7515_KEY["x"]))},
        {"x": encode_base64url(bytes(32)), "y": encode_base64url(bytes(32))},
        {"x": encode_base64url(b"\xff" * 32)},
        {"y": RFC_7515_KEY["y"] + "="},
        {"y": None},
        {"use": "enc"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
        {"kid": ""},
    ],
)
def test_an_unsafe_public_key_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UnsafeKey):
        VerifyingKey.from_jwk({**RFC_7515_KEY, **change})


@pytest.mark.parametrize(
    "pem",
    [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
)
def test_what_is_no_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(UnsafeKey):
        SigningKey.from_pem(pem)


def test_a_private_key_of_another_kind_is_refused(decryption_key: DecryptionKey) -> None:
    for private in (decryption_key.private, ec.generate_private_key(ec.SECP521R1())):
        with pytest.raises(UnsafeKey):
            SigningKey.from_pem(_pem(private))


def test_a_key_set_keeps_the_keys_for_signatures(
    signing_key: SigningKey, p384_key: SigningKey, decryption_key: DecryptionKey
) -> None:
    jwks = public_jwks([signing_key, decryption_key, p384_key])
    jwks["keys"] += [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": ["EC"], "crv": ["P"]}]
    found = KeySet.from_jwks(jwks)
    assert list(found) == [signing_key.kid, p384_key.kid]
    assert len(found) == 2
    assert found[p384_key.kid].algorithm == "ES384"


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": [7]},
        {"keys": []},
        {"keys": [{"kty": "OKP"}]},
        {"keys": [{**RFC_7515_KEY, "use": "enc"}]},
        {"keys": [RFC_7515_KEY, RFC_7515_KEY]},
        {"keys": [RFC_7515_KEY, {"kty": "oct", "k": "AA"}]},
        {"keys": [{**RFC_7515_KEY, "kid": str(n)} for n in range(MAX_KEYS + 1)]},
    ],
)
def test_an_unsafe_key_set_is_refused(jwks: dict[str, object]) -> None:
    with pytest.raises(UnsafeKey):
        KeySet.from_jwks(jwks)


_values = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(), max_size=1)
_members = st.sampled_from(["kty", "crv", "x", "y", "kid", "use", "alg", "d"])


@given(st.dictionaries(_members, _values))
def test_whatever_a_peer_sends_is_read_or_refused(change: dict[str, object]) -> None:
    try:
        keys = KeySet.from_jwks({"keys": [{**RFC_7515_KEY, **change}]})
    except UnsafeKey:
        return
    assert len(keys) == 1
