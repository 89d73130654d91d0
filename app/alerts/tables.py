"""Tables of alerts: how far the log was looked at, and what the rules remember of it.

All of it can be made anew from the log. No person is in them: who an entry is about stands in its
look-up row alone, from which an erasure takes it.
"""

from datetime import date, datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.access_log.tables import Number
from app.instants import Instant


class AlertPosition(SQLModel, table=True):
    """The single row that says from which index on entries have not been looked at."""

    __tablename__ = "alert_position"
    position_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    next_index: int = Field(sa_type=Number)


class AlertFact(SQLModel, table=True):
    """What the rules need of a read and its look-up row does not have. Forgotten after a month."""

    __tablename__ = "alert_fact"
    __table_args__ = (
        Index("ix_alert_fact_agency", "agency_id", "recorded_at"),
        Index("ix_alert_fact_officer", "agency_id", "officer_id", "recorded_at"),
        Index("ix_alert_fact_case", "case_index", "recorded_at"),
    )
    log_index: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    recorded_at: datetime = Field(sa_type=Instant)
    agency_id: str
    officer_id: str
    refused: bool
    # Whether the reference was somebody's: still so once that person has been erased.
    known: bool
    # LogKeys.case_index: a keyed fingerprint, never what the agency calls the case.
    case_index: str | None = None
    emergency: bool


class AlertDay(SQLModel, table=True):
    """Of how many persons somebody read files on a local day; officer "" is the whole agency."""

    __tablename__ = "alert_day"
    agency_id: str = Field(primary_key=True)
    officer_id: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    persons: int


class AlertRaised(SQLModel, table=True):
    """The last alert of a rule about an actor, so that it is not raised for each entry."""

    __tablename__ = "alert_raised"
    rule_id: str = Field(primary_key=True)
    about: str = Field(primary_key=True)
    until: datetime = Field(sa_type=Instant)
    last_count: int
