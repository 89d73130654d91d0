"""Proofs of possession: made elsewhere, and held to the request that they came with."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jws import JWS  # type: ignore[import-untyped] # it ships no types

from app.crypto.errors import ClaimsRefused, SignatureRefused, UnsafeKey
from app.crypto.possession import PROOF_SECONDS, Proof, read_proof, token_hash
from throughcare_receiver.keys import SigningKey
from throughcare_receiver.possession import prove
from throughcare_receiver.signed import sign, sign_with_own_key

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
P384 = SigningKey.from_pem(ECKey.generate_key("P-384", private=True).as_pem(private=True))
REQUEST: dict[str, Any] = {
    "method": "GET",
    "address": "https://exchange.example/v1/cases",
    "access_token": "a.b.c",
}


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    """The key of a client, as its own library holds it."""
    return SigningKey.generate()


def made(key: SigningKey, **changed: Any) -> str:  # noqa: ANN401 - as `prove` takes them
    return prove(key, **{**REQUEST, "jti": "one", "at": AT, **changed})


def read(proof: str, **changed: Any) -> Proof:  # noqa: ANN401 - as `read_proof` takes them
    return read_proof(proof, **{**REQUEST, "at": AT, **changed})


def test_a_proof_names_its_key_and_is_remembered_until_its_age_refuses_it(
    signing_key: SigningKey,
) -> None:
    for key in (signing_key, P384):
        proof = made(key)
        known = read(proof)
        assert (known.thumbprint, known.jti) == (key.kid, "one")
        with pytest.raises(ClaimsRefused, match="iat"):
            read(proof, at=known.expires_at)


def test_the_hash_of_a_token_is_that_of_the_standard() -> None:
    # RFC 9449, section 7.1, example.
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_the_example_of_the_standard_is_read() -> None:
    # RFC 9449, section 7.1, example: the token above, at https://resource.example.org.
    proof = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0V"
        "jNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10N"
        "nY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoi"
        "R0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6"
        "MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW"
        "9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    )
    known = read_proof(
        proof,
        method="GET",
        address="https://resource.example.org/protectedresource",
        at=datetime.fromtimestamp(1562262618, UTC),
        access_token="Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
    )
    # RFC 9449, section 6.1: the same key, by its thumbprint.
    assert known.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    assert known.jti == "e1j3V_bKic8-LAEB"


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"method": "get"}, "htm"),
        ({"method": "POST"}, "htm"),
        ({"address": "https://exchange.example/v1/cases/"}, "htu"),
        ({"address": "http://exchange.example/v1/cases"}, "htu"),
        ({"address": "https://exchange.example:444/v1/cases"}, "htu"),
        ({"access_token": "a.b.d"}, "ath"),
        ({"at": AT + timedelta(seconds=PROOF_SECONDS + 1)}, "iat"),
        ({"at": AT - timedelta(seconds=6)}, "iat"),
    ],
)
def test_a_proof_is_for_one_request(
    signing_key: SigningKey, changed: dict[str, Any], claim: str
) -> None:
    with pytest.raises(ClaimsRefused) as refused:
        read(made(signing_key), **changed)
    assert refused.value.claim == claim


def test_query_and_fragment_do_not_matter(signing_key: SigningKey) -> None:
    address = "HTTPS://exchange.example:443/v1/%63ases?after=1"
    assert read(made(signing_key, address=address)) == read(made(signing_key))


def test_without_a_token_its_hash_does_not_matter(signing_key: SigningKey) -> None:
    for token in (None, "x"):
        assert read(made(signing_key, access_token=token), access_token=None)
    with pytest.raises(ClaimsRefused, match="ath"):
        read(made(signing_key, access_token=None))


def test_other_signed_tokens_are_no_proofs(signing_key: SigningKey) -> None:
    claims = {"jti": "one", "htm": "GET", "htu": REQUEST["address"], "iat": int(AT.timestamp())}
    claims["ath"] = token_hash("a.b.c")
    assert read(sign_with_own_key(claims, signing_key, typ="dpop+jwt"))
    for other in (
        sign(claims, signing_key, typ="dpop+jwt"),  # names its key
        sign_with_own_key(claims, signing_key, typ="JWT"),
        sign_with_own_key(claims, signing_key, typ="DPOP+JWT"),
    ):
        with pytest.raises(SignatureRefused):
            read(other)


def test_a_private_key_in_a_proof_is_refused(signing_key: SigningKey) -> None:
    key = ECKey.import_key(signing_key.to_pem())
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=True)}
    proof = jws.serialize_compact(header, b"{}", key, algorithms=["ES256"])
    with pytest.raises(UnsafeKey, match="private"):
        read(proof)


def test_other_libraries_verify_our_proof_with_the_key_in_it(signing_key: SigningKey) -> None:
    proof = made(signing_key)
    header = jws.extract_compact(proof.encode()).headers()
    opened = jws.deserialize_compact(proof, ECKey.import_key(header["jwk"]), algorithms=["ES256"])
    checked = JWS()
    checked.deserialize(proof, JWK(**header["jwk"]), "ES256")
    assert checked.payload == opened.payload
    assert header.keys() == {"alg", "typ", "jwk"}
    assert json.loads(opened.payload) == {
        "jti": "one",
        "htm": "GET",
        "htu": REQUEST["address"],
        "iat": int(AT.timestamp()),
        "ath": token_hash("a.b.c"),
    }
