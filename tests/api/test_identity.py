"""Tokens are asked for, used and ended in the words of OAuth; whatever is not quite one is refused.

RFC 6749 (token endpoint), 7523 (client assertions), 9396 (details), 9449 (proof of possession),
7009 (revocation), 7662 (introspection), 8414 and 9728 (metadata).
"""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jws import JWS  # type: ignore[import-untyped] # it ships no types

from app.administration import registry
from app.agencies.oauth import ASSERTION_TYPE
from app.agencies.registry import CLIENT, ClientRecord, on_basis
from app.crypto.json_web_keys import public_jwks
from app.crypto.possession import token_hash
from app.crypto.signing_keys import SigningKey
from tests.api.exchange import Exchange, Speaker, is_problem
from tests.api.forgeries import (
    CANARY,
    OF_A_PROOF,
    OF_A_TOKEN_THAT_ENDS,
    OF_ANY_TOKEN,
    Forge,
    signed,
)
from tests.api.oauth import (
    FORM,
    KEY,
    TOKEN_PATH,
    asked,
    called,
    granted_token,
    is_error,
    is_refused,
    members,
    parts,
    proof,
    refused_ones,
    told,
)
from throughcare_receiver.keys import SigningKey as AgencyKey
from throughcare_receiver.statements import client_assertion


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


def test_a_token_is_granted_for_one_purpose_and_said_again(prison: Speaker) -> None:
    answer = asked(prison, urlencode(members(prison)))
    assert answer.status_code == 200
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"]) == ("DPoP", 300)
    assert granted["authorization_details"][0]["purpose"] == "execute_sentence"
    assert called(prison, granted["access_token"]).status_code == 200


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
    for name, path in (
        ("token", "token"),
        ("revocation", "revoke"),
        ("introspection", "introspect"),
    ):
        assert metadata[f"{name}_endpoint"] == f"{issuer}/oauth2/{path}"
        assert metadata[f"{name}_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256", "ES384"]
    resource = raw("GET", "/.well-known/oauth-protected-resource").json()
    assert (resource["resource"], resource["authorization_servers"]) == (issuer, [issuer])
    keys = raw("GET", "/.well-known/jwks.json").json()["keys"]
    # The next one, the active one, and that of notifications; nothing has been retired yet.
    assert len({key["kid"] for key in keys}) == len(keys) == 3
    assert all(key["kty"] == "EC" and "d" not in key for key in keys)


def test_other_libraries_verify_a_token_with_the_published_keys(prison: Speaker) -> None:
    token = granted_token(prison)
    jwks = prison.world.raw("GET", "/.well-known/jwks.json").json()["keys"]
    [jwk] = [one for one in jwks if one["kid"] == parts(token)[0]["kid"]]
    checked = JWS()
    checked.deserialize(token, JWK(**jwk), "ES256")
    opened = jws.deserialize_compact(token, ECKey.import_key(jwk), algorithms=["ES256"])
    assert opened.payload == checked.payload
    claims = json.loads(opened.payload)
    assert claims["cnf"] == {"jkt": ECKey.import_key({**KEY.public_jwk()}).thumbprint()}
    assert claims["client_id"] == claims["sub"] == f"{prison.id}-1"


def test_a_proof_of_another_library_is_taken(prison: Speaker) -> None:
    key = ECKey.generate_key("P-384", private=True)
    token = asked(
        prison, urlencode(members(prison)), DPoP=by_joserfc(prison, key, "POST", TOKEN_PATH)
    ).json()["access_token"]
    made = by_joserfc(prison, key, "GET", "/v1/cases", ath=token_hash(token))
    assert called(prison, token, {"DPoP": made}).status_code == 200


def by_joserfc(prison: Speaker, key: ECKey, method: str, path: str, **more: str) -> str:
    """A proof of possession that joserfc signed."""
    claims = {
        "jti": secrets.token_hex(8),
        "htm": method,
        "htu": f"{prison.world.settings.issuer}{path}",
        "iat": int(prison.world.clock().timestamp()),
        **more,
    }
    header = {"alg": "ES384", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=["ES384"])


def test_a_token_is_not_given_without_a_proof(prison: Speaker) -> None:
    is_error(told(prison, TOKEN_PATH, urlencode(members(prison))), "invalid_dpop_proof")


