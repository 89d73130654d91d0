"""The inbox of an agency that hosts no endpoint, or whose endpoint was down: polled by itself.

The shape is that of RFC 8936. What came is confirmed only once it is in the store, so that
nothing is lost between the two; what cannot be read is refused with its error code.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.receiver.client import AgencyClient
from app.receiver.errors import ConfigurationError, ServiceRefused, UnexpectedAnswer
from app.receiver.subscribing import Wanted, keep_subscription
from throughcare_receiver.errors import NotificationRefused
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.notification import HEARTBEAT, VERIFICATION, Notification
from throughcare_receiver.receiver import Clock, Receiver
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import GIVEN_UP, TAKEN

LOGGER: Final = logging.getLogger("throughcare.receiver")

MOST: Final = 50
"""Notifications in one poll."""

PENDING: Final = "pending"
"""Status of a subscription whose first handshake is open."""

_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What is needed to poll.

    Attributes:
        client: to the service.
        receiver: opens, verifies and keeps what comes, in
        store: where notifications go.
        answer: what is said to each of them, unless something was chosen before.
        clock: the present time.
    """

    client: AgencyClient
    receiver: Receiver
    store: SqliteStore
    answer: Acknowledgement
    clock: Clock
    _read: list[str] = field(default_factory=list)
    _refused: dict[str, str] = field(default_factory=dict)

    def subscription(self, key: DecryptionKey) -> str:
        """The id of the store's subscription; the service is asked for a polled one if needed.

        Of one that is pushed to an endpoint only what could not be pushed is polled.

        Raises:
            ConfigurationError: nothing will come of it; the message says what to do.
        """
        wanted = Wanted(address=None, encryption_jwk=key.public_jwk())
        subscription = keep_subscription(self.store, self.client, wanted)
        if subscription.is_pushed and subscription.status == PENDING:
            raise ConfigurationError(
                f"subscription {subscription.subscription_id} of this store waits for its "
                "endpoint, and nothing can be polled before: let `receive` answer the handshake, "
                f"or end it (DELETE /v1/subscriptions/{subscription.subscription_id}) and poll "
                "with an empty store"
            )
        return subscription.subscription_id

    def collect(self, subscription_id: str) -> Iterator[Notification]:
        """Everything that waits, each once it is in the store; a poll confirms the one before.

        Raises:
            ServiceError: the service cannot be asked; what was not confirmed comes again.
            TryLater: what came cannot be judged now; it comes again, too.
        """
        while True:
            sets, receipts, more = self._poll(subscription_id)
            for jti, sealed in sets.items():
                notification = self._take(jti, sealed, receipts.get(jti))
                if notification is not None:
                    yield notification
            # What was just confirmed may have held up something: ask until nothing comes.
            if not sets and not more:
                return

    def _poll(self, subscription_id: str) -> tuple[Mapping[str, str], Mapping[str, str], bool]:
        """What waits and the receipts beside it, by `jti`, and whether there is more."""
        body: dict[str, Any] = {
            "subscription_id": subscription_id,
            "maxEvents": MOST,
            "returnImmediately": True,
            "ack": list(self._read),
            "setErrs": {jti: {"err": code} for jti, code in self._refused.items()},
        }
        answer = self.client.request("POST", "/v1/inbox/poll", json=body).json()
        self._read.clear()
        self._refused.clear()
        sets, more = answer.get("sets"), answer.get("moreAvailable")
        if not isinstance(sets, dict) or not all(isinstance(one, str) for one in sets.values()):
            raise UnexpectedAnswer("the service gave no notifications")
        receipts = answer.get("receipts")
        if not isinstance(receipts, dict) or not all(isinstance(r, str) for r in receipts.values()):
            raise UnexpectedAnswer("the service gave no receipts")
        return sets, receipts, more is True

    def _take(self, jti: str, sealed: str, receipt: str | None) -> Notification | None:
        """Open, store and answer one message; None where it cannot be read or is no news."""
        try:
            arrival = self.receiver.take(sealed, receipt=receipt)
        except NotificationRefused as refused:
            LOGGER.warning("a notification was refused: %s", refused)
            self._refused[jti] = refused.code
            return None
        notification = arrival.notification
        if notification.event_type == HEARTBEAT:
            return None
        self._answer(notification)
        self._read.append(jti)
        return notification if arrival.is_new else None

    def _answer(self, notification: Notification) -> None:
        state = TAKEN
        try:
            if notification.event_type == VERIFICATION:
                event = notification.event
                self.client.verify_subscription(event["subscription_id"], event["nonce"])
            else:
                self.client.acknowledge(notification.jti, self._chosen(notification.jti))
        except ServiceRefused as refusal:
            if refusal.status != _GONE:
                raise
            state = GIVEN_UP
        self.store.mark_answered(notification.jti, state=state, at=self.clock())

    def _chosen(self, jti: str) -> Acknowledgement:
        kind = self.store.get(jti).answer or self.answer
        self.store.choose_answer(jti, kind)
        return kind
