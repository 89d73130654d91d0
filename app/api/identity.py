"""Identity: tokens, and the keys by which others verify what this service signs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.administration.registry import revoke_token as end_token
from app.agencies import proven_officers, registry, token_status, tokens
from app.agencies.clients import ASSERTION_ALGORITHMS, ClientAssertion
from app.agencies.details import DETAILS_TYPE
from app.agencies.oauth import (
    CLIENT_CREDENTIALS,
    INVALID_PROOF,
    INVALID_REQUEST,
    TOKEN_EXCHANGE,
    OAuthError,
)
from app.agencies.proven_officers import SUBJECT_TOKEN_TYPES, ProvenOfficer
from app.agencies.token_status import TokenQuestion
from app.agencies.tokens import TokenRequest
from app.api.answers import json_answer
from app.api.body import FORM, read_bytes
from app.api.contract import problems
from app.api.models import Token, TokenError, TokenStatus
from app.api.service import ProofRefused, Service, proof_of, service_of
from app.crypto.json_web_keys import public_jwks
from app.crypto.possession import PROOF_ALGORITHMS, Proof

router = APIRouter(tags=["identity"])

# An assertion and a subject token of 8 kB each, and room for the other members.
FORM_LIMIT = 24_576
CLIENT_MEMBERS = ("client_assertion_type", "client_assertion")
TOKEN_MEMBERS = ("grant_type", *CLIENT_MEMBERS, "authorization_details")
EXCHANGE_MEMBERS = ("subject_token", "subject_token_type")
STATUS_MEMBERS = (*CLIENT_MEMBERS, "token")
HINT = "token_type_hint"
# Who asks for a token is nobody yet, and may call itself anything: all of them have one share. No
# client can have this name.
STRANGERS = "whoever asks for a token"
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": TokenError},
    401: {"model": TokenError},
    # What is no form at all, or cannot be recorded, is told as everywhere else.
    **problems(408, 413, 415, 503),
}


def _form_body(required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The contract of a form, which our own strict reader reads."""
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {name: {"type": "string"} for name in (*required, *optional)},
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


@router.post(
    "/oauth2/token",
    summary="An access token for a client, an officer and a purpose",
    openapi_extra=_form_body(TOKEN_MEMBERS, EXCHANGE_MEMBERS),
    responses=ERRORS,
    response_model=Token,
)
async def issue_token(request: Request) -> Response:
    """private_key_jwt (RFC 7523), one detail object (RFC 9396), a DPoP header (RFC 9449).

    With client credentials the client asserts the officer; with token exchange (RFC 8693) a
    token of the agency's identity provider proves the officer.
    """
    service = service_of(request)
    members = await _form(request, required=TOKEN_MEMBERS, optional=EXCHANGE_MEMBERS)
    asked = TokenRequest(
        grant_type=members["grant_type"],
        client=_client(members),
        authorization_details=members["authorization_details"],
        proof=_proof(request),
        officer=await _officer(service, members),
    )

    def work(connection: Connection) -> dict[str, Any] | OAuthError:
        return tokens.issue(
            connection,
            asked,
            key=service.house.ring.token_signing,
            issuer=service.settings.issuer,
            at=service.clock(),
            random=service.house.random,
        )

    return json_answer(_granted(await service.database.run(work, client=STRANGERS)))


@router.post(
    "/oauth2/revoke",
    summary="End an access token (RFC 7009)",
    openapi_extra=_form_body(STATUS_MEMBERS, (HINT,)),
    responses=ERRORS,
    response_class=Response,
)
async def revoke_token(request: Request) -> Response:
    """For the client that the token was made for; it takes effect at the next call."""
    service = service_of(request)
    asked = _question(await _form(request, required=STATUS_MEMBERS, optional=(HINT,)))

    def work(connection: Connection) -> OAuthError | None:
        return end_token(
            connection, service.house, asked, keys=service.token_keys, at=service.clock()
        )

    _granted(await service.database.run(work, client=STRANGERS))
    return Response(status_code=200)


