import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.receiver.errors import StoreError
from app.receiver.notification import Notification, Sequence
from app.receiver.store import (
    FILE_NAME,
    GIVEN_UP,
    TAKEN,
    WAITING,
    NotificationStore,
    ReceivedNotification,
)

AT = datetime(2026, 11, 2, 9, 0, 0, 123_456, tzinfo=UTC)
NOTICE = Notification(
    jti="n-1",
    txn="txn-1",
    issued_at=datetime(2026, 11, 2, 8, 59, tzinfo=UTC),
    reference="ref-1",
    event_type="release_planned",
    event={"planned_release_date": "2027-01-15", "names": ["Ščepan", None, 1]},
    sequence=Sequence(subscriber=7, person=2),
)
VERIFICATION = replace(
    NOTICE,
    jti="v-1",
    reference=None,
    sequence=None,
    event_type="verification",
    event={"nonce": "x"},
)


def test_what_is_stored_comes_back_whole(store: NotificationStore) -> None:
    assert store.add(NOTICE, at=AT)
    assert store.get("n-1") == ReceivedNotification(
        notification=NOTICE, received_at=AT, answer_state=WAITING, answered_at=None
    )


def test_a_verification_comes_back_whole(store: NotificationStore) -> None:
    assert store.add(VERIFICATION, at=AT)
    assert store.get("v-1").notification == VERIFICATION


def test_a_repeated_delivery_changes_nothing(store: NotificationStore) -> None:
    assert store.add(NOTICE, at=AT)
    assert not store.add(replace(NOTICE, event={"other": 1}), at=AT + timedelta(hours=1))
    assert [received.notification for received in store.received()] == [NOTICE]


def test_what_is_not_there_is_a_key_error(store: NotificationStore) -> None:
    with pytest.raises(KeyError):
        store.get("n-1")


def test_the_oldest_waits_in_front(store: NotificationStore) -> None:
    for place, name in enumerate(("c", "a", "b")):
        store.add(replace(NOTICE, jti=name), at=AT + timedelta(microseconds=place))
    assert store.waiting() == ("c", "a", "b")
    assert [received.notification.jti for received in store.received()] == ["c", "a", "b"]


@pytest.mark.parametrize("state", [TAKEN, GIVEN_UP])
def test_what_is_answered_waits_no_more(store: NotificationStore, state: str) -> None:
    store.add(NOTICE, at=AT)
    store.mark_answered("n-1", state=state, at=AT + timedelta(seconds=1))
    assert store.waiting() == ()
    received = store.get("n-1")
    assert (received.answer_state, received.answered_at) == (state, AT + timedelta(seconds=1))


def test_a_repeated_delivery_is_not_answered_again(store: NotificationStore) -> None:
    store.add(NOTICE, at=AT)
    store.mark_answered("n-1", state=TAKEN, at=AT)
    store.add(NOTICE, at=AT)
    assert store.waiting() == ()


def test_a_subscription_is_kept_for_its_endpoint_and_key(store: NotificationStore) -> None:
    store.remember_subscription("sub-1", endpoint="https://a.example", encryption_kid="k-1")
    store.remember_subscription("sub-2", endpoint="https://a.example", encryption_kid="k-2")
    store.remember_subscription("sub-3", endpoint="https://a.example", encryption_kid="k-1")
    assert store.subscription(endpoint="https://a.example", encryption_kid="k-1") == "sub-3"
    assert store.subscription(endpoint="https://a.example", encryption_kid="k-2") == "sub-2"
    assert store.subscription(endpoint="https://b.example", encryption_kid="k-1") is None


def test_closing_and_opening_loses_nothing(tmp_path: Path) -> None:
    with NotificationStore.open(tmp_path) as store:
        store.add(NOTICE, at=AT)
        store.remember_subscription("sub-1", endpoint="https://a.example", encryption_kid="k")
    with NotificationStore.open(tmp_path) as store:
        assert store.get("n-1").notification == NOTICE
        assert store.subscription(endpoint="https://a.example", encryption_kid="k") == "sub-1"


def test_another_process_may_read_along(store: NotificationStore, tmp_path: Path) -> None:
    store.add(NOTICE, at=AT)
    with NotificationStore.open(tmp_path / "store") as reader:
        assert reader.get("n-1").notification == NOTICE


def test_every_commit_waits_for_the_disk(store: NotificationStore) -> None:
    full = 2
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == full  # noqa: SLF001 - a property of the open connection alone


def test_the_store_is_for_its_owner_alone(store: NotificationStore, tmp_path: Path) -> None:
    store.add(NOTICE, at=AT)
    folder = tmp_path / "store"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_of_many_at_once_one_stores(store: NotificationStore) -> None:
    outcomes: list[bool] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(store.add(NOTICE, at=AT))) for _ in range(8)
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
    with pytest.raises(StoreError, match="version 99, expected 1"):
        NotificationStore.open(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"something else " * 100)
    with pytest.raises(StoreError, match="not a database"):
        NotificationStore.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        NotificationStore.open(tmp_path / "file")


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from app.receiver.notification import Notification
from app.receiver.store import NotificationStore
at = datetime(2026, 11, 2, tzinfo=UTC)
store = NotificationStore.open(Path(sys.argv[1]))
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
    with NotificationStore.open(tmp_path) as store:
        stored = {received.notification.jti for received in store.received()}
        assert stored >= set(said)
        assert set(store.waiting()) == stored
