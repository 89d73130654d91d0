"""Identity: tokens, and the keys by which others verify what this service signs."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.agencies import tokens
from app.agencies.tokens import INVALID_REQUEST, OAuthError, TokenRequest
from app.api.answers import json_answer
from app.api.body import FORM, read_bytes
from app.api.models import Token, TokenError
from app.api.service import service_of
from app.crypto.json_web_keys import public_jwks

router = APIRouter(tags=["identity"])

# An assertion of 8 kB, and room for the other members.
FORM_LIMIT = 16_384
FORM_MEMBERS = ("grant_type", "client_assertion_type", "client_assertion", "authorization_details")
FORM_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": list(FORM_MEMBERS),
                    "properties": {name: {"type": "string"} for name in FORM_MEMBERS},
                }
            }
        },
    }
}


@router.post(
    "/oauth2/token",
    summary="An access token for a client, an officer and a purpose",
    openapi_extra=FORM_BODY,
    responses={400: {"model": TokenError}, 401: {"model": TokenError}},
    response_model=Token,
)
async def issue_token(request: Request) -> Response:
    """Client credentials with private_key_jwt (RFC 7523) and one detail object (RFC 9396)."""
    service = service_of(request)
    asked = _form(await read_bytes(request, types=(FORM,), limit=FORM_LIMIT))

    def work(connection: Connection) -> dict[str, Any]:
        return tokens.issue(
            connection,
            asked,
            key=service.house.ring.token_signing,
            issuer=service.settings.issuer,
            at=service.clock(),
            random=service.house.random,
        )

    return json_answer(await service.database.run(work))


@router.get("/.well-known/jwks.json", summary="Public keys (RFC 7517)")
async def get_keys(request: Request) -> dict[str, Any]:
    """The keys of access tokens and of notifications."""
    ring = service_of(request).house.ring
    return public_jwks([ring.token_signing, ring.notification_signing])


@router.get("/.well-known/oauth-authorization-server", summary="Metadata (RFC 8414)")
async def get_metadata(request: Request) -> dict[str, Any]:
    """What a client needs to know to get a token."""
    issuer = service_of(request).settings.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "grant_types_supported": [tokens.CLIENT_CREDENTIALS],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(tokens.ASSERTION_ALGORITHMS),
        "authorization_details_types_supported": [tokens.DETAILS_TYPE],
    }


def _form(body: bytes) -> TokenRequest:
    """The members of a token request, each exactly once."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=16
        )
    except ValueError:
        raise OAuthError(INVALID_REQUEST, "expected a form") from None
    members = dict(pairs)
    if len(members) != len(pairs) or members.keys() != set(FORM_MEMBERS):
        raise OAuthError(INVALID_REQUEST, f"expected once each: {', '.join(FORM_MEMBERS)}")
    return TokenRequest(**members)
