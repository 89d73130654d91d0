"""What the database says to operators: how old, how much, how far behind. Read only.

The same from each process, so that they are not to be added up. Every name is explained in
docs/operation.md, every label in `app.telemetry.labels`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, func, or_, select

from app.access_log import checkpoints
from app.access_log.ledger import LOOKUP, PENDING
from app.access_log.vocabulary import Operation
from app.access_log.witnesses import Witnesses, judge_quorum, known_size, standing
from app.alerts import reading
from app.outbox import claims, milestones
from app.outbox.deliveries import CANCELLED, DEAD, DELIVERY, HELD, QUARANTINED, QUEUED
from app.outbox.lead_times import ANNOUNCING
from app.outbox.milestones import FILE
from app.outbox.receipts import EVENT
from app.releases.events import EVENTS

# Whoever was not heard of so shortly before a release is called, whatever its notice says.
NEAR = timedelta(days=7)
UNDELIVERED = (QUEUED, HELD, DEAD, QUARANTINED)
UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure of the database: what it is, and its labels."""

    meaning: str
    labels: tuple[str, ...] = ()


READINGS: Mapping[str, Reading] = MappingProxyType(
    {
        "throughcare_deliveries": Reading(
            "Deliveries that have not arrived, by what they wait for.", ("state", "kind")
        ),
        "throughcare_oldest_undelivered_seconds": Reading(
            "Age of the oldest delivery that has not arrived.", ("state",)
        ),
        "throughcare_dispatch_lag_seconds": Reading(
            "How long what is due waits for a dispatcher; endpoints that fail are not counted."
        ),
        "throughcare_unacknowledged_near_release": Reading(
            "Notices without an answer whose release is at most 7 days away."
        ),
        "throughcare_log_pending_entries": Reading("Entries that have no index yet."),
        "throughcare_log_pending_seconds": Reading("Age of the oldest entry without an index."),
        "throughcare_log_unsigned_seconds": Reading("Age of the oldest entry that is not signed."),
        "throughcare_checkpoint_age_seconds": Reading("Age of the newest checkpoint."),
        "throughcare_witnesses": Reading(
            "Witnesses of the agreement, by how they took the last checkpoint.", ("standing",)
        ),
        "throughcare_witness_lag_entries": Reading(
            "Entries that were signed and that the witness furthest behind has not cosigned."
        ),
        "throughcare_witness_quorum_missing": Reading("1 where too few witnesses cosign, else 0."),
        "throughcare_alerts_raised": Reading("Alerts on misuse that stand in the access log."),
    }
)

# Name, values of the labels, value.
Sample = tuple[str, tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads them. `legal_date` is that of the country of the installation.

    A sequencer is granted nothing of what is told to whom: without `of_deliveries` it reads of the
    log alone.
    """

    witnesses: Witnesses
    clock: Callable[[], datetime]
    legal_date: Callable[[datetime], date]
    of_deliveries: bool = True

    def read(self, connection: Connection) -> list[Sample]:
        """Every reading, on one snapshot."""
        at = self.clock()
        of_log = [
            *_log(connection, at),
            *_witnesses(connection, self.witnesses, at),
            _alerts(connection),
        ]
        if not self.of_deliveries:
            return of_log
        return [
            *_deliveries(connection, at),
            _lag(connection, at),
            _unacknowledged(connection, self.legal_date(at)),
            *of_log,
        ]


def _deliveries(connection: Connection, at: datetime) -> Iterator[Sample]:
    """Counted by kind, never by type: some types are rare, and tell what was done to somebody."""
    query = (
        select(DELIVERY.c.status, EVENT.c.event_type, func.count(), func.min(DELIVERY.c.created_at))
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .where(DELIVERY.c.status.in_(UNDELIVERED))
        .group_by(DELIVERY.c.status, EVENT.c.event_type)
    )
    counts: Counter[tuple[str, str]] = Counter()
    oldest = dict.fromkeys(UNDELIVERED, at)
    for state, event_type, count, since in connection.execute(query):
        counts[state, EVENTS[event_type].kind.value] += count
        oldest[state] = min(oldest[state], since)
    for labels, count in counts.items():
        yield "throughcare_deliveries", labels, count
    for state, since in oldest.items():
        yield "throughcare_oldest_undelivered_seconds", (state,), _seconds(since, at)


def _lag(connection: Connection, at: datetime) -> Sample:
    """Notices that nobody has made yet, and deliveries that nobody has taken yet."""
    since = milestones.due_since(connection, at=at), claims.due_since(connection, at=at)
    waits = max(_seconds(one, at) for one in since)
    return "throughcare_dispatch_lag_seconds", (), waits


def _unacknowledged(connection: Connection, today: date) -> Sample:
    query = (
        select(func.count())
        .select_from(FILE)
        .join(EVENT, EVENT.c.person_id == FILE.c.person_id)
        .join(DELIVERY, DELIVERY.c.event_id == EVENT.c.event_id)
        .where(
            FILE.c.planned_release_date >= today,
            FILE.c.planned_release_date <= today + NEAR,
            EVENT.c.event_type.in_(ANNOUNCING),
            # An earlier day that was announced says nothing any more.
            or_(
                EVENT.c.release_date == FILE.c.planned_release_date, EVENT.c.release_date.is_(None)
            ),
            DELIVERY.c.status != CANCELLED,
            DELIVERY.c.acknowledgement.is_(None),
        )
    )
    return "throughcare_unacknowledged_near_release", (), connection.scalar(query) or 0


def _log(connection: Connection, at: datetime) -> Iterator[Sample]:
    pending = select(func.count(), func.min(PENDING.c.recorded_at))
    count, since = connection.execute(pending).one()
    yield "throughcare_log_pending_entries", (), count
    yield "throughcare_log_pending_seconds", (), _seconds(since, at)
    unsigned = reading.unsigned(connection)
    waits = None if unsigned is None else unsigned.since
    yield "throughcare_log_unsigned_seconds", (), _seconds(waits, at)
    signed_at = checkpoints.last_signed_at(connection)
    yield "throughcare_checkpoint_age_seconds", (), _seconds(signed_at, at)


def _witnesses(connection: Connection, agreed: Witnesses, at: datetime) -> Iterator[Sample]:
    """Counted and not named: a witness bears the name of an agency."""
    if not agreed.named:
        return
    newest = checkpoints.latest(connection)
    signed = 0 if newest is None else newest.checkpoint.size
    known = [standing(connection, one) for one in agreed.keys]
    standings = Counter(UNASKED if one is None else one[0].value for one in known)
    for name, count in standings.items():
        yield "throughcare_witnesses", (name,), count
    behind = max(signed - known_size(connection, one) for one in agreed.keys)
    yield "throughcare_witness_lag_entries", (), max(behind, 0)
    missing = judge_quorum(connection, agreed, at=at).missing
    yield "throughcare_witness_quorum_missing", (), int(missing)


def _alerts(connection: Connection) -> Sample:
    query = select(func.count()).where(LOOKUP.c.operation == Operation.ALERT.value)
    return "throughcare_alerts_raised", (), connection.scalar(query) or 0


def _seconds(since: datetime | None, at: datetime) -> float:
    """How long ago; nothing where it never was, or another clock is ahead of ours."""
    return 0.0 if since is None else max((at - since).total_seconds(), 0.0)
