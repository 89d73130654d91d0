"""Officers that their agency's own identity provider proves (RFC 8693)."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.administration import registry
from app.agencies import tokens
from app.agencies.oauth import TOKEN_EXCHANGE
from app.agencies.registry import ProviderRecord
from app.agencies.tokens import Caller
from app.crypto.signing_keys import SigningKey
from app.disclosure.disclose import disclose
from app.house import House, Refusal
from app.policy.loader import load_bundle
from tests.api.exchange import Exchange, Speaker, section
from tests.api.forgeries import OF_A_TOKEN_THAT_ENDS, OF_ANY_TOKEN, Forge, signed, with_claims
from tests.api.identity_provider import AUDIENCE, STRONG, IdentityProvider, identity_provider
from tests.api.oauth import (
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
from tests.policy.conftest import AGREEMENTS
from tests.world import POLICIES, START

JWT = "urn:ietf:params:oauth:token-type:jwt"
MAX_AGE = 900
IDENTITY = {"identity": section("identity")}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def prison(exchange: Exchange, provider: IdentityProvider) -> Speaker:
    """A prison whose officers sign in at the provider."""
    prison = exchange.agency("correctional_service")
    register(prison, provider.issuer, provider.jwks_uri)
    return prison


def register(agency: Speaker, issuer: str, jwks_uri: str) -> None:
    record = ProviderRecord(
        issuer=issuer,
        agency_id=agency.id,
        audience=AUDIENCE,
        jwks_uri=jwks_uri,
        acr_values=(STRONG,),
        max_age=MAX_AGE,
    )
    house, at = agency.world.service.house, agency.world.clock()
    agency.world.owner.run_blocking(lambda c: registry.register_provider(c, house, record, at=at))


def now(agency: Speaker) -> int:
    return int(agency.world.clock().timestamp())


def officer(agency: Speaker) -> str:
    return f"{agency.id}-officer"


def proven(agency: Speaker, provider: IdentityProvider, **claims: object) -> str:
    """A token of the provider for the agency's officer."""
    return provider.token(officer(agency), now(agency), **claims)


def exchanged(agency: Speaker, subject_token: str, **changed: str) -> httpx.Response:
    """The answer to a token exchange."""
    form = members(agency, grant_type=TOKEN_EXCHANGE)
    more = {"subject_token": subject_token, "subject_token_type": JWT, **changed}
    return asked(agency, urlencode({**form, **more}))


def is_invalid(answer: httpx.Response) -> None:
    is_error(answer, "invalid_request")
    assert answer.json()["error_description"] == "the subject token is not valid"


def caller(agency: Speaker, token: str) -> Caller:
    """Who calls with a token, as the doors are told."""
    service = agency.world.service
    grant = tokens.read(
        token, keys=service.token_keys, issuer=service.settings.issuer, at=service.clock()
    )
    return service.database.read_blocking(lambda c: tokens.identify(c, grant))


def test_an_officer_that_the_agency_s_provider_proves_is_proven(
    prison: Speaker, provider: IdentityProvider
) -> None:
    answer = exchanged(prison, proven(prison, provider))
    assert answer.status_code == 200, answer.text
    assert answer.json()["issued_token_type"].endswith(":access_token")
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("DPoP", 300)
    token = answer.json()["access_token"]
    claims = parts(token)[1]
    assert (claims["acr"], claims["auth_time"]) == (STRONG, now(prison) - 60)
    assert (claims["sub"], claims["act"]) == (
        f"{prison.id}/{officer(prison)}",
        {"sub": f"{prison.id}-1"},
    )
    assert called(prison, token).status_code == 200
    assert caller(prison, token).assurance == "proven"
    assert caller(prison, granted_token(prison)).assurance == "asserted"


def test_an_id_token_is_taken_as_well_and_may_be_used_again(
    prison: Speaker, provider: IdentityProvider
) -> None:
    subject_token = proven(prison, provider)
    kind = "urn:ietf:params:oauth:token-type:id_token"
    for _ in range(2):  # an access token is short, the officer's session is longer
        assert exchanged(prison, subject_token, subject_token_type=kind).status_code == 200


def test_the_log_names_a_proven_officer_as_one(
    exchange: Exchange, prison: Speaker, provider: IdentityProvider
) -> None:
    token = exchanged(prison, proven(prison, provider)).json()["access_token"]
    reference = exchange.person(prison)
    path = f"/v1/inmate-files/{reference}"
    given = proof(prison, path, method="GET", access_token=token)
    given["Authorization"] = f"DPoP {token}"
    assert exchange.world.raw("GET", path, headers=given).status_code == 200
    entry = exchange.entries(agency_id=prison.id)[-1]
    assert entry.sections["actor"]["assurance"] == "proven"


