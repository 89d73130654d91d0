"""The notices that recipients had of releases, read from what was really delivered."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from app.agencies.registry import AGENCY
from app.outbox.competence import FILE
from app.outbox.deliveries import CANCELLED, DELIVERY
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import SUBSCRIPTION
from app.outbox.tables import Milestone
from app.releases.events import EVENTS
from app.releases.lead_time import Notice, Report, report
from app.releases.profile import Profile
from app.rows import table_of

MILESTONE = table_of(Milestone)

CANCELLING = "release_cancelled"
# What tells of a release to come.
ANNOUNCING = tuple(
    name for name, event in EVENTS.items() if event.announces_release and name != CANCELLING
)
# Decisions that set somebody free at short notice.
BY_COURT = ("release_advanced_by_court", "early_release_decided", "conditional_release_granted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release, planned or done, and since when its day was known (in days before it)."""

    person_id: str
    establishment: str
    day: date
    known_days: int
    moved_earlier: bool
    ordered_by_court: bool


def read(
    connection: Connection, profile: Profile, *, since: date, until: date, today: date
) -> Report:
    """The lead times of all releases from `since` until `until`, both included.

    Read it on one snapshot.
    """
    notices: list[Notice] = []
    releases: list[tuple[str, bool]] = []
    for release in _releases(connection, profile, since=since, until=until):
        rows = _deliveries(connection, release)
        releases.append((release.establishment, bool(rows)))
        notices.extend(_notices(release, rows, profile, today=today))
    return report(notices, releases)


def _releases(
    connection: Connection, profile: Profile, *, since: date, until: date
) -> Iterator[Release]:
    """Files whose planned day lies in the period; the day that was announced counts."""
    by_court = exists().where(
        EVENT.c.person_id == FILE.c.person_id, EVENT.c.event_type.in_(BY_COURT)
    )
    moved = exists().where(
        MILESTONE.c.person_id == FILE.c.person_id,
        MILESTONE.c.release_date > FILE.c.planned_release_date,
    )
    query = (
        select(
            FILE.c.person_id,
            FILE.c.custodian,
            FILE.c.planned_release_date,
            by_court.label("by_court"),
            moved.label("moved"),
        )
        .where(FILE.c.planned_release_date >= since, FILE.c.planned_release_date <= until)
        .order_by(FILE.c.person_id)
    )
    for row in connection.execute(query).all():
        yield Release(
            person_id=row.person_id,
            establishment=row.custodian,
            day=row.planned_release_date,
            known_days=_known_days(connection, profile, row.person_id, row.planned_release_date),
            moved_earlier=row.moved,
            ordered_by_court=row.by_court,
        )


def _known_days(connection: Connection, profile: Profile, person_id: str, day: date) -> int:
    """Milestones that were past when a date became known fell due at that moment."""
    first = connection.scalar(
        select(MILESTONE.c.due_at)
        .where(MILESTONE.c.person_id == person_id, MILESTONE.c.release_date == day)
        .order_by(MILESTONE.c.due_at)
        .limit(1)
    )
    return 0 if first is None else (day - profile.local_date(first)).days


def _deliveries(connection: Connection, release: Release) -> list[Row[Any]]:
    """What was to be delivered of this day; what policy cancelled was to be told to nobody."""
    query = (
        select(
            DELIVERY.c.agency_id,
            AGENCY.c.role,
            DELIVERY.c.sent_at,
            DELIVERY.c.acknowledged_at,
            SUBSCRIPTION.c.verified_at,
        )
        .join(EVENT, EVENT.c.event_id == DELIVERY.c.event_id)
        .join(AGENCY, AGENCY.c.agency_id == DELIVERY.c.agency_id)
        .join(SUBSCRIPTION, SUBSCRIPTION.c.subscription_id == DELIVERY.c.subscription_id)
        .where(
            DELIVERY.c.person_id == release.person_id,
            EVENT.c.event_type.in_(ANNOUNCING),
            or_(EVENT.c.release_date == release.day, EVENT.c.release_date.is_(None)),
            or_(DELIVERY.c.status != CANCELLED, DELIVERY.c.sent_at.is_not(None)),
        )
    )
    return list(connection.execute(query))


def _notices(
    release: Release, rows: Sequence[Row[Any]], profile: Profile, *, today: date
) -> Iterator[Notice]:
    """One for each agency: by the first notice of this day that it took."""
    by_agency: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_agency[row.agency_id].append(row)
    for found in by_agency.values():
        role = found[0].role
        sent = [row.sent_at for row in found if row.sent_at is not None]
        answered = [row.acknowledged_at for row in found if row.acknowledged_at is not None]
        reachable = [row.verified_at for row in found if row.verified_at is not None]
        lead = _days_before(release, profile, min(sent)) if sent else None
        came = release.day <= today
        if role not in profile.lead_days or (lead is None and not came):
            continue
        yield Notice(
            role=role,
            establishment=release.establishment,
            target_days=profile.lead_days[role],
            lead_days=lead,
            known_days=release.known_days,
            reachable_days=_days_before(release, profile, min(reachable)) if reachable else 0,
            ordered_by_court=release.ordered_by_court,
            moved_earlier=release.moved_earlier,
            acknowledged=_answered_before(release, profile, answered) if came else None,
        )


def _answered_before(release: Release, profile: Profile, answered: Sequence[Any]) -> bool:
    return any(_days_before(release, profile, at) >= 0 for at in answered)


def _days_before(release: Release, profile: Profile, at: Any) -> int:  # noqa: ANN401 - a datetime column
    return (release.day - profile.local_date(at)).days
