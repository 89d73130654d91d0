"""Erasing a person from the log: keys, ciphertexts and look-ups go, every leaf stays.

What a leaf proves it proves as before; what its personal sections said nobody can read any
more, because the keys that sealed them are destroyed.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, or_, select, update

from app.access_log.person_keys import PERSON_KEY
from app.access_log.tables import AccessLogEntry, AccessLogLookup, AccessLogPending
from app.database import table_of

ENTRY = table_of(AccessLogEntry)
LOOKUP = table_of(AccessLogLookup)
PENDING = table_of(AccessLogPending)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many keys were destroyed, and of how many entries the personal sections are gone."""

    keys: int
    entries: int


def erase_subject(connection: Connection, subject_index: str) -> Erased:
    """Take away everything by which the log knows this person.

    Args:
        connection: of the transaction that also erases the rest.
        subject_index: the keyed fingerprint of the person (`LogKeys.subject_index`).
    """
    known = [
        select(table.c.entry_id).where(table.c.subject_index == subject_index)
        for table in (LOOKUP, PENDING)
    ]
    entries = connection.execute(
        update(ENTRY)
        .where(or_(*(ENTRY.c.entry_id.in_(ids) for ids in known)), ENTRY.c.personal.is_not(None))
        .values(personal=None)
    ).rowcount
    for table in (LOOKUP, PENDING):
        connection.execute(
            update(table).where(table.c.subject_index == subject_index).values(subject_index=None)
        )
    keys = connection.execute(
        delete(PERSON_KEY).where(PERSON_KEY.c.subject_index == subject_index)
    ).rowcount
    return Erased(keys=keys, entries=entries)