def test_a_bound_token_is_worth_nothing_without_its_key(prison: Speaker) -> None:
    token = granted_token(prison)
    bearer = {"Authorization": f"Bearer {token}"}
    is_refused(called(prison, token, bearer))
    proven = proof(prison, "/v1/cases", method="GET", access_token=token)
    is_refused(called(prison, token, {**bearer, **proven}))
    is_refused(called(prison, token, {}), "invalid_dpop_proof")
    thief = proof(prison, "/v1/cases", SigningKey.generate(), method="GET", access_token=token)
    is_refused(called(prison, token, thief), "invalid_dpop_proof")
    # The proof of another token by the same key.
    other = proof(prison, "/v1/cases", method="GET", access_token=granted_token(prison))
    is_refused(called(prison, token, other), "invalid_dpop_proof")
    unnamed = proof(prison, "/v1/cases", method="GET")
    is_refused(called(prison, token, unnamed), "invalid_dpop_proof")
    assert called(prison, token).status_code == 200


def test_two_proofs_are_none(prison: Speaker) -> None:
    token = granted_token(prison)
    headers = [("Authorization", f"DPoP {token}")]
    for _ in range(2):
        one = proof(prison, "/v1/cases", method="GET", access_token=token)
        headers.append(("DPoP", one["DPoP"]))
    is_refused(prison.world.raw("GET", "/v1/cases", headers=headers), "invalid_dpop_proof")


def test_a_proof_works_once(prison: Speaker) -> None:
    token = granted_token(prison)
    once = proof(prison, "/v1/cases", method="GET", access_token=token)
    assert called(prison, token, once).status_code == 200
    is_refused(called(prison, token, once), "invalid_dpop_proof")
    once = proof(prison)
    assert asked(prison, urlencode(members(prison)), **once).status_code == 200
    is_error(asked(prison, urlencode(members(prison)), **once), "invalid_dpop_proof")


def test_a_proof_of_a_request_that_failed_is_used_up(prison: Speaker, exchange: Exchange) -> None:
    token = granted_token(prison)
    path = f"/v1/inmate-files/{exchange.person(prison)}"
    given = {"Authorization": f"DPoP {token}"}
    given |= proof(prison, path, method="PUT", access_token=token)
    put = [
        exchange.world.raw("PUT", path, json={"sections": {}}, headers={**given, "If-Match": state})
        for state in ('"another"', "*")
    ]
    is_problem(put[0], 412, "precondition-failed")
    is_refused(put[1], "invalid_dpop_proof")


def test_a_proof_of_a_query_that_could_not_be_read_does_not_let_another_in(
    prison: Speaker, exchange: Exchange
) -> None:
    token, path = granted_token(prison), "/v1/cases"
    given = {"Authorization": f"DPoP {token}"}
    given |= proof(prison, path, method="GET", access_token=token)
    first = exchange.world.raw("GET", f"{path}?limit=x", headers=given)
    is_problem(first, 422, "invalid-input")
    is_refused(exchange.world.raw("GET", path, headers=given), "invalid_dpop_proof")


def test_a_proof_of_a_body_that_could_not_be_read_does_not_let_another_body_in(
    prison: Speaker, exchange: Exchange
) -> None:
    token = granted_token(prison)
    for method, path, kind, bodies in (
        ("PUT", "/v1/inmate-files/NEW-1", "application/json", [b"{", b'{"sections": {}}']),
        ("POST", "/v1/inmate-files/import", "application/x-ndjson", [b"", b"{}"]),
        ("POST", "/v1/inmate-files/import", "application/x-ndjson", [b"{", b"{}"]),
    ):
        given = {"Authorization": f"DPoP {token}", "Content-Type": kind}
        given |= proof(prison, path, method=method, access_token=token)
        first, second = (
            exchange.world.raw(method, path, content=body, headers=given) for body in bodies
        )
        assert first.status_code in {200, 400}
        is_refused(second, "invalid_dpop_proof")


def test_an_assertion_of_a_request_that_failed_is_used_up(prison: Speaker) -> None:
    for wrong in (
        {"authorization_details": "[]"},
        {"grant_type": CANARY},
    ):
        form = members(prison)
        failed = asked(prison, urlencode({**form, **wrong}))
        assert failed.status_code == 400
        is_error(asked(prison, urlencode(form)), "invalid_client")
    form = members(prison)
    is_error(told(prison, TOKEN_PATH, urlencode(form)), "invalid_dpop_proof")
    is_error(asked(prison, urlencode(form)), "invalid_client")


