"""References: random for each agency, sealed, and of no use to another agency."""

import re
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.administration import data_keys
from app.cases import references
from app.cases.fact import FactAltered
from app.cases.references import REFERENCE, Listed
from app.crypto.key_ring import KeyRing
from app.database import Database, open_database
from app.problems import Conflict
from app.tables import METADATA

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


def name(
    connection: Connection,
    ring: KeyRing,
    reference: str,
    *,
    agency_id: str = "prison-1",
    person_id: str = "person-1",
) -> None:
    """Give a person a reference of the custodian's choice."""
    references.name(
        connection,
        ring=ring,
        agency_id=agency_id,
        person_id=person_id,
        reference=reference,
        at=AT,
        random=secrets.token_bytes,
    )


def ensure(
    connection: Connection, ring: KeyRing, agency_id: str, person_id: str = "person-1"
) -> str:
    """An agency's reference for a person."""
    return references.ensure(
        connection,
        ring=ring,
        agency_id=agency_id,
        person_id=person_id,
        at=AT,
        random=secrets.token_bytes,
    )


def find(connection: Connection, ring: KeyRing, agency_id: str, reference: str) -> str | None:
    """The person behind an agency's reference."""
    return references.find(connection, ring=ring, agency_id=agency_id, reference=reference)


def test_a_custodian_finds_the_person_by_the_name_it_gave(
    filled: Connection, ring: KeyRing
) -> None:
    name(filled, ring, "LP-2027-0001")
    assert find(filled, ring, "prison-1", "LP-2027-0001") == "person-1"
    assert references.of(filled, ring=ring, agency_id="prison-1", person_id="person-1") == (
        "LP-2027-0001"
    )


@pytest.mark.parametrize(
    "asked", ["lp-2027-0001", "LP-2027-0001 ", "LP-2027-000", "", "LP-2027-00011", "\x00"]
)
def test_a_name_is_found_as_it_was_given_only(
    filled: Connection, ring: KeyRing, asked: str
) -> None:
    name(filled, ring, "LP-2027-0001")
    assert find(filled, ring, "prison-1", asked) is None


def test_a_reference_is_worth_nothing_to_another_agency(filled: Connection, ring: KeyRing) -> None:
    name(filled, ring, "LP-2027-0001")
    reference = ensure(filled, ring, "welfare-1")
    assert find(filled, ring, "welfare-1", "LP-2027-0001") is None
    assert find(filled, ring, "police-1", reference) is None
    assert find(filled, ring, "prison-1", reference) is None


def test_two_agencies_may_use_the_same_name_for_two_persons(
    filled: Connection, ring: KeyRing
) -> None:
    name(filled, ring, "0001")
    name(filled, ring, "0001", agency_id="police-1", person_id="person-2")
    assert find(filled, ring, "prison-1", "0001") == "person-1"
    assert find(filled, ring, "police-1", "0001") == "person-2"


def test_a_taken_name_is_a_conflict_and_keeps_its_person(filled: Connection, ring: KeyRing) -> None:
    name(filled, ring, "0001")
    with pytest.raises(Conflict):
        name(filled, ring, "0001", person_id="person-2")
    assert find(filled, ring, "prison-1", "0001") == "person-1"


def test_a_person_has_one_name_in_an_agency(filled: Connection, ring: KeyRing) -> None:
    name(filled, ring, "0001")
    with pytest.raises(Conflict):
        name(filled, ring, "0002")
    assert find(filled, ring, "prison-1", "0002") is None


def test_a_made_reference_is_128_random_bits_and_stays(filled: Connection, ring: KeyRing) -> None:
    first = ensure(filled, ring, "welfare-1")
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert ensure(filled, ring, "welfare-1") == first
    others = {
        ensure(filled, ring, "police-1"),
        ensure(filled, ring, "welfare-1", "person-2"),
        ensure(filled, ring, "prison-1"),
    }
    assert len(others | {first}) == 4


