"""Tokens that name who, for whom and what for.

The grant is OAuth 2.0 client credentials (RFC 6749, section 4.4) with `private_key_jwt`
(RFC 7523) and one `authorization_details` object (RFC 9396), or the same with a token of the
agency's identity provider that proves the officer (RFC 8693); the access token is a signed
JWT (RFC 9068) that is bound to a key of the client (RFC 9449). A token says on whose behalf
and for which purpose; whether that still holds is asked of the registry at every call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, bindparam, select

from app.agencies import replay
from app.agencies.clients import AuthenticatedClient, ClientAssertion, authenticate
from app.agencies.details import check_registered, checked_details, read_details
from app.agencies.oauth import (
    CLIENT_CREDENTIALS,
    INVALID_DETAILS,
    INVALID_PROOF,
    INVALID_REQUEST,
    TOKEN_EXCHANGE,
    OAuthError,
)
from app.agencies.proven_officers import ProvenOfficer, check_provider
from app.agencies.registry import ACTIVE, AGENCY, CLIENT, COMPETENCE, GROUND, OFFICER
from app.agencies.tables import RevokedToken
from app.crypto.claims import check_claims
from app.crypto.errors import CryptoError
from app.crypto.possession import Proof
from app.crypto.signing import sign, verify
from app.crypto.signing_keys import KeySet, SigningKey
from app.problems import Unauthenticated
from app.rows import table_of
from app.statements import Prepared

# Short enough that a stolen token is soon worth nothing (security design: 300 s).
TOKEN_SECONDS: Final = 300
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068
ISSUED_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
ASSERTED: Final = "asserted"
PROVEN: Final = "proven"
NEVER: Final = datetime.max.replace(tzinfo=UTC)
REVOKED_TOKEN = table_of(RevokedToken)

OfficerAssurance = Literal["asserted", "proven"]

# A row for each municipality that the agency is competent for, or one without any.
_STANDING: Final = Prepared(
    select(
        AGENCY.c.agency_id,
        AGENCY.c.name,
        AGENCY.c.role,
        AGENCY.c.country,
        AGENCY.c.fallback,
        CLIENT.c.bearer_allowed,
        OFFICER.c.function,
        COMPETENCE.c.municipality,
    )
    .join(CLIENT, CLIENT.c.agency_id == AGENCY.c.agency_id)
    .join(GROUND, GROUND.c.client_id == CLIENT.c.client_id)
    .join(OFFICER, OFFICER.c.agency_id == AGENCY.c.agency_id)
    .outerjoin(COMPETENCE, COMPETENCE.c.agency_id == AGENCY.c.agency_id)
    .where(
        CLIENT.c.client_id == bindparam("client"),
        OFFICER.c.officer_id == bindparam("officer"),
        GROUND.c.purpose == bindparam("purpose"),
        GROUND.c.legal_basis == bindparam("legal_basis"),
        CLIENT.c.status == ACTIVE,
        AGENCY.c.status == ACTIVE,
        OFFICER.c.status == ACTIVE,
        ~select(REVOKED_TOKEN.c.token_id)
        .where(REVOKED_TOKEN.c.token_id == bindparam("token"))
        .exists(),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request. What came with it wrong stands in it as the refusal that it earns.

    A refusal is given only once the client's assertion is used up. `officer` belongs to a
    token exchange; `proof` is None where no proof of possession came.
    """

    grant_type: str
    client: ClientAssertion
    authorization_details: str
    proof: Proof | OAuthError | None
    officer: ProvenOfficer | OAuthError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a valid access token says, or a subscription. It proves nothing about the present.

    `bound_to` is the thumbprint of the key that has to sign each request, and `bearer` says
    that none has to; `proven_by` is the identity provider that proved the officer, None where
    the client asserts the officer. A subscription is no token: it has none of these, nor an end.
    """

    client_id: str
    officer_id: str
    purpose: str
    legal_basis: str
    case: str | None
    token_id: str
    expires_at: datetime = NEVER
    bound_to: str | None = None
    bearer: bool = False
    proven_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls now: an active client of an active agency for an active officer.

    `fallback`: the agency stands in for its role where nobody else of it is competent.
    """

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
    fallback: bool = False


def installation(
    agency_id: str, agency_name: str, *, client_id: str, officer: str, purpose: str
) -> Caller:
    """This installation itself, as the log names what it does on no agency's behalf."""
    return Caller(
        agency_id=agency_id,
        agency_name=agency_name,
        role="operator",
        country="",
        municipalities=frozenset(),
        client_id=client_id,
        officer_id=officer,
        officer_function=officer,
        assurance="asserted",
        purpose=purpose,
        legal_basis="operation",
        case=None,
        token_id="",
    )


