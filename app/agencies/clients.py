"""Who a client is: `private_key_jwt` (RFC 7523), and the public keys it is known by."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from app.agencies import replay
from app.agencies.oauth import (
    ASSERTION_TYPE,
    INVALID_CLIENT,
    INVALID_REQUEST,
    OAuthError,
    is_text,
)
from app.agencies.registry import ACTIVE, AGENCY, CLIENT
from app.crypto.claims import LEEWAY_SECONDS, check_claims
from app.crypto.errors import ClaimsRefused, CryptoError
from app.crypto.signing import unverified_claims, verify
from app.crypto.signing_keys import KeySet
from app.problems import Unauthenticated

ASSERTION_ALGORITHMS: Final = ("ES256", "ES384")
ASSERTION_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAssertion:
    """What a client says of itself at every endpoint of OAuth, as it came."""

    client_assertion_type: str
    client_assertion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedClient:
    """A client that has shown who it is. Exists only once its assertion is used up."""

    client_id: str
    agency_id: str
    bearer_allowed: bool


def authenticate(
    connection: Connection, given: ClientAssertion, *, issuer: str, at: datetime
) -> AuthenticatedClient:
    """The client that signed this assertion; each assertion works once (RFC 7523, section 3).

    INVARIANT: what happens after this must not roll it back, or the assertion works again.
    """
    if given.client_assertion_type != ASSERTION_TYPE:
        raise OAuthError(INVALID_REQUEST, "expected a client assertion of type jwt-bearer")
    refusal = OAuthError(INVALID_CLIENT, "the client assertion is not valid")
    client = _active(connection, _claimed_subject(given.client_assertion))
    if client is None:
        raise refusal
    try:
        claims = verify(
            given.client_assertion,
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
    except ClaimsRefused as error:
        # Whoever signed with a registered key may be told what to mend.
        said = "is not the issuer of this service" if error.claim == "aud" else error.reason
        raise OAuthError(INVALID_CLIENT, f"the client assertion: {error.claim} {said}") from error
    except CryptoError as error:
        raise refusal from error
    if claims["sub"] != client.client_id or not is_text(claims["jti"]):
        raise refusal
    expires_at = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=LEEWAY_SECONDS)
    if not replay.use_assertion(
        connection, client_id=client.client_id, jti=claims["jti"], expires_at=expires_at
    ):
        raise refusal
    return AuthenticatedClient(
        client_id=client.client_id,
        agency_id=client.agency_id,
        bearer_allowed=client.bearer_allowed,
    )


def client_keys(connection: Connection, client_id: str) -> KeySet:
    """The registered public keys of an active client; Unauthenticated where there is none."""
    client = _active(connection, client_id)
    if client is None:
        raise Unauthenticated("the client is not active")
    return KeySet.from_jwks(client.jwks)


def _active(connection: Connection, client_id: str) -> Row[Any] | None:
    """The row of an active client of an active agency."""
    return connection.execute(
        select(CLIENT)
        .join(AGENCY, AGENCY.c.agency_id == CLIENT.c.agency_id)
        .where(
            CLIENT.c.client_id == client_id,
            CLIENT.c.status == ACTIVE,
            AGENCY.c.status == ACTIVE,
        )
    ).one_or_none()


def _claimed_subject(assertion: str) -> str:
    """Whom the assertion claims to come from: decides only which keys to try."""
    try:
        claims = unverified_claims(assertion, typ="JWT", algorithms=ASSERTION_ALGORITHMS)
    except CryptoError as error:
        raise OAuthError(INVALID_CLIENT, "the client assertion is not valid") from error
    subject = claims.get("sub")
    # PostgreSQL cannot even look for some texts, such as one with a NUL.
    return subject if isinstance(subject, str) and is_text(subject) else ""