def test_the_token_of_an_officer_ends_with_what_proves_the_officer(
    prison: Speaker, provider: IdentityProvider
) -> None:
    soon = exchanged(prison, proven(prison, provider, exp=now(prison) + 100)).json()
    assert soon["expires_in"] == 100
    aged = exchanged(prison, proven(prison, provider, auth_time=now(prison) - MAX_AGE + 30))
    assert aged.json()["expires_in"] == 30


def test_a_sign_in_that_is_not_good_enough_is_refused(
    prison: Speaker, provider: IdentityProvider
) -> None:
    for claims in (
        {"acr": "urn:example:password"},
        {"acr": None},
        {"acr": [STRONG]},
        {"acr": ""},
        {"auth_time": None},
        {"auth_time": now(prison) - MAX_AGE},
        {"auth_time": now(prison) + 6},
        {"auth_time": str(now(prison))},
        {"auth_time": True},
        {"auth_time": -(2**52)},
        {"auth_time": 2**52},
        {"exp": now(prison) - 1},  # the leeway of clocks is no reason to make a token that ended
    ):
        is_invalid(exchanged(prison, proven(prison, provider, **claims)))


def test_a_forged_subject_token_is_refused(prison: Speaker, provider: IdentityProvider) -> None:
    key = SigningKey.from_pem(provider.key.as_pem(private=True))
    claims = provider.claims(officer(prison), now(prison))

    def send(forge: Forge) -> httpx.Response:
        return exchanged(prison, forge(provider.header(), claims, key))

    assert send(signed).status_code == 200
    far = {"an end in two hours": with_claims(exp=now(prison) + 7200)}
    assert refused_ones({**OF_ANY_TOKEN, **OF_A_TOKEN_THAT_ENDS, **far}, send, is_invalid) == []


def test_a_subject_token_is_there_and_of_a_kind_that_proves_somebody(
    prison: Speaker, provider: IdentityProvider
) -> None:
    good = proven(prison, provider)
    saml = "urn:ietf:params:oauth:token-type:saml2"
    is_error(exchanged(prison, good, subject_token_type=saml), "invalid_request")
    form = members(prison, grant_type=TOKEN_EXCHANGE)
    is_error(asked(prison, urlencode(form)), "invalid_request")
    is_error(asked(prison, urlencode({**form, "subject_token_type": JWT})), "invalid_client")
    # Our own access token proves no officer, and neither does a client's own assertion.
    for other in (granted_token(prison), members(prison)["client_assertion"]):
        is_invalid(exchanged(prison, other))


def test_a_subject_token_proves_nobody_but_its_subject(
    prison: Speaker, provider: IdentityProvider
) -> None:
    other = provider.token("somebody-else", now(prison))
    answer = exchanged(prison, other)
    is_error(answer, "invalid_authorization_details")


def test_the_provider_of_an_agency_proves_nobody_of_another(
    exchange: Exchange, prison: Speaker, provider: IdentityProvider
) -> None:
    court = exchange.agency("court_panel")
    # The same id of an officer, at the wrong provider.
    is_invalid(exchanged(court, provider.token(officer(court), now(court))))
    assert exchanged(prison, proven(prison, provider)).status_code == 200


def test_a_client_that_is_not_known_learns_nothing(
    prison: Speaker, provider: IdentityProvider
) -> None:
    for subject_token in (proven(prison, provider), "x"):
        answer = exchanged(prison, subject_token, client_assertion="x")
        is_error(answer, "invalid_client")


def test_an_exchange_needs_a_proof_of_possession(
    prison: Speaker, provider: IdentityProvider
) -> None:
    form = members(prison, grant_type=TOKEN_EXCHANGE)
    more = {"subject_token": proven(prison, provider), "subject_token_type": JWT}
    answer = told(prison, "/oauth2/token", urlencode({**form, **more}))
    is_error(answer, "invalid_dpop_proof")


def test_a_new_key_is_asked_for_once_in_half_a_minute(
    prison: Speaker, provider: IdentityProvider
) -> None:
    clock = prison.world.clock
    assert exchanged(prison, proven(prison, provider)).status_code == 200
    clock.advance(seconds=40)
    provider.rotate()
    before = provider.asked
    assert exchanged(prison, proven(prison, provider)).status_code == 200
    assert provider.asked == before + 1
    # A key that nobody published: asked for once more at most, however often it is named.
    clock.advance(seconds=40)
    stranger = IdentityProvider(issuer=provider.issuer)
    for _ in range(5):
        is_invalid(exchanged(prison, proven(prison, stranger)))
    assert provider.asked == before + 2
    assert exchanged(prison, proven(prison, provider)).status_code == 200


