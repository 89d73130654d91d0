"""What was received, kept in a SQLite file: a row that was once answered for is never lost.

Each statement is a transaction of its own; with `synchronous=FULL` a commit has reached the
disk when the call returns, so that neither `kill -9` nor a power cut takes it back. The content
is personal data in clear: folder and file are for their owner alone.
"""

import json
import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from app.receiver.errors import ConfigurationError, StoreError
from app.receiver.notification import Notification, Sequence
from app.receiver.private_files import make_private_folder

FILE_NAME = "notifications.sqlite"
"""Name of the database in the folder of the store."""

_VERSION: Final = 1  # of the tables, in the header of the file; another one is refused
_BUSY_SECONDS: Final = 10.0  # a second process that reads along holds the file for less

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS notification (
    jti TEXT PRIMARY KEY,
    txn TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    reference TEXT,
    event_type TEXT NOT NULL,
    content TEXT NOT NULL,              -- the event, as JSON
    subscriber_sequence INTEGER,
    person_sequence INTEGER,
    received_at TEXT NOT NULL,
    answer_state TEXT NOT NULL CHECK (answer_state IN ('waiting', 'taken', 'given_up')),
    answered_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS notification_waiting
    ON notification (received_at, jti) WHERE answer_state = 'waiting';
CREATE TABLE IF NOT EXISTS subscription (
    endpoint TEXT NOT NULL,
    encryption_kid TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    PRIMARY KEY (endpoint, encryption_kid)
) STRICT;
"""

WAITING: Final = "waiting"
"""The service has not yet been told that the notification is here."""
TAKEN: Final = "taken"
"""The service has taken our answer."""
GIVEN_UP: Final = "given_up"
"""The service says that it will never take an answer (410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedNotification:
    """A notification with what became of it here."""

    notification: Notification
    received_at: datetime
    answer_state: str
    answered_at: datetime | None


class NotificationStore:
    """One store, to be used from any number of threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the store in a folder; both are made when they are not there.

        Raises:
            StoreError: the folder or the file cannot be used, or is of another version.
        """
        path = folder / FILE_NAME
        try:
            make_private_folder(folder)
            path.touch(mode=0o600)  # before SQLite makes it with wider rights
            return cls(_connect(path))
        except (ConfigurationError, OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was stored stays."""
        with self._lock:
            self._connection.close()

    def add(self, notification: Notification, *, at: datetime) -> bool:
        """Store a notification durably; False when its `jti` is here already.

        The first content under a `jti` stays: a repeated delivery tells the same fact.
        """
        sequence = notification.sequence
        return self._change(
            "INSERT INTO notification (jti, txn, issued_at, reference, event_type, content,"
            " subscriber_sequence, person_sequence, received_at, answer_state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting') ON CONFLICT (jti) DO NOTHING",
            notification.jti,
            notification.txn,
            _text(notification.issued_at),
            notification.reference,
            notification.event_type,
            json.dumps(notification.event, ensure_ascii=False, allow_nan=False),
            sequence.subscriber if sequence else None,
            sequence.person if sequence else None,
            _text(at),
        )

    def waiting(self) -> tuple[str, ...]:
        """The `jti` of each that the service is still to be told about, the oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT jti FROM notification WHERE answer_state = 'waiting'"
                " ORDER BY received_at, jti"
            ).fetchall()
        return tuple(row["jti"] for row in rows)

    def get(self, jti: str) -> ReceivedNotification:
        """One that was received; KeyError when it was not."""
        for received in self._read("SELECT * FROM notification WHERE jti = ?", jti):
            return received
        raise KeyError(jti)

    def received(self) -> tuple[ReceivedNotification, ...]:
        """Everything that was received, the oldest first."""
        return self._read("SELECT * FROM notification ORDER BY received_at, jti")

    def mark_answered(self, jti: str, *, state: str, at: datetime) -> None:
        """Record that the service took our answer, or that it never will."""
        self._change(
            "UPDATE notification SET answer_state = ?, answered_at = ? WHERE jti = ?",
            state,
            _text(at),
            jti,
        )

    def subscription(self, *, endpoint: str, encryption_kid: str) -> str | None:
        """The id of our subscription for this endpoint and this key, where there is one."""
        with self._lock:
            row = self._connection.execute(
                "SELECT subscription_id FROM subscription"
                " WHERE endpoint = ? AND encryption_kid = ?",
                (endpoint, encryption_kid),
            ).fetchone()
        return row["subscription_id"] if row else None

    def remember_subscription(
        self, subscription_id: str, *, endpoint: str, encryption_kid: str
    ) -> None:
        """Keep the id of a subscription, in place of an older one."""
        self._change(
            "INSERT OR REPLACE INTO subscription (subscription_id, endpoint, encryption_kid)"
            " VALUES (?, ?, ?)",
            subscription_id,
            endpoint,
            encryption_kid,
        )

    def _change(self, statement: str, *values: object) -> bool:
        """Run one statement as one transaction; whether it changed a row."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount > 0

    def _read(self, query: str, *values: object) -> tuple[ReceivedNotification, ...]:
        with self._lock:
            rows = self._connection.execute(query, values).fetchall()
        return tuple(_received(row) for row in rows)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,  # every statement commits by itself
        check_same_thread=False,  # the store's lock takes care of this
    )
    try:
        _prepare(connection)
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # WAL alone would put off the write to disk
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, _VERSION):
        raise StoreError(f"the tables are of version {version}, expected {_VERSION}")
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _received(row: sqlite3.Row) -> ReceivedNotification:
    return ReceivedNotification(
        notification=Notification(
            jti=row["jti"],
            txn=row["txn"],
            issued_at=_instant(row["issued_at"]),
            reference=row["reference"],
            event_type=row["event_type"],
            event=json.loads(row["content"]),
            sequence=_sequence(row["subscriber_sequence"], row["person_sequence"]),
        ),
        received_at=_instant(row["received_at"]),
        answer_state=row["answer_state"],
        answered_at=_instant(row["answered_at"]) if row["answered_at"] else None,
    )


def _sequence(subscriber: int | None, person: int | None) -> Sequence | None:
    if subscriber is None or person is None:
        return None
    return Sequence(subscriber=subscriber, person=person)


def _text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: texts of one length, which sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
