"""The registry of who may take part: agencies, clients, officers. Each change is on record.

`by` is who changes it; whether they may is asked before, in `registry_desk`. Who runs the
commands of this installation may all of it.
"""

from dataclasses import fields, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy import Connection

from app.access_log.canonical_json import Json, JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies import changes, contacts, directory, registry, token_status
from app.agencies.directory import Registered
from app.agencies.oauth import OAuthError, is_text
from app.agencies.registry import (
    OPERATOR_ROLE,
    REGISTRY_PURPOSE,
    AgencyRecord,
    ClientRecord,
    OfficerRecord,
    ProviderRecord,
)
from app.agencies.token_status import TokenQuestion
from app.agencies.tokens import Caller, installation
from app.crypto.addresses import normal_address
from app.crypto.errors import CryptoError
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import KeySet
from app.house import Act, House, record
from app.outbox.planning import catch_up_places
from app.policy.roles import ROLE_PURPOSES
from app.problems import Conflict, FieldError, InvalidInput, NotFound

R = TypeVar("R", AgencyRecord, ClientRecord, OfficerRecord)
Record = AgencyRecord | ClientRecord | OfficerRecord

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# A working day: whoever signed in earlier is not the one at the desk for sure.
MAX_SIGN_IN_AGE = 12 * 3600
# Whoever runs the commands of this installation, as the log names them.
OPERATOR = installation(
    "operator",
    "operator of this installation",
    client_id="command-line",
    officer="operator",
    purpose="registry",
)