@pytest.mark.parametrize(
    "written",
    [
        "{issuer}/v1/cases?after=1#part",
        "{issuer}/v1/%63ases",
        "{issuer}/v1/x/../cases",
        "{issuer}/./v1/cases",
        "HTTP{rest}/v1/cases",
    ],
)
def test_an_address_may_be_written_in_every_way_that_means_the_same(
    prison: Speaker, written: str
) -> None:
    token = granted_token(prison)
    issuer = prison.world.settings.issuer
    header, claims = parts(proof(prison, "/v1/cases", method="GET", access_token=token)["DPoP"])
    claims["htu"] = written.format(issuer=issuer, rest=issuer.removeprefix("http"))
    assert called(prison, token, {"DPoP": signed(header, claims, KEY)}).status_code == 200


def test_a_proof_is_good_for_a_minute(prison: Speaker) -> None:
    token, clock = granted_token(prison), prison.world.clock
    late = proof(prison, "/v1/cases", method="GET", access_token=token)
    clock.advance(seconds=61)
    is_refused(called(prison, token, late), "invalid_dpop_proof")
    in_time = proof(prison, "/v1/cases", method="GET", access_token=token)
    clock.advance(seconds=60)
    assert called(prison, token, in_time).status_code == 200


def test_a_forged_assertion_is_refused(prison: Speaker) -> None:
    own = prison.world.agencies[prison.id].configuration.load_signing_key()
    key = SigningKey.from_pem(own.to_pem())

    def send(forge: Forge) -> httpx.Response:
        form = members(prison)
        form["client_assertion"] = forge(*parts(form["client_assertion"]), key)
        return asked(prison, urlencode(form))

    assert send(signed).status_code == 200
    forgeries = {**OF_ANY_TOKEN, **OF_A_TOKEN_THAT_ENDS}
    assert refused_ones(forgeries, send, lambda a: is_error(a, "invalid_client")) == []


def test_a_forged_access_token_is_refused(prison: Speaker) -> None:
    key = prison.world.service.house.ring.token_signing
    real = parts(granted_token(prison))

    def send(forge: Forge) -> httpx.Response:
        return called(prison, forge(*real, key))

    assert send(signed).status_code == 200
    more: dict[str, Forge] = {
        f"confirmed by {cnf!r}": lambda h, c, k, cnf=cnf: signed(h, {**c, "cnf": cnf}, k)  # type: ignore[misc]  # a default binds it now
        for cnf in (None, "x", {}, {"jkt": ""}, {"jkt": 7}, {"jkt": "x", "x5t#S256": "y"})
    }
    assert refused_ones({**OF_ANY_TOKEN, **OF_A_TOKEN_THAT_ENDS, **more}, send, is_refused) == []


def test_a_forged_proof_is_refused_by_the_token_endpoint(prison: Speaker) -> None:
    def send(forge: Forge) -> httpx.Response:
        made = forge(*parts(proof(prison)["DPoP"]), KEY)
        return asked(prison, urlencode(members(prison)), DPoP=made)

    assert send(signed).status_code == 200
    forgeries = {**OF_ANY_TOKEN, **OF_A_PROOF}
    # Any other key is as good: it is the one that the token will be bound to.
    del forgeries["another key"]
    assert refused_ones(forgeries, send, lambda a: is_error(a, "invalid_dpop_proof")) == []


def test_a_forged_proof_is_refused_by_a_resource(prison: Speaker) -> None:
    token = granted_token(prison)

    def send(forge: Forge) -> httpx.Response:
        made = proof(prison, "/v1/cases", method="GET", access_token=token)["DPoP"]
        return called(prison, token, {"DPoP": forge(*parts(made), KEY)})

    assert send(signed).status_code == 200
    forgeries = {**OF_ANY_TOKEN, **OF_A_PROOF}
    assert refused_ones(forgeries, send, lambda a: is_refused(a, "invalid_dpop_proof")) == []


@pytest.fixture(scope="module")
def simple(exchange: Exchange) -> Speaker:
    """A prison whose system cannot prove possession, and is registered so."""
    prison = exchange.agency("correctional_service")
    allow_bearer(prison, allowed=True)
    return prison


def allow_bearer(prison: Speaker, *, allowed: bool) -> None:
    change = CLIENT.update().where(CLIENT.c.client_id == f"{prison.id}-1")
    prison.world.service.database.run_blocking(
        lambda c: c.execute(change.values(bearer_allowed=allowed))
    )


