"""joserfc and jwcrypto read what this package writes, and it reads their tokens."""

import json
from typing import Any

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, RSAKey
from jwcrypto.jwe import JWE  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jws import JWS  # type: ignore[import-untyped] # it ships no types

from app.crypto.padding import sign_padded
from app.crypto.sealing import EncryptionKey, seal
from app.crypto.signing import SigningKey, VerifyingKey, sign, verify
from throughcare_receiver.keys import DecryptionKey

TYP = "secevent+jwt"
CLAIMS: dict[str, Any] = {"iss": "https://as.example", "events": {"a": ["é", 1, True, None]}}
PAYLOAD = json.dumps(CLAIMS).encode()
SEALING = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}
BOTH = ("ES256", "ES384")


@pytest.fixture(params=["P-256", "P-384"])
def key(
    request: pytest.FixtureRequest, signing_key: SigningKey, p384_key: SigningKey
) -> SigningKey:
    return {"P-256": signing_key, "P-384": p384_key}[request.param]


def _verify(token: str, key: SigningKey) -> dict[str, Any]:
    return verify(token, {key.kid: key.verifying_key}, typ=TYP, algorithms=BOTH)


def _recipient(key: DecryptionKey) -> EncryptionKey:
    return EncryptionKey.from_jwk(key.public_jwk())


def _header(key: SigningKey) -> dict[str, str]:
    return {"alg": key.algorithm, "typ": TYP, "kid": key.kid}


def test_joserfc_verifies_our_token(key: SigningKey) -> None:
    token = sign(CLAIMS, key, typ=TYP)
    checked = joserfc_jws.deserialize_compact(
        token, ECKey.import_key({**key.public_jwk()}), algorithms=[key.algorithm]
    )
    assert json.loads(checked.payload) == CLAIMS
    assert checked.headers() == _header(key)


def test_jwcrypto_verifies_our_token(key: SigningKey) -> None:
    checked = JWS()
    checked.deserialize(sign(CLAIMS, key, typ=TYP), JWK(**key.public_jwk()), key.algorithm)
    assert json.loads(checked.payload) == CLAIMS


def test_we_verify_a_token_of_joserfc(key: SigningKey) -> None:
    token = joserfc_jws.serialize_compact(
        _header(key), PAYLOAD, ECKey.import_key(key.to_pem()), algorithms=[key.algorithm]
    )
    assert _verify(token, key) == CLAIMS


def test_we_verify_a_token_of_jwcrypto(key: SigningKey) -> None:
    token = JWS(PAYLOAD)
    token.add_signature(JWK.from_pem(key.to_pem()), protected=json.dumps(_header(key)))
    assert _verify(token.serialize(compact=True), key) == CLAIMS


def test_the_others_find_the_same_thumbprint(
    key: SigningKey, decryption_key: DecryptionKey
) -> None:
    for ours in (key, decryption_key):
        assert JWK(**ours.public_jwk()).thumbprint() == ours.kid
    assert ECKey.import_key({**key.public_jwk()}).thumbprint() == key.kid
    assert RSAKey.import_key({**decryption_key.public_jwk()}).thumbprint() == decryption_key.kid


def test_we_read_the_public_keys_of_the_others(signing_key: SigningKey) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    for jwk in (
        ECKey.import_key(signing_key.to_pem()).as_dict(private=False),
        JWK.from_pem(signing_key.to_pem()).export_public(as_dict=True),
    ):
        theirs = VerifyingKey.from_jwk({**jwk, "kid": signing_key.kid})
        assert verify(token, {theirs.kid: theirs}, typ=TYP) == CLAIMS


def test_we_seal_to_the_public_keys_of_the_others(decryption_key: DecryptionKey) -> None:
    for jwk in (
        RSAKey.import_key(decryption_key.to_pem()).as_dict(private=False),
        JWK.from_pem(decryption_key.to_pem()).export_public(as_dict=True),
    ):
        theirs = EncryptionKey.from_jwk({**jwk, "kid": decryption_key.kid})
        assert theirs.thumbprint == decryption_key.kid


def test_joserfc_opens_and_verifies_our_sealed_message(
    signing_key: SigningKey, decryption_key: DecryptionKey
) -> None:
    sealed = seal(sign_padded(CLAIMS, signing_key, typ=TYP), _recipient(decryption_key))
    opened = joserfc_jwe.decrypt_compact(
        sealed,
        RSAKey.import_key(decryption_key.to_pem()),
        algorithms=["RSA-OAEP-256", "A256GCM"],
    )
    assert opened.plaintext is not None
    assert opened.headers() == {**SEALING, "kid": decryption_key.kid}
    assert CLAIMS.items() <= _verify(opened.plaintext.decode(), signing_key).items()


def test_jwcrypto_opens_and_verifies_our_sealed_message(
    signing_key: SigningKey, decryption_key: DecryptionKey
) -> None:
    sealed = seal(sign_padded(CLAIMS, signing_key, typ=TYP), _recipient(decryption_key))
    opened = JWE(algs=["RSA-OAEP-256", "A256GCM"])
    opened.deserialize(sealed, JWK.from_pem(decryption_key.to_pem()))
    checked = JWS()
    checked.deserialize(opened.payload.decode(), JWK(**signing_key.public_jwk()), "ES256")
    assert CLAIMS.items() <= json.loads(checked.payload).items()
