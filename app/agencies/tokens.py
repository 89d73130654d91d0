"""Tokens that name who, for whom and what for.

The grant is OAuth 2.0 client credentials (RFC 6749, section 4.4) with `private_key_jwt`
(RFC 7523) and one `authorization_details` object (RFC 9396); the access token is a signed
JWT (RFC 9068). A token says on whose behalf and for which purpose; whether that still
holds is asked of the registry at every call.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import Connection, Row, select

from app.agencies.registry import ACTIVE, AGENCY, CLIENT, OFFICER, municipalities
from app.agencies.tables import UsedAssertion
from app.crypto.claims import LEEWAY_SECONDS, check_claims
from app.crypto.errors import CryptoError
from app.crypto.signing import sign, unverified_claims, verify
from app.crypto.signing_keys import KeySet, SigningKey
from app.database import insert_new
from app.problems import ThroughcareError, Unauthenticated

CLIENT_CREDENTIALS: Final = "client_credentials"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS: Final = ("ES256", "ES384")
DETAILS_TYPE: Final = "inmate-file"
DETAILS_MEMBERS: Final = frozenset({"type", "officer", "purpose", "legal_basis", "case"})
DETAILS_REQUIRED: Final = frozenset({"type", "officer", "purpose", "legal_basis"})
# A citation of a law fits; a token with four of them stays far below the longest one accepted.
MAX_TEXT: Final = 200
# Short enough that a stolen token is soon worth nothing (security design: 300 s).
TOKEN_SECONDS: Final = 300
ASSERTION_SECONDS: Final = 300
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068
ASSERTED: Final = "asserted"

OfficerAssurance = Literal["asserted", "proven"]

INVALID_REQUEST: Final = "invalid_request"
INVALID_CLIENT: Final = "invalid_client"
INVALID_DETAILS: Final = "invalid_authorization_details"


class OAuthError(ThroughcareError):
    """An error of the token endpoint, in the form of RFC 6749, section 5.2."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "The token request was refused"
    slug: ClassVar[str] = "token-request"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """The form fields of a token request, as they came."""

    grant_type: str
    client_assertion_type: str
    client_assertion: str
    authorization_details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a valid access token says. It proves nothing about the present status."""

    client_id: str
    officer_id: str
    purpose: str
    legal_basis: str
    case: str | None
    token_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls now: an active client of an active agency for an active officer."""

    agency_id: str
    agency_name: str
    role: str
    country: str
    municipalities: frozenset[str]
    client_id: str
    officer_id: str
    officer_function: str
    assurance: OfficerAssurance
    purpose: str
    legal_basis: str
    case: str | None
    token_id: str


def issue(
    connection: Connection,
    request: TokenRequest,
    *,
    key: SigningKey,
    issuer: str,
    at: datetime,
    random: Callable[[int], bytes],
) -> dict[str, Any]:
    """The token response (RFC 6749, section 5.1), or an OAuthError."""
    if request.grant_type != CLIENT_CREDENTIALS:
        raise OAuthError("unsupported_grant_type", "expected client_credentials")
    if request.client_assertion_type != ASSERTION_TYPE:
        raise OAuthError(INVALID_REQUEST, "expected a client assertion of type jwt-bearer")
    client = _authenticate(connection, request.client_assertion, issuer=issuer, at=at)
    details = _details(request.authorization_details)
    _check_registered(connection, client, details)
    claims = {
        "iss": issuer,
        "aud": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "iat": int(at.timestamp()),
        "exp": int(at.timestamp()) + TOKEN_SECONDS,
        "jti": random(16).hex(),
        "authorization_details": [details],
    }
    return {
        "access_token": sign(claims, key, typ=ACCESS_TOKEN_TYPE),
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "authorization_details": [details],
    }


def read(token: str, *, keys: KeySet, issuer: str, at: datetime) -> Grant:
    """What an access token grants; a token that is not ours, not now or not whole is refused."""
    try:
        claims = verify(token, keys, typ=ACCESS_TOKEN_TYPE)
        check_claims(
            claims,
            issuer=issuer,
            audience=issuer,
            at=at,
            required={"client_id": str, "jti": str, "authorization_details": list},
            lifetime_s=TOKEN_SECONDS,
        )
        details = _checked(claims["authorization_details"])
    except (CryptoError, OAuthError) as error:
        raise Unauthenticated("the access token is not valid") from error
    return Grant(
        client_id=claims["client_id"],
        officer_id=details["officer"],
        purpose=details["purpose"],
        legal_basis=details["legal_basis"],
        case=details.get("case"),
        token_id=claims["jti"],
    )


def identify(connection: Connection, grant: Grant) -> Caller:
    """The caller behind a grant, if client, agency, officer, purpose and basis hold now."""
    row = connection.execute(
        select(
            AGENCY.c.agency_id,
            AGENCY.c.name,
            AGENCY.c.role,
            AGENCY.c.country,
            CLIENT.c.purposes,
            CLIENT.c.legal_bases,
            OFFICER.c.function,
        )
        .join(CLIENT, CLIENT.c.agency_id == AGENCY.c.agency_id)
        .join(OFFICER, OFFICER.c.agency_id == AGENCY.c.agency_id)
        .where(
            CLIENT.c.client_id == grant.client_id,
            OFFICER.c.officer_id == grant.officer_id,
            CLIENT.c.status == ACTIVE,
            AGENCY.c.status == ACTIVE,
            OFFICER.c.status == ACTIVE,
        )
    ).one_or_none()
    if row is None or grant.purpose not in row.purposes or grant.legal_basis not in row.legal_bases:
        raise Unauthenticated("the client, its officer or its purpose is not active")
    return Caller(
        agency_id=row.agency_id,
        agency_name=row.name,
        role=row.role,
        country=row.country,
        municipalities=municipalities(connection, row.agency_id),
        client_id=grant.client_id,
        officer_id=grant.officer_id,
        officer_function=row.function,
        assurance=ASSERTED,
        purpose=grant.purpose,
        legal_basis=grant.legal_basis,
        case=grant.case,
        token_id=grant.token_id,
    )


