"""The store: sealed sections that open in their own place only, and no change over a change."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert, select, update

from app.administration import data_keys
from app.agencies.tables import Agency
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import KeyRing
from app.database import Database, open_database
from app.files import store
from app.files.catalogue import SECTIONS as CATALOGUE
from app.files.store import FILE, KEY, SECTION, StoredFile
from app.problems import PreconditionFailed
from app.rows import table_of
from app.tables import METADATA
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
PLANTED = "Plantedname"
IDENTITY = {"full_name": {"value": {"family": PLANTED, "given": "Ana"}, "nature": "fact"}}
NEEDS = {"housing_need": {"value": "urgent"}}
RELEASE = {
    "planned_release_date": {"value": "2027-09-01"},
    "actual_release_datetime": {"value": "2027-08-30T10:15:00+02:00"},
    "temporary_leave_municipality_code": {"value": "XK-VITI"},
    "temporary_leave_window": {
        "value": {"start": "2027-06-01T08:00:00+02:00", "end": "2027-06-03T20:00:00+02:00"}
    },
}
RESIDENCE = {"return_municipality_code": {"value": "XK-GJILAN"}}
SECTIONS: dict[str, dict[str, Any]] = {
    "identity": IDENTITY,
    "needs": NEEDS,
    "release": RELEASE,
    "residence_contact": RESIDENCE,
}


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    """The keys of a service, of which the tables know."""
    return RING


def add_custodian(connection: Connection, agency_id: str = "prison-1") -> None:
    """The prison that keeps the files."""
    values = {
        "agency_id": agency_id,
        "name": "Prison",
        "role": "correctional_service",
        "country": "XK",
        "standing_acceptance": False,
        "fallback": False,
        "status": "active",
        "created_at": AT,
    }
    connection.execute(insert(table_of(Agency)).values(**values))


def create(
    connection: Connection,
    ring: KeyRing,
    person_id: str = "person-1",
    sections: dict[str, dict[str, Any]] | None = None,
) -> StoredFile:
    """Store a new file."""
    new = StoredFile(
        person_id=person_id,
        custodian="prison-1",
        sections=SECTIONS if sections is None else sections,
    )
    return store.create(connection, new, ring=ring, at=AT, random=secrets.token_bytes)


def change(
    connection: Connection, before: StoredFile, ring: KeyRing, sections: dict[str, dict[str, Any]]
) -> StoredFile:
    """Change some sections of a stored file."""
    return store.change(
        connection, before, sections, ring=ring, at=LATER, random=secrets.token_bytes
    )


def load(connection: Connection, ring: KeyRing, person_id: str = "person-1") -> StoredFile:
    """The file as it stands."""
    return store.load(connection, person_id, ring=ring)


def row(connection: Connection) -> dict[str, Any]:
    """The readable columns of the first person."""
    query = select(FILE).where(FILE.c.person_id == "person-1")
    return dict(connection.execute(query).mappings().one())


def sealed(connection: Connection, section: str, person_id: str = "person-1") -> Any:  # noqa: ANN401 - a row
    """A stored section."""
    query = select(SECTION).where(SECTION.c.person_id == person_id, SECTION.c.section == section)
    return connection.execute(query).one()


@pytest.fixture
def prison(connection: Connection) -> Connection:
    """A connection to a database with a custodian."""
    add_custodian(connection)
    return connection


def test_a_file_comes_back_as_it_was_stored(prison: Connection, ring: KeyRing) -> None:
    stored = create(prison, ring)
    assert stored.version == 1
    assert stored.sections == SECTIONS
    assert load(prison, ring) == stored


def test_a_file_may_be_empty(prison: Connection, ring: KeyRing) -> None:
    stored = create(prison, ring, sections={})
    assert load(prison, ring) == stored
    assert stored.planned_release_date is None
    assert stored.actual_release_datetime is None
    assert stored.return_municipality is None
    assert stored.leave_municipality is None
    assert stored.leave_end is None


def test_the_facts_that_plan_notices_are_read_from_the_sections(
    prison: Connection, ring: KeyRing
) -> None:
    stored = create(prison, ring)
    assert stored.planned_release_date == date(2027, 9, 1)
    assert stored.actual_release_datetime == datetime(2027, 8, 30, 8, 15, tzinfo=UTC)
    assert stored.return_municipality == "XK-GJILAN"
    assert stored.leave_municipality == "XK-VITI"
    assert stored.leave_end == datetime(2027, 6, 3, 18, 0, tzinfo=UTC)


def test_the_readable_columns_say_that_much_and_no_more(prison: Connection, ring: KeyRing) -> None:
    create(prison, ring)
    assert row(prison) == {
        "person_id": "person-1",
        "custodian": "prison-1",
        "version": 1,
        "planned_release_date": date(2027, 9, 1),
        "actual_release_at": datetime(2027, 8, 30, 8, 15, tzinfo=UTC),
        "return_municipality": "XK-GJILAN",
        "leave_municipality": "XK-VITI",
        "updated_at": AT,
    }


def test_a_change_replaces_its_sections_and_leaves_the_others(
    prison: Connection, ring: KeyRing
) -> None:
    before = create(prison, ring)
    identity = load(prison, ring).sections["identity"]
    after = change(prison, before, ring, {"needs": {"housing_need": {"value": "none"}}})
    assert after.version == 2
    assert load(prison, ring) == after
    assert after.sections["needs"] == {"housing_need": {"value": "none"}}
    assert after.sections["identity"] == identity
    assert row(prison)["updated_at"] == LATER


def test_a_section_can_come_and_go(prison: Connection, ring: KeyRing) -> None:
    first = create(prison, ring, sections={"identity": IDENTITY})
    second = change(prison, first, ring, {"needs": NEEDS})
    assert set(load(prison, ring).sections) == {"identity", "needs"}
    third = change(prison, second, ring, {"needs": {}})
    assert load(prison, ring) == third
    assert set(third.sections) == {"identity"}
    assert third.version == 3
    fourth = change(prison, third, ring, {"needs": {}})  # it is gone already
    assert load(prison, ring) == fourth


def test_the_readable_columns_follow_a_change(prison: Connection, ring: KeyRing) -> None:
    before = create(prison, ring)
    after = change(prison, before, ring, {"release": {}, "residence_contact": {}})
    assert row(prison)["planned_release_date"] is None
    assert row(prison)["actual_release_at"] is None
    assert row(prison)["return_municipality"] is None
    assert row(prison)["leave_municipality"] is None
    assert row(prison)["version"] == after.version


def test_a_change_from_a_state_that_is_gone_is_refused_and_changes_nothing(
    prison: Connection, ring: KeyRing
) -> None:
    old = create(prison, ring)
    stands = change(prison, old, ring, {"needs": {"housing_need": {"value": "none"}}})
    with pytest.raises(PreconditionFailed):
        change(prison, old, ring, {"needs": NEEDS})
    assert load(prison, ring) == stands


def test_of_changes_at_once_from_one_state_one_stands(database: Database, ring: KeyRing) -> None:
    database.run_blocking(add_custodian)
    old = database.run_blocking(lambda c: create(c, ring))

    def attempt(number: int) -> int | None:
        sections = {"needs": {"housing_need": {"value": f"{number}"}}}
        try:
            database.run_blocking(lambda c: change(c, old, ring, sections))
        except PreconditionFailed:
            return None
        return number

    with ThreadPoolExecutor(8) as threads:
        stood = [number for number in threads.map(attempt, range(12)) if number is not None]
    assert len(stood) == 1
    now = database.read_blocking(lambda c: load(c, ring))
    assert now.version == 2
    assert now.sections["needs"] == {"housing_need": {"value": f"{stood[0]}"}}


def test_a_reader_beside_a_writer_sees_each_change_whole(database: Database, ring: KeyRing) -> None:
    database.run_blocking(add_custodian)
    first = database.run_blocking(lambda c: create(c, ring))
    over = threading.Event()

    def write() -> None:
        stands = first
        for number in range(40):
            both = {name: {"x": {"value": number}} for name in ("needs", "identity")}
            stands = database.run_blocking(partial(_changed, before=stands, ring=ring, to=both))
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not over.is_set():
        seen = database.run_blocking(lambda c: load(c, ring))
        if seen.version > 1:
            number = {"x": {"value": seen.version - 2}}
            assert (seen.sections["needs"], seen.sections["identity"]) == (number, number)
    writer.join()


def _changed(
    connection: Connection, *, before: StoredFile, ring: KeyRing, to: dict[str, dict[str, Any]]
) -> StoredFile:
    return change(connection, before, ring, to)


def test_every_person_has_a_data_key_of_their_own(prison: Connection, ring: KeyRing) -> None:
    create(prison, ring)
    create(prison, ring, "person-2")
    keys = prison.execute(select(KEY)).all()
    assert len({bytes(one.wrapped_key) for one in keys}) == 2
    assert {one.key_encryption_key_id for one in keys} == {ring.key_encryption.active_id}


def test_the_same_section_is_sealed_anew_each_time(prison: Connection, ring: KeyRing) -> None:
    before = create(prison, ring)
    first = bytes(sealed(prison, "needs").sealed)
    change(prison, before, ring, {"needs": NEEDS})
    assert bytes(sealed(prison, "needs").sealed) != first


def test_no_row_tells_what_is_recorded_of_whom(prison: Connection, ring: KeyRing) -> None:
    status = {"veto_status": {"value": "yes"}, "disengagement_stage": {"value": "engaged"}}
    create(prison, ring, "person-1", {"needs": NEEDS})
    create(prison, ring, "person-2", {"needs": NEEDS, "extremism_status": status})
    rows = [
        {
            (one.section, one.version, len(one.sealed))
            for one in prison.execute(select(SECTION).where(SECTION.c.person_id == person_id))
        }
        for person_id in ("person-1", "person-2")
    ]
    assert rows[0] == rows[1]
    assert {name for name, *_ in rows[0]} == set(CATALOGUE)


def test_a_change_writes_every_row_anew(prison: Connection, ring: KeyRing) -> None:
    change(prison, create(prison, ring), ring, {"needs": NEEDS})
    rows = prison.execute(select(SECTION).where(SECTION.c.person_id == "person-1")).all()
    assert [one.version for one in rows] == [2] * len(CATALOGUE)


def put_an_older_row_back(connection: Connection) -> None:
    """A section as it was before a change, sealed at that version."""
    connection.execute(update(FILE).where(FILE.c.person_id == "person-1").values(version=2))


def swap_persons(connection: Connection) -> None:
    """A section of another person in this one's place."""
    other = bytes(sealed(connection, "needs", "person-2").sealed)
    _put(connection, SECTION, other, section="needs")


