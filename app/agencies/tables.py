"""Tables of the registry. Nothing in them is about an inmate."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from app.instants import Instant


class Agency(SQLModel, table=True):
    """An organisation with one role: it signed an agreement and is held to it."""

    __tablename__ = "agency"
    agency_id: str = Field(primary_key=True)
    name: str
    role: str = Field(index=True)
    country: str
    # It has agreed beforehand to take on every case that the owner refers to it.
    standing_acceptance: bool
    # It stands in for its role wherever nobody else of that role is competent.
    fallback: bool
    # Units and how to reach them, never a person; the second one for when nobody answers.
    contact_points: list[dict[str, str]] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    second_contact: dict[str, str] | None = Field(sa_column=Column(JSON(none_as_null=True)))
    status: str
    created_at: datetime = Field(sa_type=Instant)


class AgencyMunicipality(SQLModel, table=True):
    """A municipality for which an agency is competent."""

    __tablename__ = "agency_municipality"
    agency_id: str = Field(primary_key=True, foreign_key="agency.agency_id")
    municipality: str = Field(primary_key=True, index=True)


class Client(SQLModel, table=True):
    """A system of an agency, known by its public keys."""

    __tablename__ = "client"
    client_id: str = Field(primary_key=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    jwks: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # It cannot prove possession of a key: whoever holds its token can use it.
    bearer_allowed: bool
    status: str
    created_at: datetime = Field(sa_type=Instant)


class ClientGround(SQLModel, table=True):
    """A purpose of a client on one basis in law: a token may name only a pair that stands here."""

    __tablename__ = "client_ground"
    client_id: str = Field(primary_key=True, foreign_key="client.client_id")
    purpose: str = Field(primary_key=True)
    legal_basis: str = Field(primary_key=True)


class Officer(SQLModel, table=True):
    """A person at work in an agency, by that agency's own pseudonymous id."""

    __tablename__ = "officer"
    agency_id: str = Field(primary_key=True, foreign_key="agency.agency_id")
    officer_id: str = Field(primary_key=True)
    function: str
    status: str
    created_at: datetime = Field(sa_type=Instant)


class UsedAssertion(SQLModel, table=True):
    """A client assertion that has been used: the primary key makes a second use fail."""

    __tablename__ = "used_assertion"
    client_id: str = Field(primary_key=True, foreign_key="client.client_id")
    jti: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=Instant, index=True)


class UsedProof(SQLModel, table=True):
    """A proof of possession that has been used: the primary key makes a second use fail."""

    __tablename__ = "used_proof"
    thumbprint: str = Field(primary_key=True)
    jti: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=Instant, index=True)


class RevokedToken(SQLModel, table=True):
    """An access token that its client took back before its end."""

    __tablename__ = "revoked_token"
    token_id: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=Instant, index=True)


class IdentityProvider(SQLModel, table=True):
    """Where an agency's officers sign in: its tokens prove who an officer is."""

    __tablename__ = "identity_provider"
    issuer: str = Field(primary_key=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    audience: str
    jwks_uri: str
    # How the officer must have signed in, and how many seconds ago at most.
    acr_values: list[str] = Field(sa_column=Column(JSON, nullable=False))
    max_age: int
    status: str
    created_at: datetime = Field(sa_type=Instant)