def test_a_key_that_was_withdrawn_is_good_for_five_minutes_at_most(
    prison: Speaker, provider: IdentityProvider
) -> None:
    clock = prison.world.clock
    old = IdentityProvider(issuer=provider.issuer, key=provider.key)
    assert exchanged(prison, proven(prison, old)).status_code == 200
    provider.rotate()
    clock.advance(seconds=300)
    is_invalid(exchanged(prison, proven(prison, old)))
    assert exchanged(prison, proven(prison, provider)).status_code == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (200, b"no JSON"),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [{"kty": "oct", "k": "AAAA"}]}'),
        (200, b'{"keys": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_a_provider_that_gives_no_keys_proves_nobody_until_it_does(
    prison: Speaker, provider: IdentityProvider, status: int, body: bytes
) -> None:
    clock = prison.world.clock
    assert exchanged(prison, proven(prison, provider)).status_code == 200
    provider.status, provider.body = status, body
    # For as long as what it said last is fresh, it is good enough.
    clock.advance(seconds=200)
    assert exchanged(prison, proven(prison, provider)).status_code == 200
    clock.advance(seconds=100)
    before = provider.asked
    for _ in range(3):
        is_invalid(exchanged(prison, proven(prison, provider)))
    assert provider.asked == before + 1
    provider.status, provider.body = 200, None
    clock.advance(seconds=30)
    assert exchanged(prison, proven(prison, provider)).status_code == 200


def test_a_provider_that_cannot_be_reached_proves_nobody(exchange: Exchange) -> None:
    court = exchange.agency("court_panel")
    issuer = "http://127.0.0.1:9/"  # the port of nobody
    register(court, issuer, f"{issuer}keys")
    silent = IdentityProvider(issuer=issuer)
    is_invalid(exchanged(court, proven(court, silent)))


def test_whom_a_provider_proved_is_nobody_once_the_provider_was_ended(
    exchange: Exchange, prison: Speaker, provider: IdentityProvider
) -> None:
    with identity_provider() as second:
        register(prison, second.issuer, second.jwks_uri)
        token = exchanged(prison, proven(prison, second)).json()["access_token"]
        assert called(prison, token).status_code == 200
        house = exchange.world.service.house
        exchange.world.owner.run_blocking(
            lambda c: registry.revoke_provider(c, house, second.issuer, at=exchange.world.clock())
        )
        is_refused(called(prison, token))
        is_invalid(exchanged(prison, proven(prison, second)))
    assert exchanged(prison, proven(prison, provider)).status_code == 200


def test_every_end_of_a_provider_is_on_record(exchange: Exchange) -> None:
    facts = [one.sections["fields"]["fact"] for one in exchange.entries(agency_id="operator")]
    assert "identity-provider" in facts


PLANTED = """
@id("P") @agreement("A") @legal_basis("L")
permit (
  principal in Role::"probation_service",
  action in Action::"grant:identity.full_name:full",
  resource
) when {
  context.purpose == Purpose::"supervision" &&
  context.officer_assurance == OfficerAssurance::"proven" &&
  context.assigned
};
"""


@pytest.fixture(scope="module")
def demanding(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose one policy wants a proven officer."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "base").mkdir()
    (folder / "base" / "planted.cedar").write_text(PLANTED)
    (folder / "agreements.toml").write_text(AGREEMENTS)
    shutil.copy(POLICIES / "schema.cedarschema", folder)
    bundle = load_bundle(folder, at=START.date(), allow_illustrative=False)
    return replace(exchange.world.service.house, bundle=bundle)


def test_a_policy_can_demand_a_proven_officer(
    exchange: Exchange, prison: Speaker, demanding: House
) -> None:
    probation = exchange.agency("probation_service", purpose="supervision")
    reference = exchange.refer(prison, exchange.person(prison, IDENTITY), probation)
    database, at = exchange.world.owner, exchange.world.clock()

    def released(token: str) -> dict[str, Any]:
        who = caller(probation, token)
        disclosed = database.run_blocking(
            lambda c: disclose(c, demanding, who, reference, if_none_match=None, at=at)
        )
        if isinstance(disclosed, Refusal):  # nothing is released, and that looks like nobody
            return {}
        told: dict[str, Any] = json.loads(disclosed.body)["released"]
        return told

    with identity_provider() as second:
        register(probation, second.issuer, second.jwks_uri)
        proof_of_officer = exchanged(probation, proven(probation, second)).json()["access_token"]
        assert released(granted_token(probation)) == {}
        assert released(proof_of_officer)["identity"].keys() == {"full_name"}