def test_a_bearer_token_is_for_a_client_that_is_registered_for_it(simple: Speaker) -> None:
    answer = told(simple, TOKEN_PATH, urlencode(members(simple))).json()
    assert answer["token_type"] == "Bearer"
    token = answer["access_token"]
    assert "cnf" not in parts(token)[1]
    bearer = {"Authorization": f"Bearer {token}"}
    assert called(simple, token, bearer).status_code == 200
    # A proof by somebody's key does not make a bound token of it.
    is_refused(called(simple, token))
    allow_bearer(simple, allowed=False)
    is_refused(called(simple, token, bearer))
    is_error(told(simple, TOKEN_PATH, urlencode(members(simple))), "invalid_dpop_proof")
    allow_bearer(simple, allowed=True)
    assert asked(simple, urlencode(members(simple))).json()["token_type"] == "DPoP"


def statement(prison: Speaker, token: str, **changed: str) -> str:
    """A form of revocation or introspection."""
    form = members(prison)
    asked = {name: form[name] for name in ("client_assertion_type", "client_assertion")}
    return urlencode({**asked, "token": token, **changed})


def introspected(prison: Speaker, token: str, **changed: str) -> dict[str, Any]:
    answer = told(prison, "/oauth2/introspect", statement(prison, token, **changed))
    assert answer.status_code == 200, answer.text
    told_of: dict[str, Any] = answer.json()
    return told_of


def test_a_client_learns_whether_its_token_works(prison: Speaker, simple: Speaker) -> None:
    token = granted_token(prison)
    told_of = introspected(prison, token, token_type_hint="access_token")
    assert told_of["active"] is True
    assert (told_of["client_id"], told_of["token_type"]) == (f"{prison.id}-1", "DPoP")
    assert told_of["cnf"] == {"jkt": KEY.kid}
    assert told_of["authorization_details"][0]["purpose"] == "execute_sentence"
    assert told_of["officer_assurance"] == "asserted"
    # To anybody else, and of anything else, no more than this.
    for answer in (introspected(simple, token), introspected(prison, CANARY)):
        assert answer == {"active": False}


def test_a_revoked_token_works_no_more_from_the_next_call_on(
    prison: Speaker, simple: Speaker
) -> None:
    token, other = granted_token(prison), granted_token(prison)
    is_error(told(simple, "/oauth2/revoke", statement(simple, token)), "unauthorized_client")
    assert called(prison, token).status_code == 200
    for _ in range(2):  # once more is harmless
        answer = told(prison, "/oauth2/revoke", statement(prison, token))
        assert (answer.status_code, answer.content) == (200, b"")
    is_refused(called(prison, token))
    assert introspected(prison, token) == {"active": False}
    assert called(prison, other).status_code == 200


def test_what_is_no_token_is_ended_already(prison: Speaker) -> None:
    for token in (CANARY, "", "a.b.c", "x" * 9000):
        assert told(prison, "/oauth2/revoke", statement(prison, token)).status_code == 200


@pytest.mark.parametrize("path", ["/oauth2/revoke", "/oauth2/introspect"])
def test_only_a_client_that_is_known_says_something_of_a_token(prison: Speaker, path: str) -> None:
    form = statement(prison, granted_token(prison))
    assert told(prison, path, form).status_code == 200
    is_error(told(prison, path, form), "invalid_client")
    is_error(told(prison, path, statement(prison, "x", client_assertion=CANARY)), "invalid_client")
    is_error(told(prison, path, statement(prison, "x", more=CANARY)), "invalid_request")
    is_error(told(prison, path, f"token={CANARY}"), "invalid_request")


def test_a_purpose_goes_with_its_own_basis_alone(exchange: Exchange) -> None:
    probation = exchange.agency("probation_service")
    key = AgencyKey.generate()
    record = ClientRecord(
        client_id=f"{probation.id}-2",
        agency_id=probation.id,
        jwks=public_jwks([key]),
        grounds=(*on_basis("law-1", "supervision"), *on_basis("law-2", "court_report")),
    )
    house, at = exchange.world.service.house, exchange.world.clock()
    exchange.world.service.database.run_blocking(
        lambda c: registry.register_client(c, house, record, at=at)
    )

    def answer(purpose: str, legal_basis: str) -> httpx.Response:
        details = {
            "type": "inmate-file",
            "officer": f"{probation.id}-officer",
            "purpose": purpose,
            "legal_basis": legal_basis,
        }
        assertion = client_assertion(
            key,
            client_id=record.client_id,
            issuer=exchange.world.settings.issuer,
            jti=secrets.token_hex(8),
            at=exchange.world.clock(),
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            "authorization_details": json.dumps([details]),
        }
        return asked(probation, urlencode(form))

    for pair in (("supervision", "law-1"), ("court_report", "law-2")):
        assert answer(*pair).status_code == 200
    for pair in (("supervision", "law-2"), ("court_report", "law-1")):
        is_error(answer(*pair), "invalid_authorization_details")
