"""The registry of who may take part: agencies, clients, officers. Each change is on record."""

from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies import registry
from app.agencies.oauth import is_text
from app.agencies.registry import AgencyRecord, ClientRecord, ProviderRecord
from app.agencies.tokens import Caller
from app.crypto.addresses import normal_address
from app.crypto.errors import CryptoError
from app.crypto.signing_keys import KeySet
from app.house import Act, House, record
from app.policy.roles import ROLE_PURPOSES
from app.problems import FieldError, InvalidInput

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# A working day: whoever signed in earlier is not the one at the desk for sure.
MAX_SIGN_IN_AGE = 12 * 3600
# Whoever runs the commands of this installation, as the log names them.
OPERATOR = Caller(
    agency_id="operator",
    agency_name="operator of this installation",
    role="operator",
    country="",
    municipalities=frozenset(),
    client_id="command-line",
    officer_id="operator",
    officer_function="operator",
    assurance="asserted",
    purpose="registry",
    legal_basis="operation",
    case=None,
    token_id="",
)


def register_agency(
    connection: Connection, house: House, agency: AgencyRecord, *, at: datetime
) -> None:
    """Register an agency in a role that the policy knows."""
    if agency.role not in ROLE_PURPOSES:
        raise InvalidInput(
            f"expected a role of: {', '.join(ROLE_PURPOSES)}",
            errors=(FieldError("role", "no such role"),),
        )
    registry.add_agency(connection, agency, at=at)
    _record(connection, house, "agency", agency.agency_id, at=at)


def register_client(
    connection: Connection, house: House, client: ClientRecord, *, at: datetime
) -> None:
    """Register a system with usable public keys and with purposes that its role may pursue."""
    role = registry.agency(connection, client.agency_id).role
    purposes = {ground.purpose for ground in client.grounds}
    if not purposes or not purposes <= set(ROLE_PURPOSES[role]):
        raise InvalidInput(
            f"expected purposes of: {', '.join(ROLE_PURPOSES[role])}",
            errors=(FieldError("grounds", "not a purpose of this role"),),
        )
    try:
        KeySet.from_jwks(client.jwks)
    except CryptoError as error:
        finding = FieldError("jwks", str(error))
        raise InvalidInput("the public keys cannot be used", errors=(finding,)) from error
    if not all(is_text(ground.legal_basis) for ground in client.grounds):
        raise InvalidInput(
            "expected a basis in law of 1 to 200 printable characters",
            errors=(FieldError("grounds", "cannot stand in a token"),),
        )
    registry.add_client(connection, client, at=at)
    _record(connection, house, "client", client.client_id, at=at)


def register_officer(
    connection: Connection,
    house: House,
    *,
    agency_id: str,
    officer_id: str,
    function: str,
    at: datetime,
) -> None:
    """Register an officer on whose behalf a client of the agency may call."""
    registry.add_officer(
        connection, agency_id=agency_id, officer_id=officer_id, function=function, at=at
    )
    _record(connection, house, "officer", f"{agency_id}/{officer_id}", at=at)


def register_provider(
    connection: Connection, house: House, provider: ProviderRecord, *, at: datetime
) -> None:
    """Register the identity provider that proves an agency's officers."""
    for name in ("issuer", "jwks_uri"):
        _check_address(name, getattr(provider, name))
    if not is_text(provider.audience) or not all(map(is_text, provider.acr_values)):
        raise InvalidInput(
            "expected texts of 1 to 200 printable characters",
            errors=(FieldError("audience", "cannot stand in a token"),),
        )
    if not provider.acr_values or not 0 < provider.max_age <= MAX_SIGN_IN_AGE:
        raise InvalidInput(
            f"expected a way to sign in, and an age of 1 to {MAX_SIGN_IN_AGE} seconds",
            errors=(FieldError("acr", "how and how lately an officer has to sign in"),),
        )
    registry.add_provider(connection, provider, at=at)
    _record(connection, house, "identity-provider", provider.issuer, at=at)


def revoke_provider(connection: Connection, house: House, issuer: str, *, at: datetime) -> None:
    """End an identity provider: whom it proved is proven no more from the next call on."""
    registry.revoke_provider(connection, issuer)
    _record(connection, house, "identity-provider-revoked", issuer, at=at)


def revoke_client(connection: Connection, house: House, client_id: str, *, at: datetime) -> None:
    """End a client: its tokens work no more from the next call on."""
    registry.revoke_client(connection, client_id)
    _record(connection, house, "client-revoked", client_id, at=at)


def revoke_officer(
    connection: Connection, house: House, *, agency_id: str, officer_id: str, at: datetime
) -> None:
    """End an officer: nobody acts on their behalf from the next call on."""
    registry.revoke_officer(connection, agency_id=agency_id, officer_id=officer_id)
    _record(connection, house, "officer-revoked", f"{agency_id}/{officer_id}", at=at)


def _check_address(name: str, address: str) -> None:
    """An https address, or http on this machine alone, where nobody else can answer."""
    try:
        parts = urlsplit(normal_address(address))
    except CryptoError:
        parts = urlsplit("")
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or loopback) or not is_text(address):
        raise InvalidInput(
            "expected an https address of at most 200 characters",
            errors=(FieldError(name, "not an https address"),),
        )


def _record(connection: Connection, house: House, kind: str, name: str, *, at: datetime) -> None:
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": kind, "id": name},
    )
    record(connection, house, OPERATOR, act, at=at)
