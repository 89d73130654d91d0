"""The inmate file at rest: each section sealed under the person's own data key.

A stored section is a JSON object {field: envelope}; an envelope is what was submitted plus
`source_agency` and `recorded_at`. The associated data of a seal names person, section and
version, that of the person's key custodian and person, so that a row moved to another place,
or an older one put back, cannot be opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from app.crypto.at_rest import opener, seal
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import KeyRing
from app.files.catalogue import SECTIONS
from app.files.padding import padded
from app.files.tables import FileSection, InmateFile, PersonKey
from app.problems import PreconditionFailed
from app.rows import table_of
from app.statements import Prepared

FILE = table_of(InmateFile)
KEY = table_of(PersonKey)
SECTION = table_of(FileSection)
# A wrapped key opens in the keeping of its custodian only.
KEY_AND_CUSTODIAN = select(KEY, FILE.c.custodian).join(FILE, FILE.c.person_id == KEY.c.person_id)

_LOAD = Prepared(
    select(
        FILE.c.custodian,
        FILE.c.version.label("file_version"),
        KEY.c.wrapped_key,
        KEY.c.key_encryption_key_id,
        *SECTION.c,
    )
    .join(KEY, KEY.c.person_id == FILE.c.person_id)
    .join(SECTION, SECTION.c.person_id == FILE.c.person_id)
    .where(FILE.c.person_id == bindparam("person"))
)

KEY_BYTES = 32
NONCE_BYTES = 12

Envelope = Mapping[str, Any]
Section = Mapping[str, Envelope]
Random = Callable[[int], bytes]
Unsealed = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file as it stands. `version` grows with every change; 0 is a file not yet stored."""

    person_id: str
    custodian: str
    version: int = 0
    sections: Mapping[str, Section] = field(default_factory=dict)

    @property
    def planned_release_date(self) -> date | None:
        """The current best date of release."""
        text = self._value("release", "planned_release_date")
        return None if text is None else date.fromisoformat(text)

    @property
    def actual_release_datetime(self) -> datetime | None:
        """When the person left, once it is recorded."""
        text = self._value("release", "actual_release_datetime")
        return None if text is None else datetime.fromisoformat(text)

    @property
    def return_municipality(self) -> str | None:
        """Where the person intends to live."""
        place: str | None = self._value("residence_contact", "return_municipality_code")
        return place

    @property
    def leave_municipality(self) -> str | None:
        """Where a temporary leave is spent."""
        place: str | None = self._value("release", "temporary_leave_municipality_code")
        return place

    @property
    def release_type(self) -> str | None:
        """On what ground the person leaves."""
        ground: str | None = self._value("release", "release_type")
        return ground

    @property
    def release_date_confidence(self) -> str | None:
        """Whether the date is projected, confirmed or ordered by a court."""
        confidence: str | None = self._value("release", "release_date_confidence")
        return confidence

    @property
    def sentence_days(self) -> int | None:
        """The whole length of the sentence, in days."""
        days: int | None = self._value("sentence", "sentence_length_days")
        return days

    @property
    def leave_start(self) -> datetime | None:
        """When a temporary leave begins."""
        window = self._value("release", "temporary_leave_window")
        return None if window is None else datetime.fromisoformat(window["start"])

    @property
    def leave_end(self) -> datetime | None:
        """When a temporary leave ends."""
        window = self._value("release", "temporary_leave_window")
        return None if window is None else datetime.fromisoformat(window["end"])

    def _value(self, section: str, name: str) -> Any:  # noqa: ANN401 - by the field's type
        envelope = self.sections.get(section, {}).get(name)
        return None if envelope is None else envelope["value"]


def load(connection: Connection, person_id: str, *, ring: KeyRing) -> StoredFile:
    """The whole file of a person who has one."""
    # One statement, so that a change beside it is seen whole or not at all.
    rows = _LOAD.all(connection, person=person_id)
    file = rows[0]
    unsealed = opener(_unwrap(ring, file, file.custodian))
    sections = {row.section: _open(unsealed, row, person_id=person_id) for row in rows}
    return StoredFile(
        person_id=person_id,
        custodian=file.custodian,
        version=file.file_version,
        sections={name: section for name, section in sections.items() if section},
    )


