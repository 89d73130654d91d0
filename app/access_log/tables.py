"""Tables of the access log. Rows of the log are inserted and read; only its head is updated.

Erasing a person later takes away `personal`, the person's keys and `subject_index`.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlmodel import Field, SQLModel

from app.instants import Instant

# On SQLite only INTEGER is the row's own number and counts by itself.
Number = BigInteger().with_variant(Integer(), "sqlite")


class AccessLogEntry(SQLModel, table=True):
    """An entry: the leaf as it was hashed, and its sections, encrypted."""

    __tablename__ = "access_log_entry"
    entry_id: str = Field(primary_key=True)
    leaf: bytes
    retained: bytes
    # None where nobody is known, and after the person's erasure.
    personal: bytes | None = None


class LookupColumns(SQLModel):
    """What is known of an entry without opening it."""

    entry_id: str
    leaf_hash: bytes
    recorded_at: datetime = Field(sa_type=Instant)
    operation: str
    channel: str
    outcome: str
    agency_id: str | None = None
    client_id: str | None = None
    officer_id: str | None = None
    purpose: str | None = None
    legal_basis: str | None = None
    # LogKeys.subject_index: a keyed fingerprint, never the person's id.
    subject_index: str | None = None


class AccessLogPending(LookupColumns, table=True):
    """An entry that is recorded and has no index yet. Rows are consumed by `integrate`."""

    __tablename__ = "access_log_pending"
    position: int | None = Field(default=None, primary_key=True, sa_type=Number)


class AccessLogLookup(LookupColumns, table=True):
    """An entry in its place. INVARIANT: log_index counts from 0 without gaps."""

    __tablename__ = "access_log_lookup"
    # Each serves a filter, in the order of the log.
    __table_args__ = (
        Index("ix_access_log_lookup_agency", "agency_id", "log_index"),
        Index("ix_access_log_lookup_client", "client_id", "log_index"),
        Index("ix_access_log_lookup_officer", "officer_id", "log_index"),
        Index("ix_access_log_lookup_subject", "subject_index", "log_index"),
        # Of few values each; but a rare one would be looked for in the whole log.
        Index("ix_access_log_lookup_operation", "operation", "log_index"),
        Index("ix_access_log_lookup_outcome", "outcome", "log_index"),
        Index("ix_access_log_lookup_purpose", "purpose", "log_index"),
        Index("ix_access_log_lookup_legal_basis", "legal_basis", "log_index"),
    )
    log_index: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    entry_id: str = Field(unique=True)


class AccessLogTile(SQLModel, table=True):
    """A full tile of 256 hashes (C2SP tlog-tiles): never changed once it stands.

    Level 0 holds leaf hashes, level n + 1 the roots of the tiles of level n. The hashes behind
    the last full tile are those of the look-up rows.
    """

    __tablename__ = "access_log_tile"
    # The right edge of the tree is made of roots: to read them past the hashes costs ten times.
    __table_args__ = (Index("ix_access_log_tile_root", "level", "tile_index", "root"),)
    level: int = Field(primary_key=True)
    tile_index: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    hashes: bytes
    root: bytes


class AccessLogPeriod(SQLModel, table=True):
    """Between which times the entries of a full tile of leaves were recorded."""

    __tablename__ = "access_log_period"
    tile_index: int = Field(
        primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False}
    )
    oldest: datetime = Field(sa_type=Instant)
    newest: datetime = Field(sa_type=Instant)


class AccessLogHead(SQLModel, table=True):
    """The single row that says how far the log has grown, with the right edge of its tree."""

    __tablename__ = "access_log_head"
    head_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=Number)
    peaks: bytes


class AccessLogCheckpoint(SQLModel, table=True):
    """A checkpoint that was signed. INVARIANT: one for each size.

    Only `note` ever changes: it gains the lines of witnesses.
    """

    __tablename__ = "access_log_checkpoint"
    size: int = Field(primary_key=True, sa_type=Number, sa_column_kwargs={"autoincrement": False})
    origin: str
    root: bytes
    note: str
    signed_at: datetime = Field(sa_type=Instant)


class AccessLogWitness(SQLModel, table=True):
    """What we know of a witness: the size that it cosigned last, and how it took the last one."""

    __tablename__ = "access_log_witness"
    vkey: str = Field(primary_key=True)
    size: int = Field(sa_type=Number)
    standing: str
    since: datetime = Field(sa_type=Instant)


class AccessLogQuorum(SQLModel, table=True):
    """The single row that says how far a quorum of witnesses has signed, and since when not."""

    __tablename__ = "access_log_quorum"
    head_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=Number)
    missing: bool
    since: datetime = Field(sa_type=Instant)


class AccessLogPersonKey(SQLModel, table=True):
    """The key for one person and year, wrapped. Destroying it erases what it sealed."""

    __tablename__ = "access_log_person_key"
    subject_index: str = Field(primary_key=True)
    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    wrapped_key: bytes
    # None under the key of the retained sections, as all were before they could be wrapped anew.
    key_encryption_key_id: str | None = Field(default=None, foreign_key="key_encryption_key.key_id")


class AccessLogExport(SQLModel, table=True):
    """An export that an auditor's client asked for, until it expires.

    INVARIANT: an erasure takes away key, content and filters of every export.
    """

    __tablename__ = "access_log_export"
    export_id: str = Field(primary_key=True)
    client_id: str = Field(index=True)
    format: str
    # JSON of what was asked for. A person stands there as the keyed index.
    filters: str
    # The log as it was: an export ends there, and every proof leads to this checkpoint.
    tree_size: int = Field(sa_type=BigInteger)
    state: str
    # Rows to look at, rows looked at, and how many of them stand in the export.
    total: int = Field(sa_type=BigInteger)
    done: int = Field(sa_type=BigInteger)
    entries: int = Field(sa_type=BigInteger)
    # Of the content, once it is finished.
    length: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = None
    # The name of its parts, another one each time that it is begun.
    content_id: str | None = None
    # The key of the parts.
    wrapped_key: bytes | None = None
    key_encryption_key_id: str | None = Field(default=None, foreign_key="key_encryption_key.key_id")
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    # Until when whoever writes it has it for itself.
    lease_until: datetime | None = Field(default=None, sa_type=Instant)


class AccessLogExportPart(SQLModel, table=True):
    """A part of an export's content, sealed under the key of that export.

    One that no export names any more is deleted by and by: without the key it says nothing.
    """

    __tablename__ = "access_log_export_part"
    content_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sealed: bytes
