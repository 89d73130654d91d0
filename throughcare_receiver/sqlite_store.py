"""The store in a SQLite file: a row that was once answered for is never lost.

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
from typing import Any, Final, Self

from throughcare_receiver.errors import AnsweredOtherwise, ReceiptReused, StoreError
from throughcare_receiver.notification import Notification, Sequence
from throughcare_receiver.order import Gaps, Placement, gaps, place
from throughcare_receiver.receipt import Receipt
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import Arrival, ReceivedNotification

FILE_NAME: Final = "notifications.sqlite"
"""Name of the database in the folder of the store."""

_VERSION: Final = 3  # of the tables, in the header of the file; another one is refused
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
    answer TEXT,                        -- what we say to it, once chosen
    answer_state TEXT NOT NULL CHECK (answer_state IN ('waiting', 'taken', 'given_up')),
    answered_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS notification_waiting
    ON notification (received_at, jti) WHERE answer_state = 'waiting';
CREATE INDEX IF NOT EXISTS notification_order ON notification (subscriber_sequence);
CREATE INDEX IF NOT EXISTS notification_about ON notification (reference, person_sequence);
CREATE TABLE IF NOT EXISTS receipt (
    leaf_hash BLOB PRIMARY KEY,
    entry_id TEXT NOT NULL,
    due_at TEXT NOT NULL,
    is_included INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT ''       -- as it was signed; older versions did not keep it
) STRICT;
CREATE INDEX IF NOT EXISTS receipt_due ON receipt (due_at) WHERE is_included = 0;
CREATE TABLE IF NOT EXISTS checkpoint (note TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS subscription (
    endpoint TEXT NOT NULL,
    encryption_kid TEXT NOT NULL,
    subscription_id TEXT NOT NULL,
    PRIMARY KEY (endpoint, encryption_kid)
) STRICT;
"""


