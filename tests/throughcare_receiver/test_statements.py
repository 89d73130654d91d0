"""What the agency signs, read by another library."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from throughcare_receiver.keys import SigningKey
from throughcare_receiver.statements import (
    Acknowledgement,
    acknowledgement,
    client_assertion,
    verification_response,
)

AT = datetime(2026, 11, 2, 9, 0, 0, 999_999, tzinfo=UTC)
KEY = SigningKey.generate()


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    signed = jws.deserialize_compact(
        token, ECKey.import_key({**KEY.public_jwk()}), algorithms=["ES256"]
    )
    return signed.headers(), json.loads(signed.payload)


def test_an_assertion_names_the_client_twice_and_soon_ends() -> None:
    header, claims = _read(
        client_assertion(KEY, client_id="client-1", issuer="https://as.example", jti="a", at=AT)
    )
    assert header == {"alg": "ES256", "typ": "JWT", "kid": KEY.kid}
    assert claims == {
        "iss": "client-1",
        "sub": "client-1",
        "aud": "https://as.example",
        "iat": int(AT.timestamp()),
        "exp": int(AT.timestamp()) + 120,
        "jti": "a",
    }


@pytest.mark.parametrize("kind", list(Acknowledgement))
def test_an_acknowledgement_names_the_notification_and_what_is_made_of_it(
    kind: Acknowledgement,
) -> None:
    header, claims = _read(
        acknowledgement(
            KEY, client_id="client-1", issuer="https://as.example", jti="n-1", kind=kind, at=AT
        )
    )
    assert header["typ"] == "throughcare-acknowledgement+jwt"
    assert claims == {
        "iss": "client-1",
        "aud": "https://as.example",
        "iat": int(AT.timestamp()),
        "jti": "n-1",
        "kind": str(kind),
    }


def test_a_verification_gives_the_nonce_back() -> None:
    header, claims = _read(
        verification_response(
            KEY,
            client_id="client-1",
            issuer="https://as.example",
            subscription_id="sub-1",
            nonce="nonce-1",
            at=AT,
        )
    )
    assert header["typ"] == "throughcare-verification+jwt"
    assert (claims["subscription_id"], claims["nonce"]) == ("sub-1", "nonce-1")
