"""What this process measures of its own work, for operators (Prometheus).

What is counted here begins at nothing with each process, and each tells its own: whoever scrapes
adds them up. Every name is explained in docs/operation.md, every label in `labels`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from app.telemetry.labels import ATTEMPTS, METHODS, OTHER_METHOD
from app.telemetry.tracing import span

MEASURES = CollectorRegistry()

# When a measure began says nothing that a restart of the process does not.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it declares no types

# In seconds. Ends of the range: an answer from memory, and what a proxy gives up on.
REQUEST_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
DECISION_BUCKETS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
ATTEMPT_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0)

_REQUESTS = Histogram(
    "throughcare_request_seconds",
    "Requests, and how long each took until its answer was complete.",
    ("route", "method", "status"),
    buckets=REQUEST_BUCKETS,
    registry=MEASURES,
)
_DECISIONS = Histogram(
    "throughcare_decision_seconds",
    "Decisions of the policy about a file, with the check by the reference engine.",
    buckets=DECISION_BUCKETS,
    registry=MEASURES,
)
_ALARMS = Counter(
    "throughcare_policy_alarms",
    "Decisions that were not used: the reference engine disagreed, or a fact did not fit.",
    ("reason",),
    registry=MEASURES,
)
_COMMITS = Histogram(
    "throughcare_commit_seconds",
    "Commits of the database: on SQLite of all work that waited, on PostgreSQL of one work.",
    buckets=COMMIT_BUCKETS,
    registry=MEASURES,
)
_ATTEMPTS = Histogram(
    "throughcare_delivery_attempt_seconds",
    "Attempts to deliver, and how long the endpoint took.",
    ("outcome",),
    buckets=ATTEMPT_BUCKETS,
    registry=MEASURES,
)
# From the start on: what appears only when it fails first cannot be seen to rise.
for _outcome in ATTEMPTS:
    _ATTEMPTS.labels(_outcome)
_OVERLOADED = Counter(
    "throughcare_overload_refusals",
    "Work that was refused because too much waits to be recorded.",
    registry=MEASURES,
)
_RATE_LIMITED = Counter(
    "throughcare_rate_limit_refusals",
    "Requests that were refused because one caller asks too much.",
    registry=MEASURES,
)

# Functions: what is called on the way of every request is looked up once.
note_overload = _OVERLOADED.inc
note_rate_limit = _RATE_LIMITED.inc
note_disagreement = _ALARMS.labels("disagreement").inc
note_misfit = _ALARMS.labels("misfit").inc


@contextmanager
def deciding() -> Iterator[None]:
    """A decision is made in this block; one that fails is none."""
    with span("decision"):
        started = time.perf_counter()
        yield
        _DECISIONS.observe(time.perf_counter() - started)


def committing() -> Callable[[], None]:
    """A commit begins now; call what comes back once it is durable."""
    started = time.perf_counter()
    return lambda: _COMMITS.observe(time.perf_counter() - started)


def note_request(route: str, method: str, status: str, seconds: float) -> None:
    """Count a request. `route` is the template of the contract, never the address."""
    _request(route, method if method in METHODS else OTHER_METHOD, status).observe(seconds)


def note_attempt(outcome: str, seconds: float) -> None:
    """Count an attempt to deliver."""
    _ATTEMPTS.labels(outcome).observe(seconds)


# More than there are routes, methods and statuses of each.
@lru_cache(maxsize=4096)
def _request(route: str, method: str, status: str) -> Histogram:
    return _REQUESTS.labels(route, method, status)
