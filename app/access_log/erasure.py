"""Erasing a person from the log: keys, ciphertexts and look-ups go, every leaf stays.

What a leaf proves it proves as before; what its personal sections said nobody can read any
more, because the keys that sealed them are destroyed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, update

from app.access_log.person_keys import PERSON_KEY
from app.access_log.tables import AccessLogEntry, AccessLogLookup, AccessLogPending
from app.database import table_of

ENTRY = table_of(AccessLogEntry)
LOOKUP = table_of(AccessLogLookup)
PENDING = table_of(AccessLogPending)

PORTION = 500


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
    # The pending ones first: a sequencer that is taking them makes this wait, and what it took
    # is then found in its place.
    ids: list[str] = []
    for table in (PENDING, LOOKUP):
        ids += connection.scalars(
            update(table)
            .where(table.c.subject_index == subject_index)
            .values(subject_index=None)
            .returning(table.c.entry_id)
        )
    entries = sum(_take_away(connection, part) for part in _portions(ids))
    keys = connection.execute(
        delete(PERSON_KEY).where(PERSON_KEY.c.subject_index == subject_index)
    ).rowcount
    return Erased(keys=keys, entries=entries)


def _take_away(connection: Connection, ids: Sequence[str]) -> int:
    """Remove the personal sections of these entries; of how many there were any."""
    return connection.execute(
        update(ENTRY)
        .where(ENTRY.c.entry_id.in_(ids), ENTRY.c.personal.is_not(None))
        .values(personal=None)
    ).rowcount


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as any database takes in one statement."""
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))
