"""What a client may ask and say of its own tokens: introspection (RFC 7662), revocation (RFC 7009).

Both are for the client that a token was made for. To anybody else a token is not active, and
nobody ends the token of somebody else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.agencies import tokens
from app.agencies.clients import ClientAssertion, authenticate
from app.agencies.details import DETAILS_TYPE
from app.agencies.oauth import UNAUTHORIZED_CLIENT, OAuthError
from app.agencies.tables import RevokedToken
from app.agencies.tokens import Grant
from app.crypto.claims import LEEWAY_SECONDS
from app.crypto.signing_keys import KeySet
from app.problems import Unauthenticated
from app.rows import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenQuestion:
    """A token, and the client that says something of it."""

    client: ClientAssertion
    token: str


@dataclass(frozen=True, slots=True)
class EndedToken:
    """A token that worked until now, and the agency whose client took it back."""

    grant: Grant
    agency_id: str


def revoke(
    connection: Connection, asked: TokenQuestion, *, keys: KeySet, issuer: str, at: datetime
) -> EndedToken | OAuthError | None:
    """End a token from the next call on. What is no good token any more is ended already: None.

    The refusal of a known client is a value, so that its assertion stays used.
    """
    client = authenticate(connection, asked.client, issuer=issuer, at=at)
    try:
        grant = tokens.read(asked.token, keys=keys, issuer=issuer, at=at)
    except Unauthenticated:
        return None
    if grant.client_id != client.client_id:
        return OAuthError(UNAUTHORIZED_CLIENT, "the token belongs to another client")
    ended = insert_new(
        connection,
        RevokedToken,
        token_id=grant.token_id,
        expires_at=grant.expires_at + timedelta(seconds=LEEWAY_SECONDS),
    )
    return EndedToken(grant, agency_id=client.agency_id) if ended else None


def introspect(
    connection: Connection, asked: TokenQuestion, *, keys: KeySet, issuer: str, at: datetime
) -> dict[str, Any]:
    """Whether a token of the asking client works now, and what it says (RFC 7662, section 2.2)."""
    client = authenticate(connection, asked.client, issuer=issuer, at=at)
    try:
        grant = tokens.read(asked.token, keys=keys, issuer=issuer, at=at)
        if grant.client_id != client.client_id:
            return {"active": False}
        caller = tokens.identify(connection, grant)
    except Unauthenticated:
        return {"active": False}
    return {
        "active": True,
        "iss": issuer,
        "aud": issuer,
        "client_id": grant.client_id,
        "jti": grant.token_id,
        "exp": int(grant.expires_at.timestamp()),
        "token_type": "Bearer" if grant.bearer else "DPoP",
        "officer_assurance": caller.assurance,
        "authorization_details": [_details(grant)],
        **({} if grant.bound_to is None else {"cnf": {"jkt": grant.bound_to}}),
    }


def _details(grant: Grant) -> dict[str, str]:
    details = {
        "type": DETAILS_TYPE,
        "officer": grant.officer_id,
        "purpose": grant.purpose,
        "legal_basis": grant.legal_basis,
    }
    return details if grant.case is None else {**details, "case": grant.case}
