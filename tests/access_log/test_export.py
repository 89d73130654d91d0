"""What is done to the real database is found through an export that is made from it."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Connection, delete, select, text, update

from app.access_log import checkpoints, ledger
from app.access_log.checkpoints import CHECKPOINT, SignedCheckpoint
from app.access_log.erasure import ERASED_ENTRIES, erase_subject, is_unsigned
from app.access_log.export import export
from app.access_log.findings import Finding, Report
from app.access_log.ledger import ENTRY, HEAD, LOOKUP, AppendedEntry
from app.access_log.merkle import Frontier
from app.access_log.note import Verifier
from app.access_log.sealing import LogKeys
from app.access_log.tiles import TILE
from app.access_log.verifier import verify_export
from app.access_log.vocabulary import Operation
from app.access_log.vouching import Evidence
from app.crypto.log_signing import LogSigningKey

Record = Callable[..., AppendedEntry]
Verify = Callable[..., Report]
SIZE = 270  # a full tile and a part


@pytest.fixture
def signed(
    connection: Connection, record: Record, log_key: LogSigningKey, origin: str, at: datetime
) -> SignedCheckpoint:
    for number in range(SIZE):
        record(connection, number, person=f"person-{number % 3}" if number % 4 else None)
    ledger.integrate(connection)
    checkpoints.publish(connection, key=log_key, origin=origin, at=at)
    newest = checkpoints.latest(connection)
    assert newest is not None
    return newest


@pytest.fixture
def verify(
    connection: Connection, signed: SignedCheckpoint, log_keys: LogKeys, verifier: Verifier
) -> Verify:
    """Export what the database holds now, and verify it."""

    def verify(checkpoint: SignedCheckpoint = signed, *saved: str) -> Report:
        lines = export(connection, checkpoint, keys=log_keys)
        return verify_export(lines, Evidence(verifiers=[verifier], saved_checkpoints=saved))

    return verify


def entry_id(connection: Connection, index: int) -> str:
    return str(connection.scalar(select(LOOKUP.c.entry_id).where(LOOKUP.c.log_index == index)))


def test_an_untouched_log_verifies(verify: Verify, signed: SignedCheckpoint, origin: str) -> None:
    assert verify(signed, signed.note) == Report(origin=origin, size=SIZE)


def test_a_log_that_went_on_verifies_as_of_its_checkpoint(
    verify: Verify, connection: Connection, record: Record
) -> None:
    record(connection, SIZE)
    ledger.integrate(connection)
    assert verify().size == SIZE


def test_withheld_inputs_leave_a_log_that_verifies(
    connection: Connection,
    record: Record,
    verify: Verify,
    log_key: LogSigningKey,
    origin: str,
    at: datetime,
) -> None:
    record(connection, SIZE, inputs={"days_to_release": 30})
    ledger.integrate(connection)
    checkpoints.publish(connection, key=log_key, origin=origin, at=at)
    newest = checkpoints.latest(connection)
    assert verify(newest) == Report(origin=origin, size=SIZE + 1)


def test_a_leaf_that_was_stored_as_text_is_exported_and_judged(
    verify: Verify, connection: Connection
) -> None:
    if connection.dialect.name != "sqlite":
        pytest.skip("only SQLite keeps text in a column of bytes")
    connection.execute(
        text("UPDATE access_log_entry SET leaf = '{}' WHERE entry_id = :id"),
        {"id": entry_id(connection, 3)},
    )
    assert (verify().finding, verify().index) == (Finding.EDITED_LEAF, 3)


@pytest.mark.parametrize("index", [0, 255, 256, SIZE - 1])
def test_an_edited_row_is_found(verify: Verify, connection: Connection, index: int) -> None:
    leaf = connection.scalar(
        select(ENTRY.c.leaf).where(ENTRY.c.entry_id == entry_id(connection, index))
    )
    assert leaf is not None
    connection.execute(
        update(ENTRY)
        .where(ENTRY.c.entry_id == entry_id(connection, index))
        .values(leaf=leaf.replace(b"sha256:0", b"sha256:1"))
    )
    report = verify()
    assert (report.finding, report.index) == (Finding.EDITED_LEAF, index)


def test_a_leaf_that_is_no_text_any_more_is_found(verify: Verify, connection: Connection) -> None:
    connection.execute(
        update(ENTRY).where(ENTRY.c.entry_id == entry_id(connection, 9)).values(leaf=b"\xff")
    )
    report = verify()
    assert (report.finding, report.index) == (Finding.EDITED_LEAF, 9)


@pytest.mark.parametrize("table", [ENTRY, LOOKUP])
@pytest.mark.parametrize("index", [3, 254])
def test_a_deleted_row_is_found(
    verify: Verify, connection: Connection, table: object, index: int
) -> None:
    column = table.c.entry_id  # type: ignore[attr-defined]  # both tables have it
    connection.execute(delete(column.table).where(column == entry_id(connection, index)))
    report = verify()
    assert (report.finding, report.index) == (Finding.DELETED_ROW, index)


def test_a_truncated_tail_is_found(verify: Verify, connection: Connection) -> None:
    tail = select(LOOKUP.c.entry_id).where(LOOKUP.c.log_index >= 260)
    connection.execute(delete(ENTRY).where(ENTRY.c.entry_id.in_(tail)))
    report = verify()
    assert (report.finding, report.index) == (Finding.TRUNCATED, 260)


def test_rows_that_changed_places_are_found(verify: Verify, connection: Connection) -> None:
    first, second = entry_id(connection, 10), entry_id(connection, 20)
    for index, new in ((10, "aside"), (20, first), (10, second)):
        connection.execute(update(LOOKUP).where(LOOKUP.c.log_index == index).values(entry_id=new))
    report = verify()
    assert (report.finding, report.index) == (Finding.REORDERED_ROWS, 10)


def test_a_lost_or_edited_hash_is_found(verify: Verify, connection: Connection) -> None:
    row = LOOKUP.c.log_index == 265
    connection.execute(update(LOOKUP).where(row).values(leaf_hash=bytes(32)))
    assert (verify().finding, verify().index) == (Finding.BAD_TILE, 265)
    connection.execute(delete(LOOKUP).where(row))
    assert (verify().finding, verify().index) == (Finding.BAD_TILE, 265)


def test_an_edited_tile_is_found(verify: Verify, connection: Connection) -> None:
    hashes = connection.scalar(select(TILE.c.hashes)) or b""
    connection.execute(update(TILE).values(hashes=hashes[:320] + bytes(32) + hashes[352:]))
    assert (verify().finding, verify().index) == (Finding.BAD_TILE, 10)


@pytest.mark.parametrize(("column", "index"), [("retained", 4), ("personal", 5)])
def test_an_edited_ciphertext_is_found(
    verify: Verify, connection: Connection, column: str, index: int
) -> None:
    connection.execute(
        update(ENTRY)
        .where(ENTRY.c.entry_id == entry_id(connection, index))
        .values({column: bytes(99)})
    )
    report = verify()
    assert (report.finding, report.index) == (Finding.DAMAGED_SECTION, index)


def test_ciphertexts_that_changed_places_are_found(verify: Verify, connection: Connection) -> None:
    other = connection.scalar(
        select(ENTRY.c.retained).where(ENTRY.c.entry_id == entry_id(connection, 7))
    )
    connection.execute(
        update(ENTRY).where(ENTRY.c.entry_id == entry_id(connection, 6)).values(retained=other)
    )
    assert (verify().finding, verify().index) == (Finding.DAMAGED_SECTION, 6)


def of_person(
    connection: Connection, log_keys: LogKeys, person: str
) -> tuple[str, tuple[int, ...]]:
    """The fingerprint of a person, and the places of the entries about it."""
    subject = log_keys.subject_index(person)
    query = select(LOOKUP.c.log_index).where(LOOKUP.c.subject_index == subject)
    return subject, tuple(connection.scalars(query.order_by(LOOKUP.c.log_index)))


def test_everything_verifies_after_erasures_and_each_gap_is_explained_by_its_own(
    verify: Verify,
    connection: Connection,
    record: Record,
    log_keys: LogKeys,
    log_key: LogSigningKey,
    origin: str,
    at: datetime,
) -> None:
    explained = {}
    for number, person in enumerate(("person-1", "person-2"), start=SIZE):
        subject, places = of_person(connection, log_keys, person)
        entries = list(erase_subject(connection, subject).entries)
        fields = {ERASED_ENTRIES: entries}
        record(connection, number, person=None, operation=Operation.ERASURE, fields=fields)
        explained[number] = places
        assert is_unsigned(connection, SIZE)
    # What is not yet signed does not explain anything.
    first = min(min(places) for places in explained.values())
    assert (verify().finding, verify().index) == (Finding.UNEXPLAINED, first)
    ledger.integrate(connection)
    checkpoints.publish(connection, key=log_key, origin=origin, at=at)
    newest = checkpoints.latest(connection)
    assert is_unsigned(connection, SIZE)
    assert not is_unsigned(connection, SIZE + 2)
    report = verify(newest)
    assert (report.finding, report.erasures) == (None, explained)
    assert report.erased == sum(len(places) for places in explained.values()) > 2


def test_a_log_that_was_cut_and_signed_anew_is_found_by_who_kept_a_checkpoint(
    verify: Verify,
    connection: Connection,
    signed: SignedCheckpoint,
    log_key: LogSigningKey,
    origin: str,
    at: datetime,
) -> None:
    """All of it in the hands of one who holds database and signing key."""
    hashes = connection.scalars(
        select(LOOKUP.c.leaf_hash).where(LOOKUP.c.log_index < 200).order_by(LOOKUP.c.log_index)
    ).all()
    connection.execute(delete(CHECKPOINT))
    connection.execute(delete(TILE))
    connection.execute(delete(LOOKUP).where(LOOKUP.c.log_index >= 200))
    peaks = Frontier().extend(hashes).to_bytes()
    connection.execute(update(HEAD).values(size=200, peaks=peaks))
    checkpoints.publish(connection, key=log_key, origin=origin, at=at)
    anew = checkpoints.latest(connection)
    assert anew is not None
    assert verify(anew).finding is None
    report = verify(anew, signed.note)
    assert (report.finding, report.index) == (Finding.BEHIND_SAVED_CHECKPOINT, 200)
    # Who verifies yesterday's export beside today's checkpoint must not take it for tampering.
    assert report.detail.endswith("older than that checkpoint: then take a fresh export")
