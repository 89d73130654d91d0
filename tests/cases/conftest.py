"""Two prisons' files and three agencies, for the facts about them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert

from app.agencies import registry
from app.agencies.registry import AgencyRecord
from app.crypto.key_ring import KeyRing
from app.database import Database
from app.files.tables import InmateFile
from app.rows import table_of
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
AGENCIES = ("prison-1", "welfare-1", "police-1")


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    """The keys of a service, of which the tables know."""
    return RING


@pytest.fixture
def fill() -> Callable[[Connection], None]:
    """Three agencies, and persons `person-1` and `person-2` in the first one's keeping."""

    def work(connection: Connection) -> None:
        for agency_id in AGENCIES:
            record = AgencyRecord(
                agency_id=agency_id,
                name=agency_id,
                role="x",
                country="XK",
                municipalities=frozenset(),
            )
            registry.add_agency(connection, record, at=AT)
        for person_id in ("person-1", "person-2"):
            values = {
                "person_id": person_id,
                "custodian": "prison-1",
                "version": 1,
                "updated_at": AT,
            }
            connection.execute(insert(table_of(InmateFile)).values(**values))

    return work


@pytest.fixture
def filled(connection: Connection, fill: Callable[[Connection], None]) -> Connection:
    """A connection to a database with these rows."""
    fill(connection)
    return connection


@pytest.fixture
def filled_database(database: Database, fill: Callable[[Connection], None]) -> Database:
    """A database with these rows, for work that runs at once."""
    database.run_blocking(fill)
    return database
