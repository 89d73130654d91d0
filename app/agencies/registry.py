"""The registry: who exists, and whether it is active now."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.agencies import contacts
from app.agencies.contacts import ContactPoint
from app.agencies.tables import (
    Agency,
    AgencyMunicipality,
    Client,
    ClientGround,
    IdentityProvider,
    Officer,
)
from app.problems import Conflict, FieldError, InvalidInput, NotFound
from app.rows import insert_new, table_of

AGENCY = table_of(Agency)
COMPETENCE = table_of(AgencyMunicipality)
CLIENT = table_of(Client)
GROUND = table_of(ClientGround)
OFFICER = table_of(Officer)
PROVIDER = table_of(IdentityProvider)

ACTIVE = "active"
REVOKED = "revoked"
# Who looks after the registry, and for what a client then calls: no policy knows either, and
# they open no file (`registrars`).
OPERATOR_ROLE = "operator"
REGISTRY_PURPOSE = "registry_administration"
# Ids stand in tokens, in the access log and in its filters.
MAX_ID = 64
COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyRecord:
    """An agency as the registry knows it. `municipalities` are those it is competent for.

    `fallback`: it stands in for its role wherever nobody else of that role is competent.
    `second_contact` is asked where nobody at the contact points answers in time.
    """

    agency_id: str
    name: str
    role: str
    country: str
    municipalities: frozenset[str]
    standing_acceptance: bool = False
    fallback: bool = False
    contact_points: tuple[ContactPoint, ...] = ()
    second_contact: ContactPoint | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What a client may call for, and the basis in law for just that."""

    purpose: str
    legal_basis: str