@router.post(
    "/oauth2/introspect",
    summary="Whether an access token works now (RFC 7662)",
    openapi_extra=_form_body(STATUS_MEMBERS, (HINT,)),
    responses=ERRORS,
    response_model=TokenStatus,
)
async def introspect_token(request: Request) -> Response:
    """For the client that the token was made for; to anybody else a token is not active."""
    service = service_of(request)
    asked = _question(await _form(request, required=STATUS_MEMBERS, optional=(HINT,)))

    def work(connection: Connection) -> dict[str, Any]:
        return token_status.introspect(
            connection,
            asked,
            keys=service.token_keys,
            issuer=service.settings.issuer,
            at=service.clock(),
        )

    return json_answer(await service.database.run(work, client=STRANGERS))


@router.get("/.well-known/jwks.json", summary="Public keys (RFC 7517)")
async def get_keys(request: Request) -> dict[str, Any]:
    """The keys of access tokens (the next one, the active one, the last one) and notifications."""
    ring = service_of(request).house.ring
    return public_jwks([*ring.token_keys, ring.notification_signing])


@router.get("/.well-known/oauth-authorization-server", summary="Metadata (RFC 8414)")
async def get_metadata(request: Request) -> dict[str, Any]:
    """What a client needs to know to get a token."""
    issuer = service_of(request).settings.issuer
    method = {"methods": ["private_key_jwt"], "algorithms": list(ASSERTION_ALGORITHMS)}
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth2/token",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE],
        "authorization_details_types_supported": [DETAILS_TYPE],
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        **{
            f"{name}_endpoint_auth_methods_supported": method["methods"]
            for name in ("token", "revocation", "introspection")
        },
        **{
            f"{name}_endpoint_auth_signing_alg_values_supported": method["algorithms"]
            for name in ("token", "revocation", "introspection")
        },
    }


@router.get("/.well-known/oauth-protected-resource", summary="Metadata (RFC 9728)")
async def get_resource_metadata(request: Request) -> dict[str, Any]:
    """What a client needs to know to use a token."""
    issuer = service_of(request).settings.issuer
    return {
        "resource": issuer,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "authorization_details_types_supported": [DETAILS_TYPE],
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
    }


def _proof(request: Request) -> Proof | OAuthError | None:
    try:
        return proof_of(request)
    except ProofRefused as problem:
        return OAuthError(INVALID_PROOF, problem.detail)


async def _officer(
    service: Service, members: Mapping[str, str]
) -> ProvenOfficer | OAuthError | None:
    """The officer that the subject token proves; None without one."""
    if members["grant_type"] != TOKEN_EXCHANGE:
        return None
    try:
        return await _read_subject_token(service, members)
    except OAuthError as refusal:
        return refusal


async def _read_subject_token(service: Service, members: Mapping[str, str]) -> ProvenOfficer:
    if members.get("subject_token_type") not in SUBJECT_TOKEN_TYPES:
        raise OAuthError(INVALID_REQUEST, "expected a subject token of type jwt or id_token")
    subject_token = members.get("subject_token", "")
    issuer = proven_officers.claimed_issuer(subject_token)
    provider = await service.database.read(lambda c: registry.provider(c, issuer))
    if provider is None:
        raise proven_officers.not_valid()
    return await service.provider_keys.read(subject_token, provider, at=service.clock())


def _question(members: Mapping[str, str]) -> TokenQuestion:
    return TokenQuestion(client=_client(members), token=members["token"])


def _client(members: Mapping[str, str]) -> ClientAssertion:
    return ClientAssertion(**{name: members[name] for name in CLIENT_MEMBERS})


def _granted(result: Any) -> Any:  # noqa: ANN401 - what any of the endpoints grants
    """A result that is no refusal; a refusal is raised only here, after the commit."""
    if isinstance(result, OAuthError):
        raise result
    return result


async def _form(
    request: Request, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, str]:
    """The members of a form, each exactly once and none unknown."""
    body = await read_bytes(request, types=(FORM,), limit=FORM_LIMIT)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16
        )
    except ValueError:
        raise OAuthError(INVALID_REQUEST, "expected a form") from None
    members = dict(pairs)
    known = {*required, *optional}
    if len(members) != len(pairs) or not set(required) <= members.keys() <= known:
        raise OAuthError(INVALID_REQUEST, f"expected once each: {', '.join(required)}")
    return members
