"""Telling the service what is in the store until it has taken it, and checking its receipts.

One thread. What waits is read from the store, so a restart forgets nothing. When the service
cannot be reached everything waits; when it refuses one answer only that one does. It is asked
again and again, because a refusal may pass (the service may not have noted yet that its own
delivery arrived); only 410 means never.
"""

import logging
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from app.receiver.client import AgencyClient
from app.receiver.errors import ConfigurationError, ServiceError, ServiceRefused
from app.receiver.subscribing import Wanted, keep_subscription
from throughcare_receiver.notification import VERIFICATION, Notification
from throughcare_receiver.receiver import Clock
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import GIVEN_UP, TAKEN

LOGGER: Final = logging.getLogger("throughcare.receiver")

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
"""Short enough that a service that is back hears of everything within about a minute."""

_STOP_SECONDS: Final = 40.0  # one answer of the service may take 30
_GONE: Final = 410
_JITTER: Final = secrets.SystemRandom()


class Backoff:
    """Waits that double with every failure, each shortened at random by up to a half."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def failed(self) -> None:
        """Begin the next wait."""
        wait = min(FIRST_WAIT_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS)
        # A cap keeps the power from growing without end.
        self._failures = min(self._failures + 1, 16)
        self._until = time.monotonic() + wait * _JITTER.uniform(0.5, 1.0)

    def remaining(self) -> float:
        """Seconds that are still to be waited; 0 when it may be tried."""
        return max(0.0, self._until - time.monotonic())


class AnsweringWorker:
    """Subscribes once, answers every notification in the store, checks receipts that are due.

    Attributes:
        hopeless: why there is no subscription and will be none; None as long as all is well.
    """

    def __init__(
        self,
        store: SqliteStore,
        client: AgencyClient,
        *,
        kind: Acknowledgement,
        clock: Clock,
        wanted: Wanted | None = None,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing happens before `start`.

        Args:
            store: what was received.
            client: to the service.
            kind: what is said to every notification.
            clock: the present time.
            wanted: the subscription that the store is to have.
            give_up: called once `hopeless` is set: nothing will ever come.
        """
        self._store = store
        self._client = client
        self._kind = kind
        self._clock = clock
        self._wanted_subscription = wanted
        self._give_up = give_up
        self.hopeless: ConfigurationError | None = None
        self._outage = Backoff()
        self._refused: defaultdict[str, Backoff] = defaultdict(Backoff)
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._told: set[bytes] = set()
        self._thread = threading.Thread(target=self._run, name="answering", daemon=True)

    def start(self) -> None:
        """Begin to answer, with what is in the store already."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something new is in the store."""
        self._wanted.set()

    def stop(self) -> None:
        """Finish the answer that is on its way and end. What waits stays in the store."""
        self._stopping.set()
        self._wanted.set()
        self._thread.join(timeout=_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            try:
                pause = self._pass()
            except Exception:
                # The thread must outlive whatever happens: nobody would answer any more.
                LOGGER.exception("answering failed; it goes on after a pause")
                self._outage.failed()
                pause = self._outage.remaining()
            if not self._stopping.is_set():
                # Receipts fall due by themselves: nothing wakes us for them.
                longest = LONGEST_WAIT_SECONDS
                self._wanted.wait(longest if pause is None else min(pause, longest))

    def _pass(self) -> float | None:
        """Do what can be done now; seconds until there may be more, None when nothing waits."""
        if pause := self._outage.remaining():
            return pause
        try:
            waits = [self._attempt(name, action) for name, action in self._actions()]
            self._hold_to_promises()
        except ServiceError as error:
            LOGGER.warning("the service cannot be asked now: %s", error)
            self._outage.failed()
            return self._outage.remaining()
        self._outage = Backoff()
        return min((wait for wait in waits if wait is not None), default=None)

    def _hold_to_promises(self) -> None:
        """Say, once while this program runs, of each disclosure that is not on record."""
        for broken in self._client.broken_promises(self._store):
            if broken.receipt.leaf_hash not in self._told:
                self._told.add(broken.receipt.leaf_hash)
                LOGGER.error("DISCLOSED BUT NOT ON RECORD: %s", broken)

    def _actions(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What there is to do, each with a name for the log; ends early when we are to stop."""
        if self._wanted_subscription is not None:
            yield "subscription", partial(self._subscribe, self._wanted_subscription)
        for jti in self._store.waiting():
            if self._stopping.is_set():
                return
            yield f"notification {jti}", partial(self._answer, jti)

    def _attempt(self, name: str, action: Callable[[], None]) -> float | None:
        """Try one thing that the service may refuse; seconds until the next try, None if done.

        A refusal holds up nothing else; any other ServiceError goes through to the caller.
        """
        backoff = self._refused[name]
        if pause := backoff.remaining():
            return pause
        try:
            action()
        except ServiceRefused as refusal:
            LOGGER.warning("%s: the service refused: %s", name, refusal)
            backoff.failed()
            return backoff.remaining()
        del self._refused[name]
        return None

    def _subscribe(self, wanted: Wanted) -> None:
        try:
            subscription = keep_subscription(self._store, self._client, wanted)
        except ConfigurationError as error:
            self.hopeless = error
            self._stopping.set()
            self._give_up()
        else:
            LOGGER.info("subscription %s: %s", subscription.subscription_id, subscription.status)
        self._wanted_subscription = None

    def _answer(self, jti: str) -> None:
        state = TAKEN
        try:
            self._send(self._store.get(jti).notification)
        except ServiceRefused as refusal:
            if refusal.status != _GONE:
                raise
            LOGGER.warning("notification %s: the service takes no answer any more", jti)
            state = GIVEN_UP
        self._store.mark_answered(jti, state=state, at=self._clock())

    def _send(self, notification: Notification) -> None:
        if notification.event_type == VERIFICATION:
            event = notification.event
            self._client.verify_subscription(event["subscription_id"], event["nonce"])
            LOGGER.info("subscription %s: verified", event["subscription_id"])
        else:
            kind = self._chosen(notification.jti)
            self._client.acknowledge(notification.jti, kind)
            LOGGER.info(
                "notification %s: %s, stored and acknowledged (%s)",
                notification.jti,
                notification.event_type,
                kind.value,
            )

    def _chosen(self, jti: str) -> Acknowledgement:
        """What we say: what was chosen before the program ended, or what is said to all."""
        kind = self._store.get(jti).answer or self._kind
        self._store.choose_answer(jti, kind)
        return kind
