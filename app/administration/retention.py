"""The schedule of retention: which files are due, and the erasure of what was approved.

Reading goes in pages, and each person is erased in a transaction of its own: a run that is
broken off has erased some persons wholly and the others not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from app.administration import erasure
from app.cases import references
from app.database import Database
from app.files.tables import InmateFile
from app.house import House
from app.retention import requests
from app.retention.requests import Ground
from app.retention.schedule import Due
from app.rows import table_of

FILE = table_of(InmateFile)
PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that is due, by its custodian's own reference. `request`: none, open or approved."""

    custodian: str
    reference: str
    due: Due
    request: str
    obstacle: str | None

    def to_json(self) -> dict[str, str | None]:
        """As the preview shows it."""
        return {
            "custodian": self.custodian,
            "reference": self.reference,
            "due": self.due.value,
            "request": self.request,
            "obstacle": self.obstacle,
        }


def candidates(
    connection: Connection, house: House, *, term: int, at: datetime
) -> Iterator[Candidate]:
    """Every file that is due, and every one that was asked to be erased, by person id."""
    after = ""
    while rows := _page(connection, after):
        for row in rows:
            one = _candidate(connection, house, row, term=term, at=at)
            if one.due is not Due.RUNNING or one.request != "none":
                yield one
        after = rows[-1].person_id


def run_due(database: Database, house: House, *, term: int, at: datetime) -> list[str]:
    """Erase everybody whose erasure is approved and due; the certificates."""
    made: list[str] = []
    after = ""
    while rows := database.read_blocking(partial(requests.approved, after=after, limit=PAGE)):
        for row in rows:
            work = partial(_erase_if_due, house=house, asked=row, term=term, at=at)
            certificate = database.run_blocking(work)
            made.extend([] if certificate is None else [certificate])
        after = rows[-1].person_id
    return made


def _erase_if_due(
    connection: Connection, *, house: House, asked: Row[Any], term: int, at: datetime
) -> str | None:
    """Judged again in the transaction that erases: the request may be gone, a hold have come."""
    person_id = asked.person_id
    standing = requests.of(connection, person_id)
    if standing is None or standing.approved_by is None:
        return None
    ground = Ground(standing.ground)
    due = erasure.due_of(connection, house, person_id, term=term, at=at)
    if erasure.why_not(connection, person_id, ground, due=due, at=at) is not None:
        return None
    return erasure.erase(connection, house, person_id, at=at)


def _page(connection: Connection, after: str) -> list[Row[Any]]:
    query = (
        select(
            FILE.c.person_id,
            FILE.c.custodian,
            FILE.c.actual_release_at,
            FILE.c.planned_release_date,
        )
        .where(
            FILE.c.person_id > after,
            or_(FILE.c.actual_release_at.is_not(None), FILE.c.planned_release_date.is_not(None)),
        )
        .order_by(FILE.c.person_id)
        .limit(PAGE)
    )
    return list(connection.execute(query))


def _candidate(
    connection: Connection, house: House, file: Row[Any], *, term: int, at: datetime
) -> Candidate:
    asked = requests.of(connection, file.person_id)
    status = "none" if asked is None else "open" if asked.approved_by is None else "approved"
    ground = Ground.RETENTION_ENDED if asked is None else Ground(asked.ground)
    reference = references.of(
        connection, ring=house.ring, agency_id=file.custodian, person_id=file.person_id
    )
    due = erasure.due_by(house, file, term=term, at=at)
    return Candidate(
        custodian=file.custodian,
        reference=reference or "",
        due=due,
        request=status,
        obstacle=erasure.why_not(connection, file.person_id, ground, due=due, at=at),
    )
