"""The service's public keys, as last fetched. A token never says where keys are to be found."""

import threading
import time
from collections.abc import Callable
from typing import Final

from throughcare_receiver.errors import TryLater
from throughcare_receiver.keys import KeySet

REFETCH_SECONDS: Final = 30.0
"""Least time between two fetches for keys that we do not have: strangers can name any key."""

KEEP_SECONDS: Final = 3600.0
"""How long fetched keys are used: a key that the service withdraws is gone after this."""


class SenderKeys:
    """Keeps the keys of the service. Safe to use from several threads."""

    def __init__(
        self, fetch: Callable[[], KeySet], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is fetched yet.

        Args:
            fetch: gets the keys from the service; what it raises goes through.
            monotonic: seconds of a clock that is never set.
        """
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched_at = 0.0

    def current(self) -> KeySet:
        """The keys, fetched when there are none or they are old."""
        with self._lock:
            if self._keys is None or self._age() > KEEP_SECONDS:
                return self._refetch()
            return self._keys

    def newer_than(self, seen: KeySet) -> KeySet:
        """Other keys than those seen: a token names a key that was not among them.

        Raises:
            TryLater: the last fetch was just now. The token cannot be judged yet; to call it
                wrong would lose a notice signed with a key that is very new.
        """
        with self._lock:
            if self._keys is not None and self._keys is not seen:
                return self._keys
            if self._keys is not None and self._age() < REFETCH_SECONDS:
                raise TryLater("the service's keys were fetched just now")
            return self._refetch()

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _refetch(self) -> KeySet:
        self._keys = self._fetch()
        self._fetched_at = self._monotonic()
        return self._keys