def swap_sections(connection: Connection) -> None:
    """Another section of the same person."""
    _put(connection, SECTION, bytes(sealed(connection, "identity").sealed), section="needs")


def give_to_another_custodian(connection: Connection) -> None:
    """The whole file, in the keeping of another agency."""
    add_custodian(connection, "prison-2")
    connection.execute(
        update(FILE).where(FILE.c.person_id == "person-1").values(custodian="prison-2")
    )


def claim_another_version(connection: Connection) -> None:
    """An old section that pretends to be new."""
    connection.execute(update(SECTION).where(SECTION.c.section == "needs").values(version=9))


def flip_a_bit(connection: Connection) -> None:
    """One bit of a section."""
    content = bytearray(sealed(connection, "needs").sealed)
    content[-1] ^= 1
    _put(connection, SECTION, bytes(content), section="needs")


def cut_short(connection: Connection) -> None:
    """A section without its end."""
    _put(connection, SECTION, b"short", section="needs")


def swap_keys(connection: Connection) -> None:
    """The wrapped key of another person."""
    other = connection.execute(select(KEY).where(KEY.c.person_id == "person-2")).one()
    connection.execute(
        update(KEY)
        .where(KEY.c.person_id == "person-1")
        .values(wrapped_key=bytes(other.wrapped_key))
    )


