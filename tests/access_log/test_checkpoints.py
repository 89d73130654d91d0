from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import CheckpointRefused, open_checkpoint
from app.access_log.checkpoints import (
    CHECKPOINT,
    CheckpointMissing,
    LogBehindCheckpoint,
    LogContradicted,
    LogForked,
)
from app.access_log.ledger import HEAD, LOOKUP, AppendedEntry
from app.access_log.note import NoteRefused, Verifier
from app.crypto.log_signing import LogSigningKey
from app.database import Database

Record = Callable[..., AppendedEntry]
Publish = Callable[[Connection], str]


@pytest.fixture
def publish(log_key: LogSigningKey, origin: str, at: datetime) -> Publish:
    return lambda connection: checkpoints.publish(connection, key=log_key, origin=origin, at=at)


@pytest.fixture
def grow(record: Record) -> Callable[[Connection, int], None]:
    def grow(connection: Connection, count: int) -> None:
        for number in range(count):
            record(connection, number)
        ledger.integrate(connection)

    return grow


Grow = Callable[[Connection, int], None]


def test_a_checkpoint_vouches_for_the_head(
    connection: Connection, grow: Grow, publish: Publish, verifier: Verifier, origin: str
) -> None:
    grow(connection, 3)
    checkpoint = open_checkpoint(publish(connection), [verifier])
    assert checkpoint == ledger.read_head(connection).checkpoint(origin)


def test_the_empty_log_can_be_signed(
    connection: Connection, publish: Publish, verifier: Verifier
) -> None:
    assert open_checkpoint(publish(connection), [verifier]).size == 0


def test_one_size_is_signed_once(connection: Connection, grow: Grow, publish: Publish) -> None:
    grow(connection, 1)
    first = publish(connection)
    assert publish(connection) == first
    newest = checkpoints.latest(connection)
    assert newest is not None
    assert newest.note == first


def test_each_checkpoint_extends_the_one_before(
    connection: Connection, grow: Grow, publish: Publish, verifier: Verifier, origin: str
) -> None:
    for size in (1, 2, 3):
        grow(connection, 1)
        note = publish(connection)
        assert open_checkpoint(note, [verifier]).size == size
        checkpoints.check_against(connection, note, verifiers=[verifier], origin=origin)


def test_only_what_is_committed_is_signed(
    database: Database, record: Record, publish: Publish, verifier: Verifier
) -> None:
    """Entries of the same batch have no index yet when the head is read."""

    def append_and_publish(connection: Connection) -> str:
        record(connection)
        return publish(connection)

    note = database.run_blocking(append_and_publish)
    assert open_checkpoint(note, [verifier]).size == 0


def test_a_log_that_shrank_is_not_signed(
    connection: Connection, grow: Grow, publish: Publish
) -> None:
    grow(connection, 2)
    publish(connection)
    connection.execute(update(HEAD).values(size=0, peaks=b""))
    with pytest.raises(LogBehindCheckpoint):
        publish(connection)


def test_a_log_that_was_rewritten_is_not_signed(
    connection: Connection, grow: Grow, publish: Publish
) -> None:
    grow(connection, 2)
    publish(connection)
    connection.execute(update(LOOKUP).where(LOOKUP.c.log_index == 0).values(leaf_hash=bytes(32)))
    grow(connection, 1)
    with pytest.raises(LogForked):
        publish(connection)


def test_a_head_that_was_rewritten_is_not_signed(
    connection: Connection, grow: Grow, publish: Publish
) -> None:
    grow(connection, 2)
    connection.execute(update(HEAD).values(peaks=bytes(32)))
    with pytest.raises(LogForked):
        publish(connection)


def test_a_log_is_not_signed_under_another_name(
    connection: Connection, grow: Grow, publish: Publish, log_key: LogSigningKey, at: datetime
) -> None:
    grow(connection, 1)
    publish(connection)
    with pytest.raises(LogContradicted):
        checkpoints.publish(connection, key=log_key, origin="other.example", at=at)


def test_a_database_that_extends_a_saved_checkpoint_passes(
    connection: Connection, grow: Grow, publish: Publish, verifier: Verifier, origin: str
) -> None:
    grow(connection, 3)
    note = publish(connection)
    grow(connection, 300)
    saved = checkpoints.check_against(connection, note, verifiers=[verifier], origin=origin)
    assert saved.size == 3


def test_a_database_behind_a_saved_checkpoint_is_refused(
    connection: Connection, grow: Grow, publish: Publish, verifier: Verifier, origin: str
) -> None:
    """A backup from before the checkpoint was restored."""
    grow(connection, 2)
    with connection.begin_nested() as savepoint:
        grow(connection, 1)
        note = publish(connection)
        savepoint.rollback()
    with pytest.raises(LogBehindCheckpoint, match="2 entries, 3 were signed"):
        checkpoints.check_against(connection, note, verifiers=[verifier], origin=origin)


def test_a_database_that_went_another_way_is_refused(
    connection: Connection, grow: Grow, publish: Publish, verifier: Verifier, origin: str
) -> None:
    """The backup was restored, and the service went on."""
    with connection.begin_nested() as savepoint:
        grow(connection, 2)
        note = publish(connection)
        savepoint.rollback()
    grow(connection, 3)
    with pytest.raises(LogForked):
        checkpoints.check_against(connection, note, verifiers=[verifier], origin=origin)


def test_a_saved_checkpoint_must_be_of_this_log_and_rightly_signed(
    connection: Connection, publish: Publish, verifier: Verifier, origin: str
) -> None:
    note = publish(connection)
    with pytest.raises(NoteRefused):
        checkpoints.check_against(
            connection, note.replace("\n0\n", "\n1\n"), verifiers=[verifier], origin=origin
        )
    with pytest.raises(CheckpointRefused):
        checkpoints.check_against(connection, note, verifiers=[verifier], origin="other.example")


def test_the_file_holds_the_newest_note(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    assert checkpoints.read_checkpoint_file(path) is None
    for note in ("first\n", "— second\n"):
        checkpoints.write_checkpoint_file(path, note)
        assert checkpoints.read_checkpoint_file(path) == note
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_a_note_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoints.write_checkpoint_file(path, "first\n")
    with pytest.raises(UnicodeEncodeError):
        checkpoints.write_checkpoint_file(path, "\ud800")
    assert checkpoints.read_checkpoint_file(path) == "first\n"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_a_start_is_held_to_the_file(
    connection: Connection,
    grow: Grow,
    publish: Publish,
    verifier: Verifier,
    origin: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "checkpoint"

    def start() -> None:
        checkpoints.check_at_start(connection, path, verifiers=[verifier], origin=origin)

    start()  # nothing yet
    grow(connection, 2)
    with pytest.raises(CheckpointMissing):
        start()
    checkpoints.write_checkpoint_file(path, publish(connection))
    start()
    connection.execute(delete(HEAD))
    connection.execute(delete(CHECKPOINT))
    with pytest.raises(LogBehindCheckpoint):
        start()
