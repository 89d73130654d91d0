"""The token endpoint speaks OAuth (RFC 6749), and refuses every form that is not quite one."""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.agencies.oauth import ASSERTION_TYPE
from app.crypto.possession import prove
from app.crypto.signing_keys import SigningKey
from app.receiver.statements import client_assertion
from tests.api.exchange import Exchange, Speaker, is_problem

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CANARY = "Quokka"
KEY = SigningKey.generate()


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


def members(prison: Speaker, **changed: str) -> dict[str, str]:
    """A token request that would be granted, unless something in it is changed."""
    configuration = prison.world.agencies[prison.id].configuration
    assertion = client_assertion(
        configuration.load_signing_key(),
        client_id=configuration.client_id,
        issuer=configuration.issuer,
        jti=secrets.token_urlsafe(16),
        at=prison.world.clock(),
    )
    details = {
        "type": "inmate-file",
        "officer": configuration.officer,
        "purpose": configuration.purpose,
        "legal_basis": configuration.legal_basis,
    }
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        "authorization_details": json.dumps([details]),
        **changed,
    }


def proof(prison: Speaker, path: str = "/oauth2/token", **options: Any) -> dict[str, str]:  # noqa: ANN401 - as `prove` takes them
    """A DPoP header for one request, by the key of these tests."""
    made = prove(
        options.pop("key", KEY),
        **{
            "method": "POST",
            "address": f"{prison.world.settings.issuer}{path}",
            "jti": secrets.token_urlsafe(16),
            "at": prison.world.clock(),
            **options,
        },
    )
    return {"DPoP": made}


def asked(prison: Speaker, body: str | bytes, **headers: str) -> httpx.Response:
    given = {**FORM, **(headers or proof(prison))}
    answer = prison.world.raw("POST", "/oauth2/token", content=body, headers=given)
    assert answer.headers["cache-control"] == "no-store"
    assert CANARY not in answer.text
    return answer


def test_a_token_is_granted_for_one_purpose_and_said_again(prison: Speaker) -> None:
    answer = asked(prison, urlencode(members(prison)))
    assert answer.status_code == 200
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"]) == ("DPoP", 300)
    assert granted["authorization_details"][0]["purpose"] == "execute_sentence"
    token = granted["access_token"]
    given = {"Authorization": f"DPoP {token}"}
    given |= proof(prison, "/v1/cases", method="GET", access_token=token)
    assert prison.world.raw("GET", "/v1/cases", headers=given).status_code == 200


def test_an_assertion_works_once(prison: Speaker) -> None:
    body = urlencode(members(prison))
    assert asked(prison, body).status_code == 200
    again = asked(prison, body)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": CANARY}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": CANARY}, 400, "invalid_request"),
        ({"client_assertion": CANARY}, 401, "invalid_client"),
        ({"client_assertion": ""}, 401, "invalid_client"),
        ({"authorization_details": CANARY}, 400, "invalid_authorization_details"),
        ({"authorization_details": "[]"}, 400, "invalid_authorization_details"),
        ({"authorization_details": "[" * 2000}, 400, "invalid_authorization_details"),
        ({CANARY: "1"}, 400, "invalid_request"),
    ],
)
def test_a_form_with_something_wrong_is_refused_in_the_words_of_oauth(
    prison: Speaker, changed: dict[str, str], status: int, error: str
) -> None:
    answer = asked(prison, urlencode(members(prison, **changed)))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Quokka",
        b"Quokka=1",
        b"a=1&a=1",
        b"\xff=1",
        b"grant_type=client_credentials",
        b"&".join(b"Quokka=%d" % number for number in range(20)),
    ],
)
def test_a_body_that_is_no_form_is_refused(prison: Speaker, body: bytes) -> None:
    answer = asked(prison, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_member_named_twice_is_refused(prison: Speaker) -> None:
    body = urlencode(members(prison))
    answer = asked(prison, f"{body}&grant_type=client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_another_content_type_and_a_long_form_are_problems(prison: Speaker) -> None:
    raw = prison.world.raw
    json_type = {"Content-Type": "application/json"}
    answer = raw("POST", "/oauth2/token", content=b"{}", headers=json_type)
    is_problem(answer, 415, "unsupported-media-type")
    answer = raw("POST", "/oauth2/token", content=b"a=" + b"x" * 25_000, headers=FORM)
    is_problem(answer, 413, "body-too-large")


def test_metadata_and_keys_are_for_everybody_and_hold_no_secret(prison: Speaker) -> None:
    raw, issuer = prison.world.raw, prison.world.settings.issuer
    metadata = raw("GET", "/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == issuer
    assert metadata["token_endpoint"] == f"{issuer}/oauth2/token"
    keys = raw("GET", "/.well-known/jwks.json").json()["keys"]
    assert len(keys) == 3
    assert all(key["kty"] == "EC" and "d" not in key for key in keys)
