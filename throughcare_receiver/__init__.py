"""The receiving side of Throughcare: verify, open, order, deduplicate, acknowledge, check.

For an agency's own system, on `cryptography` and nothing else; it shares no code with the
service. `Receiver` does what is needed with each notification; `check_receipt`, `check_entry` and
`check_promises` hold the service's access log to its promise. README.md shows how.
"""

from throughcare_receiver.errors import NotificationRefused, ReceiverError, TryLater
from throughcare_receiver.inclusion import check_inclusion
from throughcare_receiver.keys import DecryptionKey, KeySet, SigningKey
from throughcare_receiver.note import LogKey
from throughcare_receiver.notification import Notification, open_notification
from throughcare_receiver.promises import BrokenPromise, check_promises
from throughcare_receiver.receipt import Disclosed, Receipt, check_entry, check_receipt
from throughcare_receiver.receiver import Receiver
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import Arrival, MemoryStore, NotificationStore

__all__ = [
    "Acknowledgement",
    "Arrival",
    "BrokenPromise",
    "DecryptionKey",
    "Disclosed",
    "KeySet",
    "LogKey",
    "MemoryStore",
    "Notification",
    "NotificationRefused",
    "NotificationStore",
    "Receipt",
    "Receiver",
    "ReceiverError",
    "SenderKeys",
    "SigningKey",
    "SqliteStore",
    "TryLater",
    "check_entry",
    "check_inclusion",
    "check_promises",
    "check_receipt",
    "open_notification",
]
