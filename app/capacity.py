"""How much work may wait at once, and whose. What is beyond that is told to come again: 503.

Waiting is what has no durable commit yet, and on PostgreSQL also what is on record and has waited
too long for its place in the log (`app.audit.backlog`). A part is kept for what cannot be put off,
and nobody has more than a share, so that no client can keep another one out.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.problems import Overloaded
from app.telemetry.measures import note_overload

# At the 5,000 commits a second of a small machine the last of these waits for less than a second.
TOTAL = 4_096
# Of the total, a part of this many is for what is urgent alone: 512 escapes at once are a disaster
# of another kind.
URGENT_PART = 8
# Whoever is alone may have a quarter: it takes four clients that flood to keep out a fifth.
SHARES = 4


@dataclass(slots=True)
class Capacity:
    """Counts what waits, for each client and in all. Any thread may ask.

    Attributes:
        total: so many may wait at once.
        late: entries by their client that wait for their place in the log for too long.
    """

    total: int = TOTAL
    late: Mapping[str, int] = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _in_all: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def waiting(self) -> int:
        """How much waits now."""
        return self._in_all

    def enter(self, client: str, *, urgent: bool) -> None:
        """Count one more that waits. Overloaded: there is no room, or none for this client."""
        room = self.total if urgent else self.total - self.total // URGENT_PART
        with self._lock:
            late = self.late
            own = self._waiting.get(client, 0) + late.get(client, 0)
            if own >= room // SHARES or self._in_all + sum(late.values()) >= room:
                note_overload()
                raise Overloaded("too much work waits already; come again as Retry-After says")
            self._waiting[client] += 1
            self._in_all += 1

    def leave(self, client: str) -> None:
        """Count one less."""
        with self._lock:
            self._in_all -= 1
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]  # nobody is remembered who waits for nothing
