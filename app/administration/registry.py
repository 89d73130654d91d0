"""The registry of who may take part: agencies, clients, officers. Each change is on record."""

from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies import registry
from app.agencies.registry import AgencyRecord, ClientRecord
from app.agencies.tokens import Caller
from app.crypto.errors import CryptoError
from app.crypto.signing_keys import KeySet
from app.house import Act, House, record
from app.policy.roles import ROLE_PURPOSES
from app.problems import FieldError, InvalidInput

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
    if not client.purposes or not set(client.purposes) <= set(ROLE_PURPOSES[role]):
        raise InvalidInput(
            f"expected purposes of: {', '.join(ROLE_PURPOSES[role])}",
            errors=(FieldError("purposes", "not a purpose of this role"),),
        )
    try:
        KeySet.from_jwks(client.jwks)
    except CryptoError as error:
        finding = FieldError("jwks", str(error))
        raise InvalidInput("the public keys cannot be used", errors=(finding,)) from error
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


def _record(connection: Connection, house: House, kind: str, name: str, *, at: datetime) -> None:
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": kind, "id": name},
    )
    record(connection, house, OPERATOR, act, at=at)
