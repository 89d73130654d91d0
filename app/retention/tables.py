"""Tables of retention. The row of an erasure names no person: it outlives them all."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from app.instants import Instant


class RetentionHold(SQLModel, table=True):
    """A reason in law to keep a file for the time being; while it stands nothing is erased."""

    __tablename__ = "retention_hold"
    hold_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    # A citation or a docket number, never a story.
    reason: str
    placed_by: str
    placed_at: datetime = Field(sa_type=Instant)
    lifted_by: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)


class ErasureRequest(SQLModel, table=True):
    """Two officers' wish to erase a person; it goes with the person."""

    __tablename__ = "erasure_request"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    erasure_id: str = Field(unique=True)
    ground: str
    requested_by: str
    requested_at: datetime = Field(sa_type=Instant)
    approved_by: str | None = None
    approved_at: datetime | None = Field(default=None, sa_type=Instant)


class Erasure(SQLModel, table=True):
    """That an erasure took place: what was destroyed, signed. It says nothing of whom."""

    __tablename__ = "erasure"
    erasure_id: str = Field(primary_key=True)
    erased_at: datetime = Field(sa_type=Instant)
    destroyed: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    certificate: str
