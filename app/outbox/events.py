"""Events and their fan-out: one delivery for each active subscription that is to be told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    String,
    cast,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
)

from app.agencies.registry import ACTIVE, AGENCY
from app.bell import ring_after_commit
from app.instants import MICROSECOND
from app.outbox import feeds
from app.outbox.competence import concerned, has_case, keeps
from app.outbox.deliveries import DELIVERY, HELD, QUEUED, RANKS, SENT
from app.outbox.receipts import EVENT, of_matter, told
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.releases.event_types import Matter, Priority

IMMEDIATE = Priority.IMMEDIATE.value
AUDITOR_ROLE = "oversight_auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to store. `notice` says what the event adds to the file: no personal data."""

    event_id: str
    person_id: str
    event_type: str
    release_date: date | None
    notice: Mapping[str, Any]
    priority: str


class Recipients(Enum):
    """Which subscriptions of an audience an event is for, by what they got about the matter."""

    ALL = "all"
    # Never told, and nothing on its way.
    NEW = "new"
    # Told before: the event rests on that receipt, whoever is competent by now.
    TOLD = "told"
    # Told before, and nothing acknowledged: they are reminded.
    SILENT = "silent"
    # Told before, or on the case.
    INVOLVED = "involved"
    # Whoever keeps the file, and whoever watches over all of them.
    OVERSEERS = "overseers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is to be told: agencies of these roles that are competent, have the case or were told.

    `matter` is that of the receipts which count; `agencies` names those that are meant, None
    where all of them are.
    """

    roles: frozenset[str]
    recipients: Recipients = Recipients.ALL
    matter: Matter = Matter.RELEASE
    agencies: frozenset[str] | None = None


def publish(
    connection: Connection,
    event: NewEvent,
    audience: Audience,
    *,
    new_id: Callable[[], str],
    at: datetime,
) -> int:
    """Store an event with a delivery for each subscription of its audience; how many.

    The caller holds the person's file: see `planning`.
    """
    # Asked before the event stands: one that ends a release would hide who was told of it.
    recipients = _subscriptions(connection, event.person_id, audience)
    moment = store(connection, event, at=at)
    held = event.priority != IMMEDIATE and feeds.is_held(connection, event.person_id)
    status = HELD if held else QUEUED
    to = [(new_id(), row.subscription_id, row.agency_id) for row in recipients]
    enqueue(connection, event, to, status=status, created_at=moment, at=at)
    return len(to)


def store(connection: Connection, event: NewEvent, *, at: datetime) -> datetime:
    """Store an event, and when it counts as having occurred: after every other of its person."""
    moment = _after_earlier(connection, event.person_id, at)
    connection.execute(
        insert(EVENT).values(
            event_id=event.event_id,
            person_id=event.person_id,
            event_type=event.event_type,
            release_date=event.release_date,
            notice=dict(event.notice),
            priority=event.priority,
            occurred_at=moment,
        )
    )
    return moment


def enqueue(
    connection: Connection,
    event: NewEvent,
    to: Sequence[tuple[str, str, str]],
    *,
    status: str = QUEUED,
    created_at: datetime,
    at: datetime,
) -> None:
    """A delivery of an event for each of these: its `jti`, the subscription and the agency."""
    if not to:
        return
    jti, subscription_id, agency_id = _columns(connection, to)
    moment = DELIVERY.c.created_at.type
    values: dict[str, ColumnElement[Any]] = {
        "jti": jti,
        "event_id": literal(event.event_id),
        "subscription_id": subscription_id,
        "agency_id": agency_id,
        "person_id": literal(event.person_id),
        "status": literal(status),
        "rank": literal(RANKS[event.priority]),
        "created_at": literal(created_at, moment),
        "attempts": literal(0),
        "next_attempt_at": literal(at, moment),
    }
    connection.execute(insert(DELIVERY).from_select([*values], select(*values.values())))
    ring_after_commit(connection, everywhere=event.priority == IMMEDIATE)


def _columns(connection: Connection, rows: Sequence[Sequence[str]]) -> list[ColumnElement[str]]:
    """The columns of rows that go to the database as one value: ten thousand cost one statement."""
    document = literal(orjson.dumps(rows).decode(), String())
    places = range(len(rows[0]))
    if connection.dialect.name == "sqlite":
        row = func.json_each(document).table_valued("value").c.value
        # SQLite has ->> since 3.38 only.
        return [func.json_extract(row, f"$[{place}]") for place in places]
    row = func.json_array_elements(cast(document, JSON)).table_valued("value").c.value
    return [row.op("->>")(literal_column(str(place))) for place in places]


def reached_roles(connection: Connection, event_id: str) -> frozenset[str]:
    """The roles of the agencies to which an event has come, or is on its way."""
    query = (
        select(AGENCY.c.role)
        .join(DELIVERY, DELIVERY.c.agency_id == AGENCY.c.agency_id)
        .where(DELIVERY.c.event_id == event_id, DELIVERY.c.status.in_((SENT, QUEUED, HELD)))
    )
    return frozenset(connection.scalars(query.distinct()))


def _after_earlier(connection: Connection, person_id: str, at: datetime) -> datetime:
    """Now, but after every earlier event of the person: order outlives a clock that is set back."""
    newest = connection.scalar(
        select(func.max(EVENT.c.occurred_at)).where(EVENT.c.person_id == person_id)
    )
    return at if newest is None else max(at, newest + MICROSECOND)


def _subscriptions(connection: Connection, person_id: str, audience: Audience) -> list[Any]:
    named = [] if audience.agencies is None else [AGENCY.c.agency_id.in_(audience.agencies)]
    query = (
        select(SUBSCRIPTION.c.subscription_id, SUBSCRIPTION.c.agency_id)
        .join(AGENCY, AGENCY.c.agency_id == SUBSCRIPTION.c.agency_id)
        .where(
            SUBSCRIPTION.c.status == VERIFIED,
            AGENCY.c.status == ACTIVE,
            AGENCY.c.role.in_(audience.roles),
            *named,
            *_by_receipt(person_id, audience),
        )
        .order_by(SUBSCRIPTION.c.subscription_id)
    )
    return list(connection.execute(query))


def _by_receipt(person_id: str, audience: Audience) -> list[ColumnElement[bool]]:
    """What a subscription must have received, or not, to be among these recipients."""
    subscription = SUBSCRIPTION.c.subscription_id
    in_view = concerned(person_id)
    was_told = subscription.in_(told(person_id, audience.matter))
    match audience.recipients:
        case Recipients.ALL:
            return [in_view]
        case Recipients.NEW:
            of_this = of_matter(person_id, audience.matter)
            has_or_gets = of_this.where(DELIVERY.c.status.in_((SENT, QUEUED, HELD)))
            return [in_view, subscription.not_in(has_or_gets)]
        case Recipients.TOLD:
            return [was_told]
        case Recipients.SILENT:
            answered = told(person_id, audience.matter).where(
                DELIVERY.c.acknowledgement.is_not(None)
            )
            return [in_view, was_told, subscription.not_in(answered)]
        case Recipients.INVOLVED:
            return [or_(was_told, has_case(person_id))]
        case Recipients.OVERSEERS:
            return [or_(keeps(person_id), AGENCY.c.role == AUDITOR_ROLE)]
