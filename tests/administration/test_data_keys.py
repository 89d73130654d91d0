"""Key-encryption keys beside a running service: rotated, wrapped anew, removed; erased for good."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import Connection, func, select, update

from app.access_log import kept_exports, person_keys
from app.access_log.kept_exports import NewExport
from app.administration import data_keys, erasure
from app.administration.data_keys import PLACES, KeyStatus, Place, Progress
from app.cases import references
from app.cases.references import REFERENCE
from app.crypto.errors import DecryptionFailed
from app.crypto.key_encryption import id_of
from app.crypto.key_ring import KeyRing
from app.database import DatabaseUnavailable
from app.files import store
from app.files.store import KEY, SECTION
from app.house import House
from app.problems import Conflict
from app.retention import requests
from app.retention.requests import Ground
from app.tables import METADATA
from tests.api.exchange import Exchange, Speaker

PLANTED = "Rewrapmark"
SECTIONS = {"identity": {"full_name": {"value": {"family": PLANTED, "given": ["Nobody"]}}}}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture
def persons(exchange: Exchange, prison: Speaker) -> list[str]:
    """Six persons, each with a reference of an agency that read the file; and an export."""
    welfare = exchange.some("social_welfare_centre")
    found = [exchange.person(prison, SECTIONS) for _ in range(6)]
    for person in found:
        welfare.get(exchange.refer(prison, person, welfare))
    service = exchange.world.service
    house, asked = (
        service.house,
        NewExport(
            export_id=service.house.new_id(),
            client_id=found[0],
            format="csv",
            filters="{}",
            tree_size=0,
            total=0,
        ),
    )
    exchange.world.owner.run_blocking(
        lambda c: kept_exports.keep(
            c, asked, keys=house.log_keys(), random=house.random, at=now(exchange)
        )
    )
    return found


@pytest.fixture
def rotated(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """What a command is handed after a rotation; the service goes on with the keys of before."""
    monkeypatch.setattr(data_keys, "BATCH", 4)  # so that a few persons are many batches
    service = exchange.world.service
    folder = service.settings.key_directory
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ring = KeyRing.rotate_data_keys(folder, random=secrets.token_bytes)
    exchange.world.owner.run_blocking(lambda c: data_keys.register(c, ring))
    yield replace(service.house, ring=ring)
    # Back to the keys that the service has, for the next test.
    back = replace(ring, data_encryption=service.house.ring.data_encryption)
    list(
        data_keys.rewrap(exchange.world.owner, replace(service.house, ring=back), at=now(exchange))
    )
    for path in folder.iterdir():
        path.unlink()
    for name, content in before.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    exchange.world.owner.run_blocking(lambda c: data_keys.register(c, service.house.ring))


def now(exchange: Exchange) -> datetime:
    return exchange.world.clock()


def rewrap(exchange: Exchange, house: House) -> Progress:
    return list(data_keys.rewrap(exchange.world.owner, house, at=now(exchange)))[-1]


def status(exchange: Exchange, house: House) -> dict[str, KeyStatus]:
    database = exchange.world.owner
    found = database.read_blocking(lambda c: data_keys.status(c, house.ring))
    return {one.state: one for one in found}


def person_id_of(exchange: Exchange, prison: Speaker, person: str) -> str:
    service = exchange.world.service
    found = exchange.world.owner.read_blocking(
        lambda c: references.find(c, ring=service.house.ring, agency_id=prison.id, reference=person)
    )
    assert found is not None
    return found


def test_what_is_wrapped_anew_opens_beside_a_service_that_was_not_started_again(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    before = [prison.get(person).json() for person in persons]
    hanging = status(exchange, rotated)["retired"].hanging
    assert min(hanging["file keys"], hanging["log keys"], hanging["references"]) >= len(persons)
    assert not any(status(exchange, rotated)["active"].hanging.values())
    done = rewrap(exchange, rotated)
    # The service may have dropped the key of the export meanwhile.
    lasting = sum(hanging.values()) - hanging["exports"]
    assert (done.damaged, done.seen >= lasting) == (0, True)
    assert [prison.get(person).json() for person in persons] == before
    # Reading wrote entries under keys of this year that stood already; nobody new came.
    assert status(exchange, rotated)["retired"].removable
    # What the service makes new hangs on the key that it knows to be active, and opens for both.
    late = exchange.person(prison, SECTIONS)
    assert status(exchange, rotated)["retired"].hanging["file keys"] == 1
    rewrap(exchange, rotated)
    assert prison.get(late).status_code == 200
    person_id = person_id_of(exchange, prison, late)
    opened = exchange.world.owner.read_blocking(
        lambda c: store.load(c, person_id, ring=rotated.ring).sections["identity"]
    )
    assert PLANTED in str(opened)


def test_broken_off_at_any_batch_nothing_is_lost_and_the_next_run_ends_it(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    database = exchange.world.owner
    for batches in (1, 3):
        started = data_keys.rewrap(database, rotated, at=now(exchange))
        for _ in range(batches):
            next(started)
        started.close()  # type: ignore[attr-defined]  # it is a generator: what a kill leaves
        assert {prison.get(person).status_code for person in persons} == {200}
        assert database.read_blocking(lambda c: data_keys.left(c, rotated.ring)) > 0
    rewrap(exchange, rotated)
    assert database.read_blocking(lambda c: data_keys.left(c, rotated.ring)) == 0
    assert {prison.get(person).status_code for person in persons} == {200}


def test_persons_come_and_go_while_it_runs(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    erased = [person_id_of(exchange, prison, person) for person in persons[:3]]
    subjects = [rotated.log_keys().subject_index(one) for one in erased]
    over = threading.Event()

    def again_and_again() -> None:
        while not over.is_set():
            rewrap(exchange, rotated)

    worker = threading.Thread(target=again_and_again)
    worker.start()
    service = exchange.world.service
    for person_id in erased:
        exchange.world.owner.run_blocking(partial(erase, house=service.house, person_id=person_id))
    new = [exchange.person(prison, SECTIONS) for _ in range(3)]
    over.set()
    worker.join()
    assert {prison.get(person).status_code for person in persons[3:] + new} == {200}
    assert {prison.get(person).status_code for person in persons[:3]} == {404}
    assert rows_about(exchange, erased, subjects) == 0


def erase(connection: Connection, house: House, person_id: str) -> None:
    """As two officers do."""
    at = datetime.now().astimezone()
    requests.ask(
        connection,
        house.new_id(),
        person_id=person_id,
        ground=Ground.RECORDED_UNLAWFULLY,
        by="first",
        at=at,
    )
    requests.approve(connection, person_id=person_id, by="second", at=at)
    erasure.erase(connection, house, person_id, at=at)


def rows_about(exchange: Exchange, persons: list[str], subjects: list[str]) -> int:
    """Wrapped keys and sections of these persons, and keys of the log about them."""
    log_key = person_keys.PERSON_KEY

    def count(connection: Connection) -> int:
        return sum(
            connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
            for table, condition in (
                (KEY, KEY.c.person_id.in_(persons)),
                (SECTION, SECTION.c.person_id.in_(persons)),
                (REFERENCE, REFERENCE.c.person_id.in_(persons)),
                (log_key, log_key.c.subject_index.in_(subjects)),
            )
        )

    return exchange.world.owner.read_blocking(count)


@pytest.mark.usefixtures("persons")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_row_that_was_erased_between_reading_and_writing_stays_erased(
    exchange: Exchange, rotated: House, place: Place
) -> None:
    """The batch has read a row, an erasure takes it, the batch writes what it had read."""
    batch = data_keys._Batch(rotated, place, None)  # noqa: SLF001 - between its two halves

    def interleaved(connection: Connection) -> tuple[int, int]:
        rows = batch._rows(connection)  # noqa: SLF001 - as above
        count = select(func.count()).select_from(place.table)
        savepoint = connection.begin_nested()
        connection.execute(place.table.delete())
        for row in rows:
            batch._move(connection, row)  # noqa: SLF001 - as above
        left = connection.scalar(count)
        savepoint.rollback()
        return len(rows), int(left or 0)

    read, left = exchange.world.owner.run_blocking(interleaved)
    assert left == 0
    assert read > 0 or place.name == "details of facts"


def test_nothing_hangs_on_a_key_that_was_removed_and_nothing_ever_will(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    service, at = exchange.world.service, now(exchange)
    with pytest.raises(Conflict, match="hangs on the retired key"):
        exchange.world.owner.run_blocking(lambda c: data_keys.remove(c, rotated, at=at))
    rewrap(exchange, rotated)
    removed = exchange.world.owner.run_blocking(lambda c: data_keys.remove(c, rotated, at=at))
    assert removed == service.house.ring.key_encryption.active_id
    # The service does not know it yet. What it would write under that key is refused, not lost.
    refused = prison.put("too-late", SECTIONS, if_none_match="*")
    assert refused.status_code == 503, refused.text
    assert {prison.get(person).status_code for person in persons} == {200}


def test_a_row_that_was_spoilt_is_counted_and_stops_nothing(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    person_id = person_id_of(exchange, prison, persons[0])
    spoilt = KEY.c.person_id == person_id
    sound = exchange.world.owner.read_blocking(lambda c: c.execute(select(KEY).where(spoilt)).one())
    put = update(KEY).where(spoilt)
    exchange.world.owner.run_blocking(lambda c: c.execute(put.values(wrapped_key=bytes(60))))
    assert rewrap(exchange, rotated).damaged == 1
    retired = status(exchange, rotated)["retired"]
    assert (retired.hanging["file keys"], retired.removable) == (1, False)
    exchange.world.owner.run_blocking(
        lambda c: c.execute(put.values(wrapped_key=bytes(sound.wrapped_key)))
    )


def test_keys_of_the_log_from_before_rotations_are_wrapped_anew(
    exchange: Exchange, prison: Speaker, persons: list[str], rotated: House
) -> None:
    service, table = exchange.world.service, person_keys.PERSON_KEY
    subject = rotated.log_keys().subject_index(person_id_of(exchange, prison, persons[0]))
    year = now(exchange).year

    def as_before(connection: Connection) -> bytes:
        key = person_keys.find(connection, subject, year, keys=service.house.log_keys())
        assert key is not None
        older = replace(
            service.house.ring.key_encryption,
            active_id="log",
            keys={"log": service.house.ring.log_retention},
        )
        connection.execute(
            update(table)
            .where(table.c.subject_index == subject, table.c.year == year)
            .values(
                wrapped_key=older.wrap(
                    key, person_keys.context(subject, year), nonce=secrets.token_bytes(12)
                ),
                key_encryption_key_id=None,
            )
        )
        return key

    key = exchange.world.owner.run_blocking(as_before)
    assert status(exchange, rotated)["before rotations"].hanging["log keys"] == 1
    assert prison.get(persons[0]).status_code == 200
    rewrap(exchange, rotated)
    assert "before rotations" not in status(exchange, rotated)
    found = exchange.world.owner.read_blocking(
        lambda c: person_keys.find(c, subject, year, keys=rotated.log_keys())
    )
    assert found == key


def test_a_log_key_moved_to_another_person_or_year_does_not_open(
    exchange: Exchange, prison: Speaker, persons: list[str]
) -> None:
    service, table = exchange.world.service, person_keys.PERSON_KEY
    keys = service.house.log_keys()
    subjects = [
        keys.subject_index(person_id_of(exchange, prison, person)) for person in persons[:2]
    ]
    row = exchange.world.owner.read_blocking(
        lambda c: c.execute(select(table).where(table.c.subject_index == subjects[0])).first()
    )
    assert row is not None
    for place in ((subjects[1], row.year), (subjects[0], row.year + 1)):
        with pytest.raises(DecryptionFailed):
            keys.key_encryption.unwrap(
                row.key_encryption_key_id, row.wrapped_key, person_keys.context(*place)
            )


@pytest.mark.usefixtures("persons")
def test_every_step_is_on_record(exchange: Exchange, rotated: House) -> None:
    rewrap(exchange, rotated)
    database, at = exchange.world.owner, now(exchange)
    database.run_blocking(lambda c: data_keys.remove(c, rotated, at=at))
    told = [one.sections["fields"] for one in exchange.entries(agency_id="operator")[-3:]]
    assert [one["status"] for one in told] == ["rewrap-started", "rewrapped", "removed"]
    assert {one["fact"] for one in told} == {"key-encryption-key"}
    assert told[1]["left"] == 0
    assert rotated.ring.data_encryption_retired is not None
    assert told[2]["id"] == id_of(rotated.ring.data_encryption_retired)


def test_every_column_that_names_a_key_is_wrapped_anew() -> None:
    naming = {name for name, one in METADATA.tables.items() if "key_encryption_key_id" in one.c}
    assert naming == {place.table.name for place in PLACES}


def test_the_blind_index_has_a_key_of_its_own_that_no_rotation_touches(rotated: House) -> None:
    ring = rotated.ring
    others = {
        ring.data_encryption,
        ring.data_encryption_next,
        ring.data_encryption_retired,
        ring.log_retention,
    }
    assert ring.blind_index not in others
    assert None not in others
    assert len(others) == 4


@pytest.mark.usefixtures("persons")
def test_rows_cannot_name_a_key_that_nobody_registered(exchange: Exchange) -> None:
    unknown = update(KEY).values(key_encryption_key_id="0" * 16)
    with pytest.raises(DatabaseUnavailable):
        exchange.world.owner.run_blocking(lambda c: c.execute(unknown))