# What takes the tables of an older version to those of this one.
_UPGRADES: Final = {2: "ALTER TABLE receipt ADD COLUMN note TEXT NOT NULL DEFAULT ''"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSubscription:
    """A subscription that a store was told of: where its notices come, sealed to which key."""

    subscription_id: str
    endpoint: str
    encryption_kid: str


class SqliteStore:
    """One store, to be used from any number of threads (see `NotificationStore`)."""

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
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)  # before SQLite makes it with wider rights
            return cls(_connect(path))
        except (OSError, sqlite3.Error) as error:
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

    def add(self, notification: Notification, *, at: datetime) -> Arrival:
        """Store a notification durably, unless its `jti` is here already."""
        sequence = notification.sequence
        with self._lock:
            placement = self._place(notification)
            stored = self._connection.execute(
                "INSERT INTO notification (jti, txn, issued_at, reference, event_type, content,"
                " subscriber_sequence, person_sequence, received_at, answer_state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting') ON CONFLICT (jti) DO NOTHING",
                (
                    notification.jti,
                    notification.txn,
                    _text(notification.issued_at),
                    notification.reference,
                    notification.event_type,
                    json.dumps(notification.event, ensure_ascii=False, allow_nan=False),
                    sequence.subscriber if sequence else None,
                    sequence.person if sequence else None,
                    _text(at),
                ),
            )
        is_new = stored.rowcount > 0
        return Arrival(
            notification=notification, is_new=is_new, placement=placement if is_new else None
        )

    def get(self, jti: str) -> ReceivedNotification:
        """One that was received; KeyError when it was not."""
        for row in self._read("SELECT * FROM notification WHERE jti = ?", jti):
            return _received(row)
        raise KeyError(jti)

    def received(self) -> tuple[ReceivedNotification, ...]:
        """Everything that was received, the oldest first."""
        rows = self._read("SELECT * FROM notification ORDER BY received_at, jti")
        return tuple(_received(row) for row in rows)

    def gaps(self) -> Gaps:
        """What never came."""
        rows = self._read(
            "SELECT reference, subscriber_sequence, person_sequence FROM notification"
            " WHERE subscriber_sequence IS NOT NULL"
        )
        return gaps(
            (reference, Sequence(subscriber=subscriber, person=person))
            for reference, subscriber, person in rows
        )

    def waiting(self) -> tuple[str, ...]:
        """The `jti` of each that the service is still to be told about, the oldest first."""
        rows = self._read(
            "SELECT jti FROM notification WHERE answer_state = 'waiting' ORDER BY received_at, jti"
        )
        return tuple(row["jti"] for row in rows)

    def choose_answer(self, jti: str, kind: Acknowledgement) -> None:
        """Fix what we say to a notification; AnsweredOtherwise where that was something else."""
        if self._change(
            "UPDATE notification SET answer = ? WHERE jti = ? AND coalesce(answer, ?) = ?",
            kind.value,
            jti,
            kind.value,
            kind.value,
        ):
            return
        self.get(jti)
        raise AnsweredOtherwise("another answer was chosen before")

    def mark_answered(self, jti: str, *, state: str, at: datetime) -> None:
        """Record that the service took our answer, or that it never will."""
        self._change(
            "UPDATE notification SET answer_state = ?, answered_at = ? WHERE jti = ?",
            state,
            _text(at),
            jti,
        )

    def keep_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt; ReceiptReused where it came before."""
        if not self._change(
            "INSERT INTO receipt (leaf_hash, entry_id, due_at, note) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (leaf_hash) DO NOTHING",
            receipt.leaf_hash,
            receipt.entry_id,
            _text(receipt.due_at),
            receipt.note,
        ):
            raise ReceiptReused("the receipt came with an earlier disclosure")

    def due_receipts(self, *, at: datetime) -> tuple[Receipt, ...]:
        """Receipts whose entry must be in the log by now and is not proved to be."""
        rows = self._read(
            "SELECT * FROM receipt WHERE is_included = 0 AND due_at <= ? ORDER BY due_at", _text(at)
        )
        return tuple(
            Receipt(
                entry_id=row["entry_id"],
                leaf_hash=row["leaf_hash"],
                due_at=_instant(row["due_at"]),
                note=row["note"],
            )
            for row in rows
        )

    def receipts(self) -> tuple[str, ...]:
        """The notes of all receipts, to hold the log to them, those of a store of version 2 aside.

        `throughcare access-log verify --receipt` reads them.
        """
        rows = self._read("SELECT note FROM receipt WHERE note <> '' ORDER BY due_at, note")
        return tuple(row["note"] for row in rows)

    def keep_checkpoint(self, note: str) -> None:
        """Keep a checkpoint of the log: it must extend it for ever."""
        self._change("INSERT INTO checkpoint (note) VALUES (?) ON CONFLICT DO NOTHING", note)

    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoints that were kept (`throughcare access-log verify --checkpoint`)."""
        return tuple(row["note"] for row in self._read("SELECT note FROM checkpoint ORDER BY note"))

    def mark_included(self, leaf_hash: bytes) -> None:
        """Record that an entry is proved to be in the log."""
        self._change("UPDATE receipt SET is_included = 1 WHERE leaf_hash = ?", leaf_hash)

    def subscriptions(self) -> tuple[KnownSubscription, ...]:
        """Those that were remembered, the last one at the end; a store should have one."""
        rows = self._read("SELECT * FROM subscription ORDER BY rowid")
        return tuple(KnownSubscription(**dict(row)) for row in rows)

    def remember_subscription(
        self, subscription_id: str, *, endpoint: str, encryption_kid: str
    ) -> None:
        """Keep the id of a subscription, in place of an older one and of its earlier endpoint."""
        self._change(
            "INSERT OR REPLACE INTO subscription (subscription_id, endpoint, encryption_kid)"
            " VALUES (?, ?, ?)",
            subscription_id,
            endpoint,
            encryption_kid,
        )
        self._change(
            "DELETE FROM subscription"
            " WHERE subscription_id = ? AND (endpoint, encryption_kid) <> (?, ?)",
            subscription_id,
            endpoint,
            encryption_kid,
        )

    def _place(self, notification: Notification) -> Placement | None:
        """Where it stands among those before it. The caller holds the lock."""
        if notification.sequence is None:
            return None
        [highest] = self._connection.execute(
            "SELECT max(subscriber_sequence) FROM notification"
        ).fetchone()
        [about] = self._connection.execute(
            "SELECT max(person_sequence) FROM notification WHERE reference = ?",
            (notification.reference,),
        ).fetchone()
        return place(notification.sequence, highest=highest or 0, highest_about_person=about or 0)

    def _change(self, statement: str, *values: object) -> bool:
        """Run one statement as one transaction; whether it changed a row."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount > 0

    def _read(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


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
    if version not in (0, *_UPGRADES, _VERSION):
        raise StoreError(f"the tables are of version {version}, expected {_VERSION}")
    if version in _UPGRADES:
        # In one transaction with the version: a step that was taken is not taken again.
        step = f"BEGIN IMMEDIATE; {_UPGRADES[version]}; PRAGMA user_version = {_VERSION}; COMMIT"
        connection.executescript(step)
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
        answer=Acknowledgement(row["answer"]) if row["answer"] else None,
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
