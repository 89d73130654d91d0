"""Tables of the deciding facts. A fact that is not here counts as absent.

Each row that decides carries an authentication code (`app.cases.fact`); a row without one is
as good as altered.
"""

from datetime import date, datetime

from sqlalchemy import JSON, Column, Index, text
from sqlmodel import Field, SQLModel

from app.instants import Instant

OPEN = text("status IN ('offered', 'accepted')")
STANDING = text("status IN ('proposed', 'in-force')")


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
    # Never None but in the midst of `init`, which names the key of rows older than this column.
    key_encryption_key_id: str | None = Field(default=None, foreign_key="key_encryption_key.key_id")
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
    authentication_code: str | None = None


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
    authentication_code: str | None = None


class DecidingFact(SQLModel, table=True):
    """Any other fact that decides: who it is about, in whose favour, what it opens, until when."""

    __tablename__ = "deciding_fact"
    # The same fact stated twice, even at once, is one; and the hot path finds by this pair.
    __table_args__ = (
        Index(
            "ux_deciding_fact_standing",
            "content_index",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
        Index("ix_deciding_fact_agency_person", "agency_id", "person_id"),
    )
    fact_id: str = Field(primary_key=True)
    kind: str
    # None where it is about the agency alone, as its designation is.
    person_id: str | None = Field(default=None, foreign_key="inmate_file.person_id", index=True)
    agency_id: str = Field(foreign_key="agency.agency_id")
    status: str
    purpose: str | None = None
    parts: list[str] = Field(sa_column=Column(JSON, nullable=False))
    element: str | None = None
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    # SHA-256 of the document, in hexadecimal, where there is one.
    evidence_sha256: str | None = None
    # Reasons and answers, sealed: they are words about a person.
    details_sealed: bytes | None = None
    # Of the details; None where there are none.
    key_encryption_key_id: str | None = Field(default=None, foreign_key="key_encryption_key.key_id")
    asserted_by_agency: str
    asserted_by_officer: str
    asserted_at: datetime = Field(sa_type=Instant)
    # Keyed fingerprint of what it says: finds the same fact again.
    content_index: str
    authentication_code: str | None = None


class FactStep(SQLModel, table=True):
    """One version of a fact of any table: who moved it to which status, and when."""

    __tablename__ = "deciding_fact_step"
    fact_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    status: str
    by_agency: str
    by_officer: str
    at: datetime = Field(sa_type=Instant)


class CustodyState(SQLModel, table=True):
    """What the prison last reported of a person: a leave that began or ended, a flight, a death."""

    __tablename__ = "custody_state"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    leave: str | None = None
    leave_end: datetime | None = Field(default=None, sa_type=Instant)
    # The event by which the person is at large.
    at_large: str | None = None
    died: bool
    authentication_code: str


class ReferralCode(SQLModel, table=True):
    """A one-time code that a person carries to an agency; kept as a keyed digest only."""

    __tablename__ = "referral_code"
    code_index: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    purpose: str
    made_by_agency: str
    made_by_officer: str
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    redeemed_at: datetime | None = Field(default=None, sa_type=Instant)
    redeemed_by_agency: str | None = None
    authentication_code: str | None = None


class RedemptionFailure(SQLModel, table=True):
    """A code that a client tried in vain: whoever guesses is stopped."""

    __tablename__ = "redemption_failure"
    failure_id: str = Field(primary_key=True)
    client_id: str = Field(foreign_key="client.client_id", index=True)
    at: datetime = Field(sa_type=Instant)
