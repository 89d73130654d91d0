"""Erasing a person from the log: keys, ciphertexts and look-ups go, every leaf stays.

What a leaf proves it proves as before; what its personal sections said nobody can read any
more, because the keys that sealed them are destroyed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, union_all, update

from app.access_log.person_keys import PERSON_KEY
from app.access_log.tables import AccessLogEntry, AccessLogLookup, AccessLogPending
from app.access_log.vocabulary import Operation
from app.rows import table_of

ENTRY = table_of(AccessLogEntry)
LOOKUP = table_of(AccessLogLookup)
PENDING = table_of(AccessLogPending)

PORTION = 500

# The member of an erasure's entry that names what it erased.
ERASED_ENTRIES = "erased_entries"


@dataclass(frozen=True, slots=True)
class Erased:
    """How many keys were destroyed, and the entries whose personal sections are gone.

    The entry of the erasure names them (`ERASED_ENTRIES`): so verification can tell what was
    erased from what is merely missing. Sorted, so that their order tells nothing.
    """

    keys: int
    entries: tuple[str, ...]


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
    entries = [one for part in portions(ids) for one in _take_away(connection, part)]
    keys = connection.execute(
        delete(PERSON_KEY).where(PERSON_KEY.c.subject_index == subject_index)
    ).rowcount
    return Erased(keys=keys, entries=tuple(sorted(entries)))


def is_unsigned(connection: Connection, size: int) -> bool:
    """Whether the entry of an erasure stands behind the first `size` entries.

    What it erased is gone from them, and nothing in them says why yet.
    """
    erasure = Operation.ERASURE.value
    behind = select(LOOKUP.c.entry_id).where(
        LOOKUP.c.operation == erasure, LOOKUP.c.log_index >= size
    )
    pending = select(PENDING.c.entry_id).where(PENDING.c.operation == erasure)
    return connection.execute(union_all(behind, pending).limit(1)).first() is not None


def _take_away(connection: Connection, ids: Sequence[str]) -> Sequence[str]:
    """Remove the personal sections of these entries; those that had any."""
    return connection.scalars(
        update(ENTRY)
        .where(ENTRY.c.entry_id.in_(ids), ENTRY.c.personal.is_not(None))
        .values(personal=None)
        .returning(ENTRY.c.entry_id)
    ).all()


def portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at once as any database takes in one statement."""
    return (ids[start : start + PORTION] for start in range(0, len(ids), PORTION))
