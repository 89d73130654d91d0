"""Taking one notification: open it, verify it, store it. Only then is it received."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.crypto.sealing_keys import DecryptionKey
from app.crypto.signing_keys import KeySet
from app.receiver.clock import Clock
from app.receiver.errors import UnknownSenderKey
from app.receiver.notification import HEARTBEAT, Notification, open_notification
from app.receiver.sender_keys import SenderKeys
from app.receiver.store import NotificationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What is needed to take notifications.

    Attributes:
        issuer: the service that may send them.
        client_id: of this agency.
        decryption_key: what they are sealed to.
        sender_keys: what they are signed with.
        store: where they go.
        on_stored: called after each one that is new, once it is safe.
        clock: the present time.
    """

    issuer: str
    client_id: str
    decryption_key: DecryptionKey = field(repr=False)
    sender_keys: SenderKeys
    store: NotificationStore
    on_stored: Callable[[], None]
    clock: Clock

    def take(self, sealed: str) -> bool:
        """Receive a sealed notification; False when there is nothing new to keep.

        Raises:
            NotificationRefused: it is not one for us.
            ServiceError: the sender's keys are not to be had, so it cannot be judged now.
            sqlite3.Error: it could not be stored.
        """
        notification = self.open(sealed)
        if notification.event_type == HEARTBEAT:
            return False
        is_new = self.store.add(notification, at=self.clock())
        if is_new:
            self.on_stored()
        return is_new

    def open(self, sealed: str) -> Notification:
        """Open and verify, the second time with newer keys where the first lacked one."""
        keys = self.sender_keys.current()
        try:
            return self._open_with(sealed, keys)
        except UnknownSenderKey:
            return self._open_with(sealed, self.sender_keys.newer_than(keys))

    def _open_with(self, sealed: str, keys: KeySet) -> Notification:
        return open_notification(
            sealed,
            decryption_key=self.decryption_key,
            sender_keys=keys,
            issuer=self.issuer,
            client_id=self.client_id,
            at=self.clock(),
        )
