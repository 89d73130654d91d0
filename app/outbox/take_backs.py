"""Messages that take back what was sent: for whom, by which endpoint, confirmed or not.

Their ground is the past receipt and no decision. A message names what was sent by its id: the
`jti` of notices, the entries of reads. Which fields that was stands in the access log alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from app.access_log.disclosed import Disclosed
from app.agencies.registry import ACTIVE, AGENCY, CLIENT
from app.outbox import alarms, escalations
from app.outbox.alarms import Reason
from app.outbox.deliveries import CANCELLED, DEAD, DELIVERY, HELD, QUARANTINED, QUEUED, TAKEN_BACK
from app.outbox.events import NewEvent, enqueue, store
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.outbox.tables import TakeBack
from app.releases.event_types import Priority
from app.releases.events import EVENTS
from app.rows import table_of

TAKE_BACK = table_of(TakeBack)
ACCEPTED = "accepted"
# After the answer was due: time for a data protection officer to get it.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """By which subscription an agency is told."""

    agency_id: str
    subscription_id: str


# An agency, and the endpoint of it that is told; None where it has none.
Target = tuple[str, str | None]


@dataclass(slots=True)
class _Received:
    """What one target has got, each id once."""

    notices: dict[str, None] = field(default_factory=dict)
    reads: dict[str, None] = field(default_factory=dict)

    def add(self, one: Disclosed) -> None:
        """Count another disclosure."""
        if one.notification is None:
            self.reads[one.entry_id] = None
        else:
            self.notices[one.notification] = None


def order(
    connection: Connection,
    person_id: str,
    event_type: str,
    received: Iterable[Disclosed],
    *,
    safety: bool = False,
    new_id: Callable[[], str],
    at: datetime,
) -> str | None:
    """Have every recipient told what to do with just what it got; the id of the event.

    None where nobody has received anything. An agency without an endpoint is an alarm. The
    caller holds the person's file: see `planning`.
    """
    targets = _targets(connection, list(received))
    if not targets:
        return None
    row = EVENTS[event_type]
    hours = row.acknowledged_within(None, safety=safety)
    event = NewEvent(
        event_id=new_id(),
        person_id=person_id,
        event_type=event_type,
        release_date=None,
        notice={
            "milestones": [],
            "sections": [],
            "shortfall_days": {},
            "acknowledgement_hours": hours,
            "only_those_told": True,
        },
        priority=(Priority.IMMEDIATE if safety else row.priority).value,
    )
    moment = store(connection, event, at=at)
    for (agency_id, subscription_id), got in targets.items():
        take_back_id = new_id()
        values = {
            "take_back_id": take_back_id,
            "event_id": event.event_id,
            "person_id": person_id,
            "agency_id": agency_id,
            "notices": list(got.notices),
            "reads": list(got.reads),
            "ordered_at": at,
            "due_at": at + timedelta(hours=hours or 0),
        }
        connection.execute(insert(TAKE_BACK).values(**values))
        if subscription_id is not None:
            to = Endpoint(agency_id, subscription_id)
            _send(connection, take_back_id, to, event, jti=new_id(), created_at=moment, at=at)
        else:
            alarms.raise_alarm(
                connection,
                person_id,
                Reason.TAKE_BACK_UNREACHED,
                event_type=event_type,
                municipality=None,
                new_id=new_id,
                at=at,
            )
    return event.event_id


def reach(
    connection: Connection, agency_id: str, *, new_id: Callable[[], str], at: datetime
) -> None:
    """Send to an agency that has an endpoint now what could not be sent before."""
    waiting = connection.execute(
        select(TAKE_BACK.c.take_back_id, EVENT)
        .join(EVENT, EVENT.c.event_id == TAKE_BACK.c.event_id)
        .where(TAKE_BACK.c.agency_id == agency_id, TAKE_BACK.c.jti.is_(None))
        .order_by(TAKE_BACK.c.ordered_at, TAKE_BACK.c.take_back_id)
        .with_for_update(of=TAKE_BACK)
    ).all()
    endpoints = _endpoints(connection, {agency_id}) if waiting else []
    if not endpoints:
        return
    target = Endpoint(agency_id, endpoints[0].subscription_id)
    for row in waiting:
        event = NewEvent(
            event_id=row.event_id,
            person_id=row.person_id,
            event_type=row.event_type,
            release_date=None,
            notice=row.notice,
            priority=row.priority,
        )
        _send(connection, row.take_back_id, target, event, jti=new_id(), created_at=at, at=at)
    for person_id in sorted({row.person_id for row in waiting}):
        others = select(TAKE_BACK.c.jti).where(
            TAKE_BACK.c.person_id == person_id, TAKE_BACK.c.jti.is_(None)
        )
        if connection.execute(others.limit(1)).first() is None:
            alarms.settle(connection, person_id, reasons=(Reason.TAKE_BACK_UNREACHED,), at=at)


def stop(connection: Connection, event_id: str, *, at: datetime) -> None:
    """Try no more to deliver the notices that an event takes back; one on its way is."""
    rows = connection.scalars(select(TAKE_BACK.c.notices).where(TAKE_BACK.c.event_id == event_id))
    connection.execute(
        update(DELIVERY)
        .where(
            DELIVERY.c.jti.in_([jti for notices in rows for jti in notices]),
            # What was given up on could still be polled, or asked for again.
            DELIVERY.c.status.in_((QUEUED, HELD, DEAD, QUARANTINED)),
            or_(DELIVERY.c.lease_until.is_(None), DELIVERY.c.lease_until < at),
        )
        .values(status=CANCELLED, reason=TAKEN_BACK)
    )


def of_message(connection: Connection, jti: str) -> Row[Any] | None:
    """What a control message takes back; None where it is none."""
    return connection.execute(select(TAKE_BACK).where(TAKE_BACK.c.jti == jti)).one_or_none()


def of_person(connection: Connection, person_id: str) -> list[Row[Any]]:
    """Everything that was taken back about a person, with how far it is, the oldest first."""
    query = (
        select(
            TAKE_BACK,
            EVENT.c.event_type,
            DELIVERY.c.sent_at,
            DELIVERY.c.acknowledgement,
            DELIVERY.c.acknowledged_at,
        )
        .join(EVENT, EVENT.c.event_id == TAKE_BACK.c.event_id)
        .join(DELIVERY, DELIVERY.c.jti == TAKE_BACK.c.jti, isouter=True)
        .where(TAKE_BACK.c.person_id == person_id)
        .order_by(EVENT.c.occurred_at, TAKE_BACK.c.agency_id, TAKE_BACK.c.take_back_id)
    )
    return list(connection.execute(query))


def is_open(connection: Connection, person_id: str, *, at: datetime) -> bool:
    """Whether some agency has yet to confirm, and there is still time for it."""
    query = (
        select(TAKE_BACK.c.take_back_id)
        .join(DELIVERY, DELIVERY.c.jti == TAKE_BACK.c.jti, isouter=True)
        .where(
            TAKE_BACK.c.person_id == person_id,
            TAKE_BACK.c.due_at > at - PATIENCE,
            or_(DELIVERY.c.acknowledgement.is_(None), DELIVERY.c.acknowledgement != ACCEPTED),
        )
    )
    return connection.scalar(query.limit(1)) is not None


def was_ordered(connection: Connection, person_id: str, event_type: str) -> bool:
    """Whether a message of this type stands already."""
    query = (
        select(TAKE_BACK.c.take_back_id)
        .join(EVENT, EVENT.c.event_id == TAKE_BACK.c.event_id)
        .where(TAKE_BACK.c.person_id == person_id, EVENT.c.event_type == event_type)
    )
    return connection.scalar(query.limit(1)) is not None


def _send(
    connection: Connection,
    take_back_id: str,
    to: Endpoint,
    event: NewEvent,
    *,
    jti: str,
    created_at: datetime,
    at: datetime,
) -> None:
    """Queue the message of one target, with the steps that follow if it does not confirm."""
    delivery = (jti, to.subscription_id, to.agency_id)
    enqueue(connection, event, [delivery], created_at=created_at, at=at)
    connection.execute(
        update(TAKE_BACK).where(TAKE_BACK.c.take_back_id == take_back_id).values(jti=jti)
    )
    escalations.plan(
        connection,
        event.event_type,
        hours=event.notice["acknowledgement_hours"],
        jti=jti,
        person_id=event.person_id,
        at=at,
    )


def _targets(connection: Connection, received: list[Disclosed]) -> dict[Target, _Received]:
    """Each disclosure under the endpoint that is told of it: where it went, else the agency's."""
    endpoints = _endpoints(connection, {one.agency_id for one in received})
    came_by = _came_by(connection, [one.notification for one in received if one.notification])
    found: dict[Target, _Received] = {}
    for one in received:
        of_agency = [row for row in endpoints if row.agency_id == one.agency_id]
        first_of_all = sorted(
            of_agency,
            key=lambda row: (
                row.subscription_id != came_by.get(one.notification or ""),
                row.client_id != one.client_id,
            ),
        )
        target = first_of_all[0].subscription_id if first_of_all else None
        found.setdefault((one.agency_id, target), _Received()).add(one)
    return found


def _endpoints(connection: Connection, agencies: set[str]) -> list[Row[Any]]:
    """The endpoints of these agencies by which they can be told now, the oldest first."""
    query = (
        select(SUBSCRIPTION.c.subscription_id, SUBSCRIPTION.c.agency_id, SUBSCRIPTION.c.client_id)
        .join(AGENCY, AGENCY.c.agency_id == SUBSCRIPTION.c.agency_id)
        .join(CLIENT, CLIENT.c.client_id == SUBSCRIPTION.c.client_id)
        .where(
            SUBSCRIPTION.c.status == VERIFIED,
            AGENCY.c.status == ACTIVE,
            CLIENT.c.status == ACTIVE,
            SUBSCRIPTION.c.agency_id.in_(agencies),
        )
        .order_by(SUBSCRIPTION.c.created_at, SUBSCRIPTION.c.subscription_id)
    )
    return list(connection.execute(query))


def _came_by(connection: Connection, notices: list[str]) -> Mapping[str, str]:
    """The subscription that each notice went to."""
    query = select(DELIVERY.c.jti, DELIVERY.c.subscription_id).where(DELIVERY.c.jti.in_(notices))
    return {row.jti: row.subscription_id for row in connection.execute(query)}
