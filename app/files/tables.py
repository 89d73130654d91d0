"""Tables of the inmate file. Which columns stay readable, and why: docs/adr/0003."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from app.instants import Instant


class InmateFile(SQLModel, table=True):
    """A person's file: who keeps it, and the dates and places that plan the notices."""

    __tablename__ = "inmate_file"
    person_id: str = Field(primary_key=True)
    custodian: str = Field(foreign_key="agency.agency_id", index=True)
    version: int
    planned_release_date: date | None = Field(default=None, index=True)
    actual_release_at: datetime | None = Field(default=None, sa_type=Instant)
    return_municipality: str | None = Field(default=None, index=True)
    leave_municipality: str | None = None
    updated_at: datetime = Field(sa_type=Instant)


class KeyEncryptionKey(SQLModel, table=True):
    """A key-encryption key that rows hang on, by its name. The key itself is in the key ring.

    INVARIANT: a row names the key that wrapped it, and a key is removed only when no row does.
    The foreign keys hold that also against a process that knows nothing of the removal yet.
    """

    __tablename__ = "key_encryption_key"
    key_id: str = Field(primary_key=True)


class PersonKey(SQLModel, table=True):
    """The data key of one person, wrapped: without it nothing of the file can be read."""

    __tablename__ = "person_key"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    wrapped_key: bytes
    key_encryption_key_id: str = Field(foreign_key="key_encryption_key.key_id")


class FileSection(SQLModel, table=True):
    """One section of a file, sealed under the person's data key."""

    __tablename__ = "file_section"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    section: str = Field(primary_key=True)
    version: int
    sealed: bytes
