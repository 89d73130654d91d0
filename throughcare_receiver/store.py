"""What was received, and what became of it: the interface, and a store that forgets.

A notification is received once it is stored, and stored once: its `jti` is the same at every
attempt to deliver it. A store is of one subscription, because sequence numbers are.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from throughcare_receiver.errors import AnsweredOtherwise, ReceiptReused
from throughcare_receiver.notification import Notification, Sequence
from throughcare_receiver.order import Gaps, Placement, gaps, place
from throughcare_receiver.receipt import Receipt
from throughcare_receiver.statements import Acknowledgement

WAITING: Final = "waiting"
"""The service has not yet been told that the notification is here."""
TAKEN: Final = "taken"
"""The service has taken our answer."""
GIVEN_UP: Final = "given_up"
"""The service says that it will never take an answer (410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A notification that came. `placement` is None where it came before or has no sequence."""

    notification: Notification
    is_new: bool
    placement: Placement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedNotification:
    """A notification with what became of it here; `answer` is what we say to it, once chosen."""

    notification: Notification
    received_at: datetime
    answer: Acknowledgement | None
    answer_state: str
    answered_at: datetime | None


class NotificationStore(Protocol):
    """Where notifications go. Every method is durable when it returns, and safe from any thread."""

    def add(self, notification: Notification, *, at: datetime) -> Arrival:
        """Store a notification, unless its `jti` is here already; then the first content stays."""
        ...

    def get(self, jti: str) -> ReceivedNotification:
        """One that was received; KeyError when it was not."""
        ...

    def received(self) -> tuple[ReceivedNotification, ...]:
        """Everything that was received, the oldest first."""
        ...

    def gaps(self) -> Gaps:
        """What never came."""
        ...

    def waiting(self) -> tuple[str, ...]:
        """The `jti` of each that the service is still to be told about, the oldest first."""
        ...

    def choose_answer(self, jti: str, kind: Acknowledgement) -> None:
        """Fix what we say to a notification; the same again is fine.

        Raises:
            AnsweredOtherwise: another answer was chosen before.
            KeyError: there is no such notification.
        """
        ...

    def mark_answered(self, jti: str, *, state: str, at: datetime) -> None:
        """Record that the service took our answer, or that it never will."""
        ...

    def keep_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt until its entry is proved to be in the log.

        Raises:
            ReceiptReused: it came before, so the disclosure with it is not in the log.
        """
        ...

    def due_receipts(self, *, at: datetime) -> tuple[Receipt, ...]:
        """Receipts whose entry must be in the log by now and is not proved to be."""
        ...

    def mark_included(self, leaf_hash: bytes) -> None:
        """Record that an entry is proved to be in the log."""
        ...

    def keep_checkpoint(self, note: str) -> None:
        """Keep a checkpoint of the log: a log that later does not extend it was rewritten."""
        ...


class MemoryStore:
    """A store for tests and for trying things out: what it holds ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: dict[str, ReceivedNotification] = {}
        self._receipts: dict[bytes, Receipt] = {}
        self._included: set[bytes] = set()
        self._checkpoints: set[str] = set()

    def add(self, notification: Notification, *, at: datetime) -> Arrival:
        """See `NotificationStore`."""
        with self._lock:
            if notification.jti in self._received:
                return Arrival(notification=notification, is_new=False, placement=None)
            placement = self._place(notification)
            self._received[notification.jti] = ReceivedNotification(
                notification=notification,
                received_at=at,
                answer=None,
                answer_state=WAITING,
                answered_at=None,
            )
        return Arrival(notification=notification, is_new=True, placement=placement)

    def get(self, jti: str) -> ReceivedNotification:
        """See `NotificationStore`."""
        with self._lock:
            return self._received[jti]

    def received(self) -> tuple[ReceivedNotification, ...]:
        """See `NotificationStore`."""
        with self._lock:
            return tuple(sorted(self._received.values(), key=_age))

    def gaps(self) -> Gaps:
        """See `NotificationStore`."""
        with self._lock:
            return gaps(self._places())

    def waiting(self) -> tuple[str, ...]:
        """See `NotificationStore`."""
        return tuple(one.notification.jti for one in self.received() if one.answer_state == WAITING)

    def choose_answer(self, jti: str, kind: Acknowledgement) -> None:
        """See `NotificationStore`."""
        with self._lock:
            held = self._received[jti]
            if held.answer not in (None, kind):
                raise AnsweredOtherwise("another answer was chosen before")
            self._received[jti] = replace(held, answer=kind)

    def mark_answered(self, jti: str, *, state: str, at: datetime) -> None:
        """See `NotificationStore`."""
        with self._lock:
            held = self._received[jti]
            self._received[jti] = replace(held, answer_state=state, answered_at=at)

    def keep_receipt(self, receipt: Receipt) -> None:
        """See `NotificationStore`."""
        with self._lock:
            if receipt.leaf_hash in self._receipts:
                raise ReceiptReused("the receipt came with an earlier disclosure")
            self._receipts[receipt.leaf_hash] = receipt

    def due_receipts(self, *, at: datetime) -> tuple[Receipt, ...]:
        """See `NotificationStore`."""
        with self._lock:
            due = [
                one
                for leaf, one in self._receipts.items()
                if leaf not in self._included and one.due_at <= at
            ]
        return tuple(sorted(due, key=lambda receipt: receipt.due_at))

    def mark_included(self, leaf_hash: bytes) -> None:
        """See `NotificationStore`."""
        with self._lock:
            self._included.add(leaf_hash)

    def keep_checkpoint(self, note: str) -> None:
        """See `NotificationStore`."""
        with self._lock:
            self._checkpoints.add(note)

    def _places(self) -> list[tuple[str, Sequence]]:
        notifications = [one.notification for one in self._received.values()]
        return [(one.reference or "", one.sequence) for one in notifications if one.sequence]

    def _place(self, notification: Notification) -> Placement | None:
        if notification.sequence is None:
            return None
        places = self._places()
        about = [place.person for reference, place in places if reference == notification.reference]
        return place(
            notification.sequence,
            highest=max((place.subscriber for _, place in places), default=0),
            highest_about_person=max(about, default=0),
        )


def _age(received: ReceivedNotification) -> tuple[datetime, str]:
    return received.received_at, received.notification.jti
