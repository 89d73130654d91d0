"""Erasing again who was erased after a backup was made, by the word of the log itself.

An erasure's entry names no person, but the entries that it took away. An older copy of the
database still knows whom those were about. So a newer export of the log, which an auditor has, is
enough to erase the same persons again, and nothing outside has to remember them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from sqlalchemy import Connection, select

from app.access_log.erasure import ERASED_ENTRIES, LOOKUP, portions
from app.access_log.vocabulary import Operation
from app.administration import erasure
from app.administration.erasure import FILE
from app.house import House
from app.retention import requests
from app.retention.requests import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class PastErasure:
    """An erasure as its entry tells it: its number, why, by which two officers, which entries."""

    erasure_id: str
    ground: Ground
    officers: tuple[str, str]
    entries: tuple[str, ...]

    @classmethod
    def read(cls, line: bytes) -> Self | None:
        """The erasure in a line of an export that was verified; None in every other line."""
        sections: Mapping[str, Any] = orjson.loads(line).get("sections", {})
        circumstances = sections.get("circumstances", {}).get("content", "{}")
        if orjson.loads(circumstances).get("operation") != Operation.ERASURE.value:
            return None
        fields = orjson.loads(sections["fields"]["content"])
        asked_by, approved_by = fields["officers"]
        return cls(
            erasure_id=fields["erasure"],
            ground=Ground(fields["ground"]),
            officers=(asked_by, approved_by),
            entries=tuple(fields[ERASED_ENTRIES]),
        )


def in_export(lines: Iterable[bytes]) -> Iterator[PastErasure]:
    """The erasures of an export that was verified."""
    return (found for line in lines if (found := PastErasure.read(line)) is not None)


def persons(connection: Connection, house: House) -> dict[str, str]:
    """Every person with a file, by the fingerprint under which the log knows them."""
    keys = house.log_keys()
    return {keys.subject_index(one): one for one in connection.scalars(select(FILE.c.person_id))}


def repeat(
    connection: Connection,
    house: House,
    past: PastErasure,
    known: Mapping[str, str],
    *,
    at: datetime,
) -> list[str]:
    """Erase whom this erasure was about, if they are back; the certificates.

    What two officers wanted they want still: their request is put back where the copy lacks it.
    """
    subjects = {
        subject
        for ids in portions(past.entries)
        for subject in connection.scalars(
            select(LOOKUP.c.subject_index)
            .where(LOOKUP.c.entry_id.in_(ids), LOOKUP.c.subject_index.is_not(None))
            .distinct()
        )
    }
    back = sorted(known[subject] for subject in subjects & known.keys())
    return [_erase(connection, house, past, person_id, at=at) for person_id in back]


def _erase(
    connection: Connection, house: House, past: PastErasure, person_id: str, *, at: datetime
) -> str:
    asked = requests.of(connection, person_id)
    if asked is not None and asked.approved_by is None:
        requests.withdraw(connection, person_id=person_id)
        asked = None
    if asked is None:
        first, second = past.officers
        requests.ask(
            connection, past.erasure_id, person_id=person_id, ground=past.ground, by=first, at=at
        )
        requests.approve(connection, person_id=person_id, by=second, at=at)
    return erasure.erase(connection, house, person_id, at=at)
