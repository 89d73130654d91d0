"""Notifications that are opened already, and receipts that hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from throughcare_receiver.notification import Notification, Sequence
from throughcare_receiver.receipt import Receipt

AT = datetime(2026, 11, 2, 9, 0, 0, 123_456, tzinfo=UTC)
NOTICE = Notification(
    jti="n-1",
    txn="txn-1",
    issued_at=datetime(2026, 11, 2, 8, 59, tzinfo=UTC),
    reference="ref-1",
    event_type="release_planned",
    event={"planned_release_date": "2027-01-15", "names": ["Ščepan", None, 1]},
    sequence=Sequence(subscriber=1, person=1),
)
VERIFICATION = replace(
    NOTICE,
    jti="v-1",
    reference=None,
    sequence=None,
    event_type="verification",
    event={"subscription_id": "sub-1", "nonce": "nonce-1"},
)
RECEIPT = Receipt(
    entry_id="entry-1", leaf_hash=bytes(32), due_at=AT + timedelta(minutes=5), note="as signed"
)


def notice(subscriber: int, person: int, *, about: str = "ref-1") -> Notification:
    """A notice with this place."""
    return replace(
        NOTICE,
        jti=f"n-{subscriber}",
        reference=about,
        sequence=Sequence(subscriber=subscriber, person=person),
    )