def swap_keys_and_sections(connection: Connection) -> None:
    """Everything of another person, key and all."""
    swap_keys(connection)
    for name in SECTIONS:
        other = bytes(sealed(connection, name, "person-2").sealed)
        _put(connection, SECTION, other, section=name)


def _put(connection: Connection, table: Table, content: bytes, *, section: str) -> None:
    connection.execute(
        update(table)
        .where(table.c.person_id == "person-1", table.c.section == section)
        .values(sealed=content)
    )


@pytest.mark.parametrize(
    "tamper",
    [
        swap_persons,
        swap_sections,
        claim_another_version,
        put_an_older_row_back,
        flip_a_bit,
        cut_short,
        swap_keys,
        swap_keys_and_sections,
        give_to_another_custodian,
    ],
)
def test_a_row_that_was_moved_or_changed_does_not_open(
    prison: Connection, ring: KeyRing, tamper: Callable[[Connection], None]
) -> None:
    create(prison, ring)
    create(prison, ring, "person-2")
    tamper(prison)
    with pytest.raises(DecryptionFailed):
        load(prison, ring)


def test_without_the_key_encryption_key_nothing_opens(
    prison: Connection, ring: KeyRing, tmp_path: Path
) -> None:
    create(prison, ring)
    other = KeyRing.create(tmp_path / "other", random=secrets.token_bytes)
    with pytest.raises(DecryptionFailed):
        load(prison, other)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a database and its journal, and nothing else."""
    folder = tmp_path / "database"
    folder.mkdir()
    return folder


def test_no_planted_name_stands_in_the_database_file_or_its_journal(
    folder: Path, ring: KeyRing
) -> None:
    database = open_database(f"sqlite:///{folder}/throughcare.db")
    METADATA.create_all(database.engine)
    database.run_blocking(lambda c: data_keys.register(c, ring))
    database.run_blocking(add_custodian)
    before = database.run_blocking(lambda c: create(c, ring))
    renamed = {"identity": {"full_name": {"value": {"family": f"{PLANTED}-Second"}}}}
    database.run_blocking(lambda c: change(c, before, ring, renamed))
    names = {path.name for path in folder.iterdir()}
    assert "throughcare.db-wal" in names
    _look_for_planted(folder)
    database.close()  # the journal goes into the file
    _look_for_planted(folder)


def _look_for_planted(folder: Path) -> None:
    written = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"prison-1" in written  # the search finds what is there
    for encoding in ("utf-8", "utf-16-le"):
        assert PLANTED.encode(encoding) not in written
        assert "full_name".encode(encoding) not in written
