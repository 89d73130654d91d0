"""Tables of activation: policy officers, bundles, approvals, activations. Rows only are added.

What stands here is believed only as far as signatures and entries of the access log bear it out:
whoever can write to the database must not be able to put a bundle in force.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from app.instants import Instant


class PolicyOfficer(SQLModel, table=True):
    """Somebody who may sign for a bundle, by an own key. The entry of the log says since when."""

    __tablename__ = "policy_officer"
    officer_id: str = Field(primary_key=True)
    jwk: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # Two officers with one key would be one signature twice.
    thumbprint: str = Field(unique=True)
    added_at: datetime = Field(sa_type=Instant)
    added_entry: str
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class PolicyBundle(SQLModel, table=True):
    """The exact files of a bundle, as `Archive.to_bytes` writes them."""

    __tablename__ = "policy_bundle"
    digest: str = Field(primary_key=True)
    country: str
    files: bytes
    stored_at: datetime = Field(sa_type=Instant)


class PolicyApproval(SQLModel, table=True):
    """A statement that an officer signed: this bundle, after that one, with this report."""

    __tablename__ = "policy_approval"
    digest: str = Field(primary_key=True, foreign_key="policy_bundle.digest")
    # The number of the activation that the bundle would follow.
    after: int = Field(primary_key=True)
    officer_id: str = Field(primary_key=True, foreign_key="policy_officer.officer_id")
    statement: str
    approved_at: datetime = Field(sa_type=Instant)
    entry_id: str


class PolicyActivation(SQLModel, table=True):
    """A bundle took effect. INVARIANT: numbers count from 1 without gaps; the last is in force."""

    __tablename__ = "policy_activation"
    sequence: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: str = Field(foreign_key="policy_bundle.digest")
    predecessor: str | None = None
    # SHA-256 of the report of what changed; None for the first.
    report: str | None = None
    kind: str
    activated_at: datetime = Field(sa_type=Instant)
    entry_id: str
