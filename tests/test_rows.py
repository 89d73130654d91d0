"""A row is inserted once, and whoever comes second is told."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from app.agencies.tables import Agency, AgencyMunicipality
from app.database import Database, DatabaseUnavailable
from app.rows import insert_new, table_of
from tests.sheet import PATIENCE, problem_of

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


def agency(agency_id: str) -> dict[str, object]:
    """A row of the registry."""
    return {
        "agency_id": agency_id,
        "name": "Somebody",
        "role": "police_local",
        "country": "XK",
        "standing_acceptance": False,
        "fallback": False,
        "status": "active",
        "created_at": AT,
    }


def test_a_new_row_is_inserted_once_and_the_second_does_no_harm(connection: Connection) -> None:
    assert insert_new(connection, Agency, **agency("police-1"))
    assert not insert_new(connection, Agency, **agency("police-1") | {"name": "Another"})
    table = table_of(Agency)
    assert connection.scalars(table.select().with_only_columns(table.c.name)).all() == ["Somebody"]


def test_a_new_row_needs_the_row_it_belongs_to(database: Database) -> None:
    def work(connection: Connection) -> bool:
        return insert_new(connection, AgencyMunicipality, agency_id="nobody", municipality="XK-1")

    assert isinstance(problem_of(database.submit(work)), DatabaseUnavailable)


def test_of_many_who_insert_the_same_row_one_is_told_it_is_new(database: Database) -> None:
    pieces = [
        database.submit(lambda c: insert_new(c, Agency, **agency("police-1"))) for _ in range(20)
    ]
    assert sorted(piece.result(PATIENCE) for piece in pieces) == [False] * 19 + [True]
