"""One agency as a receiver: takes what is pushed to it, and says what it makes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from throughcare_receiver.errors import (
    ClaimRefused,
    EvidenceRefused,
    NotOnRecord,
    ReceiptNotOfNow,
    ReceiptReused,
    TryLater,
    UnknownSenderKey,
)
from throughcare_receiver.keys import DecryptionKey, KeySet, SigningKey
from throughcare_receiver.note import LogKey
from throughcare_receiver.notification import (
    HEARTBEAT,
    VERIFICATION,
    Notification,
    open_notification,
)
from throughcare_receiver.receipt import check_receipt
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.statements import (
    Acknowledgement,
    acknowledgement,
    verification_response,
)
from throughcare_receiver.store import Arrival, NotificationStore

Clock = Callable[[], datetime]
"""Gives the present time, with its time zone."""


def utc_now() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What it takes to receive.

    Attributes:
        issuer: the service that may send; compared character by character.
        client_id: of this agency, as the service registered it.
        signing_key: what our statements are signed with.
        decryption_keys: what notifications are sealed to, by `kid`.
        sender_keys: what they are signed with.
        store: where they go.
        clock: the present time.
        log: names and keys of the access log, from the agreement; more than one while it changes
            its key or its name. With one nothing about a person is taken without its receipt.
    """

    issuer: str
    client_id: str
    signing_key: SigningKey = field(repr=False)
    decryption_keys: Mapping[str, DecryptionKey] = field(repr=False)
    sender_keys: SenderKeys
    store: NotificationStore
    clock: Clock = utc_now
    log: Sequence[LogKey] = ()

    def take(self, sealed: str, *, receipt: str | None = None) -> Arrival:
        """Receive a sealed notification. Once this returns it is safe: answer with 202.

        A heartbeat is not kept, so it is never new: its `last_sequence` tells what is missing.
        `receipt` is what came in `Disclosure-Receipt`, or beside what was polled.

        Raises:
            NotificationRefused: it is not one for us, and never will be (400).
            TryLater: it cannot be judged now (503), or is from the future by our clock; the same
                goes for what fetching the keys or storing raises.
        """
        try:
            notification = self._open(sealed)
        except ClaimRefused as refused:
            if not refused.for_now:
                raise
            raise TryLater("it was issued later than our clock says it is") from refused
        if notification.event_type == HEARTBEAT:
            return Arrival(notification=notification, is_new=False, placement=None)
        if self.log and notification.reference is not None:
            self._keep_receipt(notification, sealed, receipt)
        return self.store.add(notification, at=self.clock())

    def acknowledge(self, jti: str, kind: Acknowledgement) -> str:
        """Our signed word on a notification, as often as it is asked for.

        Raises:
            AnsweredOtherwise: we said something else before.
            KeyError: there is no such notification.
        """
        self.store.choose_answer(jti, kind)
        return acknowledgement(
            self.signing_key,
            client_id=self.client_id,
            issuer=self.issuer,
            jti=jti,
            kind=kind,
            at=self.clock(),
        )

    def answer_handshake(self, notification: Notification) -> str:
        """The nonce of a verification, signed: proof that we could open it.

        ValueError where the notification is no verification.
        """
        if notification.event_type != VERIFICATION:
            raise ValueError("only a verification holds a nonce")
        return verification_response(
            self.signing_key,
            client_id=self.client_id,
            issuer=self.issuer,
            subscription_id=notification.event["subscription_id"],
            nonce=notification.event["nonce"],
            at=self.clock(),
        )

    def _keep_receipt(self, notification: Notification, sealed: str, receipt: str | None) -> None:
        if receipt is None:
            raise NotOnRecord("a message about a person comes with a receipt")
        try:
            held = check_receipt(receipt, body=sealed.encode(), log=self.log, at=self.clock())
            self.store.keep_receipt(held)
        except ReceiptReused:
            # The very same once more is harmless; for anything else the receipt is not.
            if not self._has(notification.jti):
                raise NotOnRecord("the receipt came with another message") from None
        except ReceiptNotOfNow:
            # Our clock may be wrong, and what is refused never comes again.
            raise TryLater("the receipt is not of now, by our clock") from None
        except EvidenceRefused as error:
            raise NotOnRecord(str(error)) from None

    def _has(self, jti: str) -> bool:
        try:
            self.store.get(jti)
        except KeyError:
            return False
        return True

    def _open(self, sealed: str) -> Notification:
        """Open and verify, the second time with newer keys where the first lacked one."""
        keys = self.sender_keys.current()
        try:
            return self._open_with(sealed, keys)
        except UnknownSenderKey:
            return self._open_with(sealed, self.sender_keys.newer_than(keys))

    def _open_with(self, sealed: str, keys: KeySet) -> Notification:
        return open_notification(
            sealed,
            decryption_keys=self.decryption_keys,
            sender_keys=keys,
            issuer=self.issuer,
            client_id=self.client_id,
            at=self.clock(),
        )
