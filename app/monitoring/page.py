"""The page of measures that a scraper reads: of this process, and of the database.

INVARIANT: however often it is scraped, the database is asked by one at a time, and rests ten times
as long as it was asked for. Where it fails or takes too long the page comes without its readings.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from threading import Lock
from typing import cast

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from sqlalchemy import QueuePool

from app.administration.in_force import InForce
from app.monitoring.readings import READINGS, Reader, Sample
from app.telemetry.measures import MEASURES

# Seconds that a scraper is let wait for the database.
PATIENCE = 2.0
# Seconds for which readings stand, at least: scrapers come every fifteen or so.
KEPT = 5.0
REST = 10
ALERTS = "throughcare_alerts_raised"

# What this process has at this moment: name and meaning.
PRESENT = {
    "throughcare_capacity_waiting": "Work that waits to be recorded, in this process.",
    "throughcare_capacity_late": "Entries that wait too long for their place in the log.",
    "throughcare_capacity_limit": "How much may wait at once.",
    "throughcare_database_connections": "Connections to the database in use, of this process.",
    "throughcare_database_readable": "1 where the database gave its readings in time, else 0.",
}
BUILD = "throughcare_build"


@dataclass(kw_only=True)
class Page:
    """All measures of a process, each time anew. Any thread may collect them."""

    process: str
    in_force: InForce
    reader: Reader
    patience: float = PATIENCE
    _lock: Lock = field(default_factory=Lock)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="readings")
    )
    _asked: Future[list[Sample]] | None = None
    _rests_until: float = 0.0

    def collect(self) -> Iterator[Metric]:
        """The families of the page (a collector of prometheus_client)."""
        yield from MEASURES.collect()
        readings = self._readings()
        yield from _families(readings or [])
        database = self.in_force.database
        capacity, pool = database.capacity, cast("QueuePool", database.engine.pool)
        values = (
            capacity.waiting,
            sum(capacity.late.values()),
            capacity.total,
            pool.checkedout(),
            int(readings is not None),
        )
        for (name, meaning), value in zip(PRESENT.items(), values, strict=True):
            yield GaugeMetricFamily(name, meaning, value=value)
        yield self._build()

    def close(self) -> None:
        """Ask the database no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _build(self) -> Metric:
        policy = self.in_force.house.bundle.digest
        about = {"version": version("throughcare"), "policy": policy, "process": self.process}
        return InfoMetricFamily(BUILD, "What runs here, and by which policy.", value=about)

    def _readings(self) -> list[Sample] | None:
        """What the database said last, or says now; None where it does not."""
        with self._lock:
            if self._asked is None or (self._asked.done() and time.monotonic() > self._rests_until):
                self._asked = self._thread.submit(self._ask)
            asked = self._asked
        try:
            return asked.result(timeout=self.patience)
        except Exception:  # noqa: BLE001 - whatever it was, the rest of the page is wanted all the more
            return None

    def _ask(self) -> list[Sample]:
        started = time.monotonic()
        try:
            return self.in_force.database.read_blocking(self.reader.read)
        finally:
            now = time.monotonic()
            self._rests_until = now + max(KEPT, REST * (now - started))


def _families(samples: list[Sample]) -> Iterator[Metric]:
    for name, reading in READINGS.items():
        kind = CounterMetricFamily if name == ALERTS else GaugeMetricFamily
        family = kind(name, reading.meaning, labels=reading.labels)
        for _, labels, value in (one for one in samples if one[0] == name):
            family.add_metric(labels, value)
        if family.samples:
            yield family
