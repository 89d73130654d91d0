"""Requests to the endpoints of OAuth, made by hand, and what their answers have to look like."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from app.agencies.oauth import ASSERTION_TYPE
from app.crypto.encoding import decode_base64url
from app.crypto.signing_keys import SigningKey
from app.receiver.configuration import AgencyConfiguration
from tests.api.exchange import Speaker, is_problem
from tests.api.forgeries import CANARY, Forge
from throughcare_receiver.keys import SigningKey as AgencyKey
from throughcare_receiver.possession import prove
from throughcare_receiver.statements import client_assertion

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEY = SigningKey.generate()
TOKEN_PATH = "/oauth2/token"


def members(prison: Speaker, **changed: str) -> dict[str, str]:
    """A token request that would be granted, unless something in it is changed."""
    return {**members_of(prison, prison.world.agencies[prison.id].configuration), **changed}


def members_of(speaker: Speaker, configuration: AgencyConfiguration) -> dict[str, str]:
    """The token request of a client that is configured so."""
    assertion = client_assertion(
        configuration.load_signing_key(),
        client_id=configuration.client_id,
        issuer=configuration.issuer,
        jti=secrets.token_urlsafe(16),
        at=speaker.world.clock(),
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
    }


def proof(
    prison: Speaker,
    path: str = TOKEN_PATH,
    key: SigningKey = KEY,
    **changed: Any,  # noqa: ANN401 - as `prove` takes them
) -> dict[str, str]:
    """A DPoP header for one request, by the key of these tests."""
    given = {
        "method": "POST",
        "address": f"{prison.world.settings.issuer}{path}",
        "jti": secrets.token_urlsafe(16),
        "at": prison.world.clock(),
        **changed,
    }
    return {"DPoP": prove(AgencyKey.from_pem(key.to_pem()), **given)}


def asked(prison: Speaker, body: str | bytes, **headers: str) -> httpx.Response:
    """The answer of the token endpoint to a form; with a proof, unless there are headers."""
    return told(prison, TOKEN_PATH, body, headers or proof(prison))


def told(
    prison: Speaker, path: str, body: str | bytes, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """The answer to a form, which repeats nothing of it."""
    address = f"{prison.world.settings.issuer}{path}"
    answer = prison.http.post(address, content=body, headers={**FORM, **(headers or {})})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.status_code < 500
    assert CANARY not in answer.text
    return answer


def granted_token(prison: Speaker) -> str:
    """An access token that is bound to the key of these tests."""
    answer = asked(prison, urlencode(members(prison)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def take_back(speaker: Speaker, token: str, *, at: str = "") -> httpx.Response:
    """The answer to a client that takes a token back, at this address of the service."""
    asked = {name: text for name, text in members(speaker).items() if name.startswith("client_")}
    address = f"{at or speaker.world.settings.issuer}/oauth2/revoke"
    return speaker.http.post(address, content=urlencode({**asked, "token": token}), headers=FORM)


def called(prison: Speaker, token: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """The answer to a call with a token; with a proof, unless there are headers."""
    address = f"{prison.world.settings.issuer}/v1/cases"
    proven = proof(prison, "/v1/cases", method="GET", access_token=token)
    given = {"Authorization": f"DPoP {token}", **(proven if headers is None else headers)}
    answer = prison.http.get(address, headers=given)
    assert answer.status_code < 500
    assert CANARY not in answer.text
    return answer


def is_refused(answer: httpx.Response, error: str = "invalid_token") -> None:
    """It is a problem document, and says which error in the words of RFC 6750 and RFC 9449."""
    is_problem(answer, 401, "unauthenticated")
    expected = f'DPoP error="{error}", algs="ES256 ES384"'
    assert answer.headers["www-authenticate"] == expected


def is_error(answer: httpx.Response, error: str) -> None:
    """It is an error of the token endpoint, with the status that belongs to it."""
    status = 401 if error == "invalid_client" else 400
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token."""
    header, claims, _ = token.split(".")
    return json.loads(decode_base64url(header)), json.loads(decode_base64url(claims))


def refused_ones(
    kinds: Mapping[str, Forge],
    send: Callable[[Forge], httpx.Response],
    check: Callable[[httpx.Response], None],
) -> list[str]:
    """The forgeries that were not refused as they should be."""
    wrong = []
    for name, forge in kinds.items():
        try:
            check(send(forge))
        except AssertionError as difference:
            wrong.append(f"{name}: {difference}")
    return wrong
