"""What only the file can promise; what every store promises is in test_store.py."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.throughcare_receiver.notices import AT, NOTICE
from throughcare_receiver.errors import StoreError
from throughcare_receiver.sqlite_store import FILE_NAME, KnownSubscription, SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "store") as store:
        yield store


def test_a_subscription_is_kept_with_its_present_endpoint_and_key(store: SqliteStore) -> None:
    store.remember_subscription("sub-1", endpoint="https://a.example", encryption_kid="k-1")
    store.remember_subscription("sub-2", endpoint="https://a.example", encryption_kid="k-2")
    store.remember_subscription("sub-3", endpoint="https://a.example", encryption_kid="k-1")
    store.remember_subscription("sub-2", endpoint="https://b.example", encryption_kid="k-2")
    assert store.subscriptions() == (
        KnownSubscription(
            subscription_id="sub-3", endpoint="https://a.example", encryption_kid="k-1"
        ),
        KnownSubscription(
            subscription_id="sub-2", endpoint="https://b.example", encryption_kid="k-2"
        ),
    )


def test_closing_and_opening_loses_nothing(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path) as store:
        store.add(NOTICE, at=AT)
        store.remember_subscription("sub-1", endpoint="https://a.example", encryption_kid="k")
    with SqliteStore.open(tmp_path) as store:
        assert store.get("n-1").notification == NOTICE
        assert [one.subscription_id for one in store.subscriptions()] == ["sub-1"]


def test_another_process_may_read_along(store: SqliteStore, tmp_path: Path) -> None:
    store.add(NOTICE, at=AT)
    with SqliteStore.open(tmp_path / "store") as reader:
        assert reader.get("n-1").notification == NOTICE


def test_every_commit_waits_for_the_disk(store: SqliteStore) -> None:
    full = 2
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == full  # noqa: SLF001 - a property of the open connection alone


def test_the_store_is_for_its_owner_alone(store: SqliteStore, tmp_path: Path) -> None:
    store.add(NOTICE, at=AT)
    folder = tmp_path / "store"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_of_many_at_once_one_stores(store: SqliteStore) -> None:
    outcomes: list[bool] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(store.add(NOTICE, at=AT).is_new))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="version 99, expected 3"):
        SqliteStore.open(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"something else " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        SqliteStore.open(tmp_path / "file")


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from throughcare_receiver.notification import Notification
from throughcare_receiver.sqlite_store import SqliteStore
at = datetime(2026, 11, 2, tzinfo=UTC)
store = SqliteStore.open(Path(sys.argv[1]))
for number in range(1_000_000):
    name = f"n-{number}"
    store.add(
        Notification(jti=name, txn="t", issued_at=at, reference="r", event_type="released",
                     event={"number": number}, sequence=None), at=at)
    print(name, flush=True)
"""


def test_kill_9_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    with SqliteStore.open(tmp_path) as store:
        stored = {received.notification.jti for received in store.received()}
        assert stored >= set(said)
        assert set(store.waiting()) == stored


def test_a_store_of_version_2_is_taken_over_with_its_receipts(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(
            "CREATE TABLE receipt (leaf_hash BLOB PRIMARY KEY, entry_id TEXT NOT NULL,"
            " due_at TEXT NOT NULL, is_included INTEGER NOT NULL DEFAULT 0) STRICT;"
            "INSERT INTO receipt VALUES (x'00', 'entry-1', '2026-01-01T00:00:00.000000+00:00', 0);"
            "PRAGMA user_version = 2"
        )
    for _ in range(2):
        with SqliteStore.open(tmp_path) as store:
            assert [one.entry_id for one in store.due_receipts(at=AT)] == ["entry-1"]
            assert store.receipts() == ()