def on_basis(legal_basis: str, *purposes: str) -> tuple[Ground, ...]:
    """Several purposes on one basis in law."""
    return tuple(Ground(purpose, legal_basis) for purpose in purposes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRecord:
    """A system of an agency with its public keys (RFC 7517 set) and registered grounds.

    `bearer_allowed` lets it use tokens without proof of possession: for a system that cannot.
    """

    client_id: str
    agency_id: str
    jwks: dict[str, Any]
    grounds: tuple[Ground, ...]
    bearer_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerRecord:
    """A person at work in an agency, by that agency's own id; `function` as the log names it."""

    agency_id: str
    officer_id: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """An agency's identity provider: its `sub` is the id of an officer of this agency.

    `acr_values` are the ways to sign in that are good enough (OpenID Connect Core, section 2);
    `max_age` is how many seconds ago the officer may have done so.
    """

    issuer: str
    agency_id: str
    audience: str
    jwks_uri: str
    acr_values: tuple[str, ...]
    max_age: int


def add_agency(connection: Connection, agency: AgencyRecord, *, at: datetime) -> None:
    """Register an agency; a second one of the same id is a Conflict."""
    _check_id(agency.agency_id)
    if not COUNTRY.fullmatch(agency.country):
        raise InvalidInput(
            "expected two capital letters as the country",
            errors=(FieldError("/country", "not a code of ISO 3166-1"),),
        )
    added = insert_new(
        connection,
        Agency,
        agency_id=agency.agency_id,
        name=agency.name,
        role=agency.role,
        country=agency.country,
        standing_acceptance=agency.standing_acceptance,
        fallback=agency.fallback,
        **contacts.columns(agency.contact_points, agency.second_contact),
        status=ACTIVE,
        created_at=at,
    )
    if not added:
        raise Conflict("an agency of this id is registered already")
    put_municipalities(connection, agency)


def add_client(connection: Connection, client: ClientRecord, *, at: datetime) -> None:
    """Register a system of a known agency; a second one of the same id is a Conflict."""
    _check_id(client.client_id)
    agency(connection, client.agency_id)
    added = insert_new(
        connection,
        Client,
        client_id=client.client_id,
        agency_id=client.agency_id,
        jwks=client.jwks,
        bearer_allowed=client.bearer_allowed,
        status=ACTIVE,
        created_at=at,
    )
    if not added:
        raise Conflict("a client of this id is registered already")
    put_grounds(connection, client)


def add_officer(
    connection: Connection, *, agency_id: str, officer_id: str, function: str, at: datetime
) -> None:
    """Register an officer of a known agency; a second one of the same id is a Conflict."""
    _check_id(officer_id)
    agency(connection, agency_id)
    added = insert_new(
        connection,
        Officer,
        agency_id=agency_id,
        officer_id=officer_id,
        function=function,
        status=ACTIVE,
        created_at=at,
    )
    if not added:
        raise Conflict("an officer of this id is registered already")


def add_provider(connection: Connection, provider: ProviderRecord, *, at: datetime) -> None:
    """Register where officers of a known agency sign in; a second one of its issuer: Conflict."""
    agency(connection, provider.agency_id)
    added = insert_new(
        connection,
        IdentityProvider,
        issuer=provider.issuer,
        agency_id=provider.agency_id,
        audience=provider.audience,
        jwks_uri=provider.jwks_uri,
        acr_values=list(provider.acr_values),
        max_age=provider.max_age,
        status=ACTIVE,
        created_at=at,
    )
    if not added:
        raise Conflict("an identity provider of this issuer is registered already")


def provider(connection: Connection, issuer: str) -> ProviderRecord | None:
    """The active identity provider of this issuer, of an active agency."""
    row = connection.execute(
        select(PROVIDER)
        .join(AGENCY, AGENCY.c.agency_id == PROVIDER.c.agency_id)
        .where(PROVIDER.c.issuer == issuer, PROVIDER.c.status == ACTIVE, AGENCY.c.status == ACTIVE)
    ).one_or_none()
    if row is None:
        return None
    return ProviderRecord(
        issuer=row.issuer,
        agency_id=row.agency_id,
        audience=row.audience,
        jwks_uri=row.jwks_uri,
        acr_values=tuple(row.acr_values),
        max_age=row.max_age,
    )


def agency(connection: Connection, agency_id: str) -> AgencyRecord:
    """The active agency of this id; an unknown or revoked one is InvalidInput."""
    row = connection.execute(
        select(AGENCY).where(AGENCY.c.agency_id == agency_id, AGENCY.c.status == ACTIVE)
    ).one_or_none()
    if row is None:
        raise InvalidInput(
            "no such agency", errors=(FieldError("/agency", "not in the registry, or not active"),)
        )
    return agency_of(connection, row)


def hold(connection: Connection, agency_id: str) -> None:
    """Keep an agency from others who would change how it is told; there need be none."""
    connection.execute(
        select(AGENCY.c.agency_id).where(AGENCY.c.agency_id == agency_id).with_for_update()
    )


def agency_of(connection: Connection, row: Row[Any]) -> AgencyRecord:
    """The record of a row of agencies."""
    return AgencyRecord(
        agency_id=row.agency_id,
        name=row.name,
        role=row.role,
        country=row.country,
        municipalities=municipalities(connection, row.agency_id),
        standing_acceptance=row.standing_acceptance,
        fallback=row.fallback,
        contact_points=tuple(map(contacts.from_json, row.contact_points or ())),
        second_contact=row.second_contact and contacts.from_json(row.second_contact),
    )


def put_municipalities(connection: Connection, agency: AgencyRecord) -> None:
    """Write what a new or emptied agency is competent for."""
    for municipality in sorted(agency.municipalities):
        connection.execute(
            insert(AgencyMunicipality).values(agency_id=agency.agency_id, municipality=municipality)
        )


def put_grounds(connection: Connection, client: ClientRecord) -> None:
    """Write the pairs of a new or emptied client, each once."""
    for ground in dict.fromkeys(client.grounds):
        connection.execute(
            insert(ClientGround).values(
                client_id=client.client_id, purpose=ground.purpose, legal_basis=ground.legal_basis
            )
        )


def client_for(connection: Connection, agency_id: str, purpose: str) -> str:
    """An active client of the agency that is registered for a purpose; InvalidInput: none is.

    The registry is no purpose for which anybody could have a file.
    """
    found = connection.scalar(
        select(CLIENT.c.client_id)
        .join(GROUND, GROUND.c.client_id == CLIENT.c.client_id)
        .where(
            CLIENT.c.agency_id == agency_id,
            CLIENT.c.status == ACTIVE,
            GROUND.c.purpose == purpose,
            GROUND.c.purpose != REGISTRY_PURPOSE,
        )
        .order_by(CLIENT.c.client_id)
        .limit(1)
    )
    if found is None:
        raise InvalidInput(
            "no system of this agency works for this purpose",
            errors=(FieldError("/purpose", "not registered for an active client of the agency"),),
        )
    return str(found)


def municipalities(connection: Connection, agency_id: str) -> frozenset[str]:
    """The municipalities that an agency is competent for."""
    return frozenset(
        connection.scalars(
            select(COMPETENCE.c.municipality).where(COMPETENCE.c.agency_id == agency_id)
        )
    )


def covered(connection: Connection, role: str, municipality: str) -> bool:
    """Whether an active agency of this role is competent for the municipality."""
    found = (
        select(AGENCY.c.agency_id)
        .join(COMPETENCE, COMPETENCE.c.agency_id == AGENCY.c.agency_id)
        .where(
            AGENCY.c.role == role,
            AGENCY.c.status == ACTIVE,
            COMPETENCE.c.municipality == municipality,
        )
        .limit(1)
    )
    return connection.scalar(found) is not None


def revoke_agency(connection: Connection, agency_id: str) -> None:
    """From the next call on nobody calls for this agency, by whichever client. NotFound."""
    changed = connection.execute(
        update(AGENCY).where(AGENCY.c.agency_id == agency_id).values(status=REVOKED)
    )
    if changed.rowcount != 1:
        raise NotFound("no agency of this id is registered")


def revoke_client(connection: Connection, client_id: str) -> None:
    """From the next call on this client is nobody; its tokens work no more. NotFound."""
    changed = connection.execute(
        update(CLIENT).where(CLIENT.c.client_id == client_id).values(status=REVOKED)
    )
    # A mistyped id must not be told as revoked.
    if changed.rowcount != 1:
        raise NotFound("no client of this id is registered")


def revoke_officer(connection: Connection, *, agency_id: str, officer_id: str) -> None:
    """From the next call on nobody acts as this officer. NotFound."""
    changed = connection.execute(
        update(OFFICER)
        .where(OFFICER.c.agency_id == agency_id, OFFICER.c.officer_id == officer_id)
        .values(status=REVOKED)
    )
    if changed.rowcount != 1:
        raise NotFound("no officer of this id is registered in this agency")


def revoke_provider(connection: Connection, issuer: str) -> None:
    """From the next call on this provider proves nobody; what it proved works no more. NotFound."""
    changed = connection.execute(
        update(PROVIDER).where(PROVIDER.c.issuer == issuer).values(status=REVOKED)
    )
    if changed.rowcount != 1:
        raise NotFound("no identity provider of this issuer is registered")


def _check_id(text: str) -> None:
    if not 0 < len(text) <= MAX_ID or not text.isprintable() or any(map(str.isspace, text)):
        raise InvalidInput(
            f"expected an id of 1 to {MAX_ID} printable characters without spaces",
            errors=(FieldError("/id", "cannot be used as an id"),),
        )