def register_agency(
    connection: Connection,
    house: House,
    agency: AgencyRecord,
    *,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Register an agency in a role that the policy knows, or as an operator."""
    roles = (*ROLE_PURPOSES, OPERATOR_ROLE)
    if agency.role not in roles:
        raise InvalidInput(
            f"expected a role of: {', '.join(roles)}",
            errors=(FieldError("/role", "no such role"),),
        )
    if agency.agency_id == OPERATOR.agency_id:
        raise InvalidInput(
            "this id is that of the commands of the installation",
            errors=(FieldError("/agency", "expected another id"),),
        )
    contacts.check(agency.contact_points, agency.second_contact)
    registry.add_agency(connection, agency, at=at)
    _record(connection, house, by, "agency", agency.agency_id, at=at, role=agency.role)


def change_agency(
    connection: Connection,
    house: House,
    agency: AgencyRecord,
    *,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Put this record in the place of the one with its id; role and country stay."""
    before = _found(directory.agency(connection, agency.agency_id, lock=True))
    contacts.check(agency.contact_points, agency.second_contact)
    changes.replace_agency(connection, agency)
    changed = changed_members(before, agency)
    _record(connection, house, by, "agency-changed", agency.agency_id, at=at, changed=changed)
    # Who has become competent is late, be it this agency or whoever stands in for it now.
    moved = before.municipalities ^ agency.municipalities
    catch_up_places(connection, house.planner, moved, at=at)


def revoke_agency(
    connection: Connection, house: House, agency_id: str, *, by: Caller = OPERATOR, at: datetime
) -> None:
    """End an agency: none of its clients is anybody from the next call on."""
    registry.revoke_agency(connection, agency_id)
    _record(connection, house, by, "agency-revoked", agency_id, at=at)
    ended = directory.agency(connection, agency_id)
    if ended is not None:
        catch_up_places(connection, house.planner, ended.record.municipalities, at=at)


def register_client(
    connection: Connection,
    house: House,
    client: ClientRecord,
    *,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Register a system with usable public keys and with purposes that its role may pursue."""
    client = _checked(connection, client)
    registry.add_client(connection, client, at=at)
    _record(connection, house, by, "client", client.client_id, at=at, **_told_of(client))


def change_client(
    connection: Connection,
    house: House,
    client: ClientRecord,
    *,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Put other keys, grounds, or another leave to do without proofs in the place of the old."""
    before = _found(directory.client(connection, client.client_id, lock=True))
    client = _checked(connection, client)
    changes.replace_client(connection, client)
    told = {"changed": changed_members(before, client), **_told_of(client)}
    _record(connection, house, by, "client-changed", client.client_id, at=at, **told)


def register_officer(
    connection: Connection,
    house: House,
    *,
    agency_id: str,
    officer_id: str,
    function: str,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Register an officer on whose behalf a client of the agency may call."""
    registry.add_officer(
        connection, agency_id=agency_id, officer_id=officer_id, function=function, at=at
    )
    _record(connection, house, by, "officer", f"{agency_id}/{officer_id}", at=at)


def change_officer(
    connection: Connection,
    house: House,
    officer: OfficerRecord,
    *,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """Give an officer another function."""
    agency_id, officer_id = officer.agency_id, officer.officer_id
    before = _found(directory.officer(connection, agency_id, officer_id, lock=True))
    changes.replace_officer(connection, officer)
    changed = changed_members(before, officer)
    name = f"{agency_id}/{officer_id}"
    _record(connection, house, by, "officer-changed", name, at=at, changed=changed)


def register_provider(
    connection: Connection, house: House, provider: ProviderRecord, *, at: datetime
) -> None:
    """Register the identity provider that proves an agency's officers."""
    for name in ("issuer", "jwks_uri"):
        _check_address(name, getattr(provider, name))
    if not is_text(provider.audience) or not all(map(is_text, provider.acr_values)):
        raise InvalidInput(
            "expected texts of 1 to 200 printable characters",
            errors=(FieldError("/audience", "cannot stand in a token"),),
        )
    if not provider.acr_values or not 0 < provider.max_age <= MAX_SIGN_IN_AGE:
        raise InvalidInput(
            f"expected a way to sign in, and an age of 1 to {MAX_SIGN_IN_AGE} seconds",
            errors=(FieldError("/acr", "how and how lately an officer has to sign in"),),
        )
    registry.add_provider(connection, provider, at=at)
    _record(connection, house, OPERATOR, "identity-provider", provider.issuer, at=at)


def revoke_provider(connection: Connection, house: House, issuer: str, *, at: datetime) -> None:
    """End an identity provider: whom it proved is proven no more from the next call on."""
    registry.revoke_provider(connection, issuer)
    _record(connection, house, OPERATOR, "identity-provider-revoked", issuer, at=at)


def revoke_client(
    connection: Connection, house: House, client_id: str, *, by: Caller = OPERATOR, at: datetime
) -> None:
    """End a client: its tokens work no more from the next call on."""
    registry.revoke_client(connection, client_id)
    _record(connection, house, by, "client-revoked", client_id, at=at)


def revoke_officer(
    connection: Connection,
    house: House,
    *,
    agency_id: str,
    officer_id: str,
    by: Caller = OPERATOR,
    at: datetime,
) -> None:
    """End an officer: nobody acts on their behalf from the next call on."""
    registry.revoke_officer(connection, agency_id=agency_id, officer_id=officer_id)
    _record(connection, house, by, "officer-revoked", f"{agency_id}/{officer_id}", at=at)


def revoke_token(
    connection: Connection,
    house: House,
    asked: TokenQuestion,
    *,
    keys: KeySet,
    at: datetime,
) -> OAuthError | None:
    """A client takes a token of its own back; on record if the token worked until now."""
    ended = token_status.revoke(connection, asked, keys=keys, issuer=house.issuer, at=at)
    if ended is None or isinstance(ended, OAuthError):
        return ended
    grant = ended.grant
    # The client alone was asked who it is: the officer and the ground are those of the token.
    by = replace(
        OPERATOR,
        agency_id=ended.agency_id,
        client_id=grant.client_id,
        officer_id=grant.officer_id,
        officer_function="named by the token",
        purpose=grant.purpose,
        legal_basis=grant.legal_basis,
        case=grant.case,
    )
    _record(connection, house, by, "token-revoked", grant.token_id, at=at)
    return None


def changed_members(before: Record, after: Record) -> list[str]:
    """The names of what is another than before, by the alphabet."""
    names = (one.name for one in fields(before))
    return sorted(name for name in names if getattr(before, name) != getattr(after, name))


def _found(registered: Registered[R] | None) -> R:
    """The record that is to be changed: what was revoked stays as it was."""
    if registered is None:
        raise NotFound("nothing of this id is registered")
    if not registered.active:
        raise Conflict("it was revoked; what has ended is not changed")
    return registered.record


def _checked(connection: Connection, client: ClientRecord) -> ClientRecord:
    """Purposes of its role, each on a basis that a token can name, and keys that can be used.

    Of the keys it keeps what is needed to verify, whatever else was written beside it.
    """
    role = registry.agency(connection, client.agency_id).role
    known = (*ROLE_PURPOSES.get(role, ()), REGISTRY_PURPOSE)
    purposes = {ground.purpose for ground in client.grounds}
    if not purposes or not purposes <= set(known):
        raise InvalidInput(
            f"expected purposes of: {', '.join(known)}",
            errors=(FieldError("/grounds", "not a purpose of this role"),),
        )
    try:
        keys = KeySet.from_jwks(client.jwks)
    except CryptoError as error:
        finding = FieldError("/jwks", str(error))
        raise InvalidInput("the public keys cannot be used", errors=(finding,)) from error
    if not all(is_text(ground.legal_basis) for ground in client.grounds):
        raise InvalidInput(
            "expected a basis in law of 1 to 200 printable characters",
            errors=(FieldError("/grounds", "cannot stand in a token"),),
        )
    return replace(client, jwks=public_jwks(keys.values()))


def _told_of(client: ClientRecord) -> JsonObject:
    """What an auditor has to see of a client: whom it speaks for, by which keys, and what for."""
    return {
        "agency": client.agency_id,
        "keys": sorted(KeySet.from_jwks(client.jwks)),
        "grounds": sorted([one.purpose, one.legal_basis] for one in client.grounds),
        "bearer_allowed": client.bearer_allowed,
    }


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
            errors=(FieldError(f"/{name}", "not an https address"),),
        )


def _record(
    connection: Connection,
    house: House,
    by: Caller,
    kind: str,
    name: str,
    *,
    at: datetime,
    **more: Json,
) -> None:
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": kind, "id": name, **more},
    )
    record(connection, house, by, act, at=at)