def test_a_reference_depends_on_chance_alone(filled: Connection, ring: KeyRing) -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return b"\x07" * size

    made = references.ensure(
        filled, ring=ring, agency_id="welfare-1", person_id="person-1", at=AT, random=random
    )
    assert made == "07" * 16
    assert asked == [16, 12]


def test_of_many_who_need_a_reference_at_once_all_get_the_same(
    filled_database: Database, ring: KeyRing
) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(
            threads.map(
                lambda _: filled_database.run_blocking(lambda c: ensure(c, ring, "welfare-1")),
                range(16),
            )
        )
    listed = filled_database.read_blocking(
        lambda c: references.listing(c, ring=ring, agency_id="welfare-1", after=None, limit=10)
    )
    assert [one.reference for one in listed] == list(made)


def test_a_listing_shows_each_of_the_agencys_own_once_in_pages(
    filled: Connection, ring: KeyRing
) -> None:
    expected = {
        Listed(ensure(filled, ring, "welfare-1", person), person)
        for person in ("person-1", "person-2")
    }
    name(filled, ring, "0001")
    first = references.listing(filled, ring=ring, agency_id="welfare-1", after=None, limit=1)
    second = references.listing(
        filled, ring=ring, agency_id="welfare-1", after=first[0].reference, limit=1
    )
    end = references.listing(
        filled, ring=ring, agency_id="welfare-1", after=second[0].reference, limit=1
    )
    assert {*first, *second} == expected
    assert len(first) == len(second) == 1
    assert end == []


def test_a_sealed_reference_moved_to_another_agency_or_person_does_not_open(
    filled: Connection, ring: KeyRing
) -> None:
    ensure(filled, ring, "welfare-1")
    filled.execute(REFERENCE.update().values(agency_id="police-1"))
    with pytest.raises(FactAltered):
        references.of(filled, ring=ring, agency_id="police-1", person_id="person-1")
    filled.execute(REFERENCE.update().values(agency_id="welfare-1", person_id="person-2"))
    with pytest.raises(FactAltered):
        references.listing(filled, ring=ring, agency_id="welfare-1", after=None, limit=10)


def test_a_row_that_was_repointed_finds_nobody(filled: Connection, ring: KeyRing) -> None:
    reference = ensure(filled, ring, "welfare-1")
    filled.execute(REFERENCE.update().values(person_id="person-2"))
    with pytest.raises(FactAltered):
        find(filled, ring, "welfare-1", reference)


def test_a_row_under_another_references_index_finds_nobody(
    filled: Connection, ring: KeyRing
) -> None:
    first = ensure(filled, ring, "welfare-1")
    ensure(filled, ring, "welfare-1", "person-2")
    row = filled.execute(REFERENCE.select().where(REFERENCE.c.person_id == "person-1")).one()
    filled.execute(REFERENCE.delete().where(REFERENCE.c.person_id == "person-1"))
    filled.execute(REFERENCE.update().values(reference_index=row.reference_index))
    with pytest.raises(FactAltered):
        find(filled, ring, "welfare-1", first)


def test_no_reference_stands_in_clear_in_the_database_file(
    tmp_path: Path, ring: KeyRing, fill: Callable[[Connection], None]
) -> None:
    file = tmp_path / "throughcare.db"
    database = open_database(f"sqlite:///{file}")
    METADATA.create_all(database.engine)
    database.run_blocking(lambda c: data_keys.register(c, ring))
    database.run_blocking(fill)
    planted = "PLANTED-PRISON-NUMBER-4711"
    database.run_blocking(lambda c: name(c, ring, planted))
    made = database.run_blocking(lambda c: ensure(c, ring, "welfare-1"))
    # While the journal still holds what was written last, and after it went into the file.
    for _ in range(2):
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        assert b"person-1" in written  # the search finds what is there
        for reference in (planted, made):
            assert reference.encode() not in written
            assert reference.encode("utf-16-le") not in written
            assert bytes.fromhex(made) not in written
        database.close()
        sqlite3.connect(file).close()
