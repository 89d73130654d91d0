"""Officers that their agency's own identity provider proves (RFC 8693, OpenID Connect Core).

The provider is registered: its issuer, the address of its keys, the audience by which it names
this service, and how and how lately an officer must have signed in. Nothing that a token says
of its own keys is followed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from app.agencies import registry
from app.agencies.oauth import INVALID_REQUEST, OAuthError, is_text
from app.agencies.registry import ProviderRecord
from app.crypto.claims import LEEWAY_SECONDS, check_claims
from app.crypto.errors import ClaimsRefused, CryptoError, UnknownKey
from app.crypto.signing import unverified_claims, verify
from app.crypto.signing_keys import KeySet
from app.problems import Unauthenticated

SUBJECT_TOKEN_TYPES: Final = (
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
)
SUBJECT_TOKEN_ALGORITHMS: Final = ("ES256", "ES384")
# A session of a provider lasts an hour or less; how lately the officer signed in is bounded apart.
SUBJECT_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenOfficer:
    """An officer as a provider proved it: how (`acr`), when (`auth_time`), good until when."""

    issuer: str
    officer_id: str
    acr: str
    auth_time: int
    good_until: datetime


def claimed_issuer(subject_token: str) -> str:
    """Whom a subject token claims to come from: decides only whose keys to try. An OAuthError."""
    try:
        claims = unverified_claims(subject_token, typ="JWT", algorithms=SUBJECT_TOKEN_ALGORITHMS)
    except CryptoError as error:
        raise not_valid() from error
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not is_text(issuer):
        raise not_valid()
    return issuer


def read_subject_token(
    subject_token: str, provider: ProviderRecord, keys: KeySet, *, at: datetime
) -> ProvenOfficer:
    """The officer that a provider's token proves.

    Raises:
        UnknownKey: the token names a key that is not among those given.
        OAuthError: anything else about it is not accepted.
    """
    try:
        claims = verify(subject_token, keys, typ="JWT", algorithms=SUBJECT_TOKEN_ALGORITHMS)
        check_claims(
            claims,
            issuer=provider.issuer,
            audience=provider.audience,
            at=at,
            required={"sub": str, "acr": str, "auth_time": int},
            lifetime_s=SUBJECT_TOKEN_SECONDS,
        )
        _check_sign_in(claims, provider, at=at)
    except UnknownKey:
        raise
    except CryptoError as error:
        raise not_valid() from error
    until = min(claims["exp"], claims["auth_time"] + provider.max_age)
    return ProvenOfficer(
        issuer=provider.issuer,
        officer_id=claims["sub"],
        acr=claims["acr"],
        auth_time=claims["auth_time"],
        good_until=datetime.fromtimestamp(until, UTC),
    )


def check_provider(connection: Connection, issuer: str, *, agency_id: str) -> None:
    """Unauthenticated unless this provider proves officers of this agency now."""
    provider = registry.provider(connection, issuer)
    if provider is None or provider.agency_id != agency_id:
        raise Unauthenticated("the identity provider of the officer is not active")


def not_valid() -> OAuthError:
    """What is told of every subject token that is not accepted (RFC 8693, section 2.2.2)."""
    return OAuthError(INVALID_REQUEST, "the subject token is not valid")


def _check_sign_in(claims: dict[str, Any], provider: ProviderRecord, *, at: datetime) -> None:
    """Hold the officer's sign-in to the registered ways, and to the registered age."""
    if claims["acr"] not in provider.acr_values:
        raise ClaimsRefused("acr", "is not among those registered")
    age = at.timestamp() - claims["auth_time"]
    if age < -LEEWAY_SECONDS:
        raise ClaimsRefused("auth_time", "lies in the future")
    if age >= provider.max_age:
        raise ClaimsRefused("auth_time", "is too long ago")
    # The leeway of `exp` is for clocks that differ; no token is made that has ended already.
    if claims["exp"] <= at.timestamp():
        raise ClaimsRefused("exp", "has passed")
