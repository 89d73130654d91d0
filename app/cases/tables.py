"""Tables of the deciding facts. A fact that is not here counts as absent."""

from datetime import date, datetime

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from app.database import Instant

OPEN = text("status IN ('offered', 'accepted')")


class Reference(SQLModel, table=True):
    """The name under which one agency knows one person. No other agency knows it.

    The custodian chooses its own; every other agency gets a random one. It is stored as a
    keyed index for look-ups and sealed for listings, never in clear: a prison number is
    an identifier.
    """

    __tablename__ = "reference"
    # Two transactions at once must not give one person two names.
    __table_args__ = (Index("ux_reference_person", "agency_id", "person_id", unique=True),)
    agency_id: str = Field(primary_key=True, foreign_key="agency.agency_id")
    reference_index: str = Field(primary_key=True)
    reference_sealed: bytes
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    created_at: datetime = Field(sa_type=Instant)


class CaseAssignment(SQLModel, table=True):
    """A referral of a person to an agency: offered by the custodian, accepted by the agency."""

    __tablename__ = "case_assignment"
    # Of one case with one agency at most one referral is open: ending it ends them all.
    __table_args__ = (
        Index(
            "ux_case_assignment_open",
            "person_id",
            "agency_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
    )
    assignment_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    offered_by_agency: str
    offered_by_officer: str
    offered_at: datetime = Field(sa_type=Instant)
    status: str
    decided_by_officer: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=Instant)


class Consent(SQLModel, table=True):
    """What a person agreed to: which fields, to which agency, for which purpose, until when."""

    __tablename__ = "consent"
    consent_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    recipient_agency: str = Field(foreign_key="agency.agency_id", index=True)
    purpose: str
    fields: list[str] = Field(sa_column=Column(JSON, nullable=False))
    # Which wording was read to the person, and the digest of what they signed.
    text_version: str
    evidence_sha256: str
    given_at: datetime = Field(sa_type=Instant)
    expires_on: date
    asserted_by_agency: str
    asserted_by_officer: str
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant)
    withdrawn_by_agency: str | None = None
    withdrawn_by_officer: str | None = None