def client_keys(connection: Connection, client_id: str) -> KeySet:
    """The registered public keys of an active client; Unauthenticated where there is none."""
    jwks = connection.scalar(
        select(CLIENT.c.jwks)
        .join(AGENCY, AGENCY.c.agency_id == CLIENT.c.agency_id)
        .where(
            CLIENT.c.client_id == client_id,
            CLIENT.c.status == ACTIVE,
            AGENCY.c.status == ACTIVE,
        )
    )
    if jwks is None:
        raise Unauthenticated("the client is not active")
    return KeySet.from_jwks(jwks)


def _authenticate(connection: Connection, assertion: str, *, issuer: str, at: datetime) -> Row[Any]:
    """The client that signed this assertion; each assertion works once (RFC 7523, section 3)."""
    refusal = OAuthError(INVALID_CLIENT, "the client assertion is not valid")
    client = connection.execute(
        select(CLIENT)
        .join(AGENCY, AGENCY.c.agency_id == CLIENT.c.agency_id)
        .where(
            CLIENT.c.client_id == _claimed_subject(assertion),
            CLIENT.c.status == ACTIVE,
            AGENCY.c.status == ACTIVE,
        )
    ).one_or_none()
    if client is None:
        raise refusal
    try:
        claims = verify(
            assertion,
            KeySet.from_jwks(client.jwks),
            typ="JWT",
            algorithms=ASSERTION_ALGORITHMS,
        )
        check_claims(
            claims,
            issuer=client.client_id,
            audience=issuer,
            at=at,
            required={"sub": str, "jti": str},
            lifetime_s=ASSERTION_SECONDS,
        )
    except CryptoError as error:
        raise refusal from error
    if claims["sub"] != client.client_id or not _is_text(claims["jti"]):
        raise refusal
    if not _first_use(connection, claims):
        raise refusal
    return client


def _claimed_subject(assertion: str) -> str:
    """Whom the assertion claims to come from: decides only which keys to try."""
    try:
        claims = unverified_claims(assertion, typ="JWT", algorithms=ASSERTION_ALGORITHMS)
    except CryptoError as error:
        raise OAuthError(INVALID_CLIENT, "the client assertion is not valid") from error
    subject = claims.get("sub")
    # PostgreSQL cannot even look for some texts, such as one with a NUL.
    return subject if isinstance(subject, str) and _is_text(subject) else ""


def _first_use(connection: Connection, claims: Mapping[str, Any]) -> bool:
    """Whether this assertion is new. It is remembered for as long as its time would let it in."""
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return insert_new(
        connection,
        UsedAssertion,
        client_id=claims["sub"],
        jti=claims["jti"],
        expires_at=expires_at + timedelta(seconds=LEEWAY_SECONDS),
    )


def _details(text: str) -> dict[str, str]:
    """The authorization details of a request, of which no member may be named twice."""
    try:
        parsed = json.loads(text, object_pairs_hook=_unique_members)
    except (ValueError, RecursionError) as error:
        raise OAuthError(INVALID_DETAILS, "expected a JSON array of one object") from error
    return _checked(parsed)


def _checked(parsed: object) -> dict[str, str]:
    """The one authorization details object: text members only, none unknown, none missing."""
    refusal = OAuthError(INVALID_DETAILS, "expected one object with officer, purpose, legal_basis")
    if not isinstance(parsed, list) or len(parsed) != 1 or not isinstance(parsed[0], dict):
        raise refusal
    details: dict[str, str] = parsed[0]
    members = frozenset(details)
    if not DETAILS_REQUIRED <= members <= DETAILS_MEMBERS or details["type"] != DETAILS_TYPE:
        raise refusal
    if not all(_is_text(value) for value in details.values()):
        raise refusal
    return details


def _is_text(value: object) -> bool:
    """Whether a value can be stored, looked for and logged as it is on both databases."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _check_registered(connection: Connection, client: Row[Any], details: Mapping[str, str]) -> None:
    """Purpose and basis must be registered for the client, and the officer be active."""
    if details["purpose"] not in client.purposes:
        raise OAuthError(INVALID_DETAILS, "the purpose is not registered for this client")
    if details["legal_basis"] not in client.legal_bases:
        raise OAuthError(INVALID_DETAILS, "the legal basis is not registered for this client")
    officer = connection.scalar(
        select(OFFICER.c.officer_id).where(
            OFFICER.c.agency_id == client.agency_id,
            OFFICER.c.officer_id == details["officer"],
            OFFICER.c.status == ACTIVE,
        )
    )
    if officer is None:
        raise OAuthError(INVALID_DETAILS, "the officer is not active in this agency")