def issue(
    connection: Connection,
    request: TokenRequest,
    *,
    key: SigningKey,
    issuer: str,
    at: datetime,
    random: Callable[[int], bytes],
) -> dict[str, Any] | OAuthError:
    """The token response (RFC 6749, section 5.1), or the refusal of a client that is known.

    That refusal is a value and no exception: the assertion and the proof stay used. Before the
    client is known there is nothing to keep, and an OAuthError is raised.
    """
    client = authenticate(connection, request.client, issuer=issuer, at=at)
    try:
        bound_to = _possession(connection, client, request.proof)
        officer = _officer(connection, client, request)
        details = read_details(request.authorization_details)
        check_registered(
            connection, details, client_id=client.client_id, agency_id=client.agency_id
        )
    except OAuthError as refusal:
        return refusal
    if officer is not None and officer.officer_id != details["officer"]:
        return OAuthError(INVALID_DETAILS, "the subject token proves another officer")
    claims = _claims(client, details, bound_to, officer, issuer=issuer, at=at)
    return {
        "access_token": sign({**claims, "jti": random(16).hex()}, key, typ=ACCESS_TOKEN_TYPE),
        "token_type": "Bearer" if bound_to is None else "DPoP",
        "expires_in": claims["exp"] - claims["iat"],
        "authorization_details": [details],
        **({} if officer is None else {"issued_token_type": ISSUED_TYPE}),
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
            required={
                "sub": str,
                "iat": int,
                "client_id": str,
                "jti": str,
                "authorization_details": list,
            },
            lifetime_s=TOKEN_SECONDS,
        )
        details = checked_details(claims["authorization_details"])
    except (CryptoError, OAuthError) as error:
        raise _not_valid() from error
    bound_to = _bound_to(claims)
    return Grant(
        client_id=claims["client_id"],
        officer_id=details["officer"],
        purpose=details["purpose"],
        legal_basis=details["legal_basis"],
        case=details.get("case"),
        token_id=claims["jti"],
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        bound_to=bound_to,
        bearer=bound_to is None,
        proven_by=_text_or_none(claims, "officer_issuer"),
    )


def identify(connection: Connection, grant: Grant) -> Caller:
    """The caller behind a grant, if all of it holds now; else Unauthenticated.

    INVARIANT: nothing here is remembered between two calls, so that whatever was ended is
    ended at the next call of every worker: client, agency, officer, purpose with its basis,
    token, identity provider, and the leave to do without a proof.
    """
    rows = _standing(connection, grant)
    if not rows or (grant.bearer and not rows[0].bearer_allowed):
        raise Unauthenticated("the client, its officer or its purpose is not active")
    row = rows[0]
    if grant.proven_by is not None:
        check_provider(connection, grant.proven_by, agency_id=row.agency_id)
    return Caller(
        agency_id=row.agency_id,
        agency_name=row.name,
        role=row.role,
        country=row.country,
        municipalities=frozenset(row.municipality for row in rows) - {None},
        client_id=grant.client_id,
        officer_id=grant.officer_id,
        officer_function=row.function,
        assurance=ASSERTED if grant.proven_by is None else PROVEN,
        purpose=grant.purpose,
        legal_basis=grant.legal_basis,
        case=grant.case,
        token_id=grant.token_id,
        fallback=row.fallback,
    )


def _possession(
    connection: Connection, client: AuthenticatedClient, proof: Proof | OAuthError | None
) -> str | None:
    """The key that the token is bound to; None where the client may do without one."""
    if isinstance(proof, OAuthError):
        raise proof
    if proof is None:
        if client.bearer_allowed:
            return None
        raise OAuthError(INVALID_PROOF, "expected a DPoP header with a proof of possession")
    if not replay.use_proof(connection, proof):
        raise OAuthError(INVALID_PROOF, "the proof of possession was used before")
    return proof.thumbprint


def _officer(
    connection: Connection, client: AuthenticatedClient, request: TokenRequest
) -> ProvenOfficer | None:
    """The officer that a token exchange proves; None where the client asserts its officer."""
    if request.grant_type == CLIENT_CREDENTIALS:
        return None
    if request.grant_type != TOKEN_EXCHANGE:
        raise OAuthError("unsupported_grant_type", "expected client_credentials or token exchange")
    if isinstance(request.officer, OAuthError):
        raise request.officer
    if request.officer is None:
        raise OAuthError(INVALID_REQUEST, "expected a subject token")
    try:
        check_provider(connection, request.officer.issuer, agency_id=client.agency_id)
    except Unauthenticated:
        raise OAuthError(INVALID_REQUEST, "the subject token is not valid") from None
    return request.officer


def _claims(
    client: AuthenticatedClient,
    details: Mapping[str, str],
    bound_to: str | None,
    officer: ProvenOfficer | None,
    *,
    issuer: str,
    at: datetime,
) -> dict[str, Any]:
    """The claims of an access token (RFC 9068, section 2.2), but for its number."""
    now = int(at.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "authorization_details": [details],
    }
    if bound_to is not None:
        claims["cnf"] = {"jkt": bound_to}
    if officer is not None:
        claims |= {
            # The officer is the subject, for whom the client acts (RFC 8693, section 4.1).
            "sub": f"{client.agency_id}/{officer.officer_id}",
            "act": {"sub": client.client_id},
            # What proves the officer ends with the officer's own session, if that is sooner.
            "exp": min(now + TOKEN_SECONDS, int(officer.good_until.timestamp())),
            "acr": officer.acr,
            "auth_time": officer.auth_time,
            "officer_issuer": officer.issuer,
        }
    return claims


def _standing(connection: Connection, grant: Grant) -> list[Any]:
    """What the registry says now of all that a grant names; nothing if some of it has ended."""
    return _STANDING.all(
        connection,
        client=grant.client_id,
        officer=grant.officer_id,
        purpose=grant.purpose,
        legal_basis=grant.legal_basis,
        token=grant.token_id,
    )


def _bound_to(claims: Mapping[str, Any]) -> str | None:
    """The thumbprint of the key in `cnf` (RFC 9449, section 6.1)."""
    confirmation = claims.get("cnf")
    if confirmation is None and "cnf" not in claims:
        return None
    if not isinstance(confirmation, dict) or confirmation.keys() != {"jkt"}:
        raise _not_valid()
    return _text_or_none(confirmation, "jkt")


def _text_or_none(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if name in members and not (isinstance(value, str) and value):
        raise _not_valid()
    return value


def _not_valid() -> Unauthenticated:
    return Unauthenticated("the access token is not valid")