def create(
    connection: Connection, new: StoredFile, *, ring: KeyRing, at: datetime, random: Random
) -> StoredFile:
    """Store a file that was not there, under a data key of its own."""
    stored = replace(new, version=1)
    data_key = random(KEY_BYTES)
    connection.execute(
        insert(FILE).values(
            person_id=new.person_id, custodian=new.custodian, **_readable(stored, at)
        )
    )
    keys = ring.key_encryption
    wrapped = keys.wrap(
        data_key, key_context(new.custodian, new.person_id), nonce=random(NONCE_BYTES)
    )
    connection.execute(
        insert(KEY).values(
            person_id=new.person_id,
            wrapped_key=wrapped,
            key_encryption_key_id=keys.active_id,
        )
    )
    _write_sections(connection, stored, data_key=data_key, random=random)
    return stored


def change(
    connection: Connection,
    before: StoredFile,
    sections: Mapping[str, Section],
    *,
    ring: KeyRing,
    at: datetime,
    random: Random,
) -> StoredFile:
    """Replace the given sections of a stored file; an empty one is removed.

    PreconditionFailed: the file is no longer at the version that `before` was loaded at.
    """
    merged = {**before.sections, **sections}
    after = replace(
        before,
        version=before.version + 1,
        sections={name: section for name, section in merged.items() if section},
    )
    updated = connection.execute(
        update(FILE)
        .where(FILE.c.person_id == before.person_id, FILE.c.version == before.version)
        .values(**_readable(after, at))
    )
    # INVARIANT: of two changes made from the same state one stands, and the other is told.
    if updated.rowcount != 1:
        raise PreconditionFailed("the file was changed at the same time")
    wrapped = connection.execute(select(KEY).where(KEY.c.person_id == before.person_id)).one()
    data_key = _unwrap(ring, wrapped, before.custodian)
    connection.execute(delete(SECTION).where(SECTION.c.person_id == before.person_id))
    _write_sections(connection, after, data_key=data_key, random=random)
    return after


def _readable(stored: StoredFile, at: datetime) -> dict[str, Any]:
    """The columns that stay readable: what plans notices and finds who is competent."""
    return {
        "version": stored.version,
        "planned_release_date": stored.planned_release_date,
        "actual_release_at": stored.actual_release_datetime,
        "return_municipality": stored.return_municipality,
        "leave_municipality": stored.leave_municipality,
        "updated_at": at,
    }


def _write_sections(
    connection: Connection, stored: StoredFile, *, data_key: bytes, random: Random
) -> None:
    """Seal every section of the catalogue, also an empty one, at the version of the file.

    All files have the same rows, of the same lengths as far as padding reaches, written at the
    same time: a row must not tell that there is something about extremism in it.
    """
    connection.execute(
        insert(SECTION),
        [
            {
                "person_id": stored.person_id,
                "section": name,
                "version": stored.version,
                "sealed": seal(
                    data_key,
                    padded(orjson.dumps(stored.sections.get(name, {}))),
                    _context(stored.person_id, name, stored.version),
                    nonce=random(NONCE_BYTES),
                ),
            }
            for name in SECTIONS
        ],
    )


def _open(unsealed: Unsealed, row: Row[Any], *, person_id: str) -> dict[str, Envelope]:
    """The content of a section's row; an older row that was put back does not count."""
    if row.version != row.file_version:
        raise DecryptionFailed("a section is of another version than its file")
    content: dict[str, Envelope] = orjson.loads(
        unsealed(row.sealed, _context(person_id, row.section, row.version))
    )
    return content


def _unwrap(ring: KeyRing, row: Row[Any], custodian: str) -> bytes:
    return ring.key_encryption.unwrap(
        row.key_encryption_key_id, row.wrapped_key, key_context(custodian, row.person_id)
    )


def key_context(custodian: str, person_id: str) -> bytes:
    """What a wrapped data key belongs to: in another keeping, or for another person, it is shut.

    So a file that the database was made to give to another agency does not open for it.
    """
    return f"person-key\0{custodian}\0{person_id}".encode()


def bind_to_custodians(connection: Connection, *, ring: KeyRing, random: Random) -> None:
    """Wrap keys anew that named their person alone (before revision 0007). Run once, by `init`."""
    for row in connection.execute(KEY_AND_CUSTODIAN).all():
        key = ring.key_encryption.unwrap(
            row.key_encryption_key_id, row.wrapped_key, f"person-key\0{row.person_id}".encode()
        )
        context = key_context(row.custodian, row.person_id)
        wrapped = ring.key_encryption.wrap(key, context, nonce=random(NONCE_BYTES))
        connection.execute(
            update(KEY).where(KEY.c.person_id == row.person_id).values(wrapped_key=wrapped)
        )


def _context(person_id: str, section: str, version: int) -> bytes:
    return f"section\0{person_id}\0{section}\0{version}".encode()
