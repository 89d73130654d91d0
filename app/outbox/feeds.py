"""Feeds: what the clients of custodians send, and the breaker that holds an implausible one.

While a feed is held its changes are stored, and the notices about the persons whose release it
turned wait; what is immediate and comes one by one passes. A person decides: the notices go out,
or they are discarded and the custodian corrects its data.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Update,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from app.bell import ring_after_commit
from app.files.tables import InmateFile
from app.outbox.deliveries import CANCELLED, DELIVERY, HELD, QUEUED
from app.outbox.receipts import EVENT
from app.outbox.tables import Feed, FeedChange
from app.problems import NotFound
from app.releases.event_types import Kind, Priority
from app.releases.events import EVENTS
from app.releases.plausibility import WINDOW, Limits
from app.rows import insert_new, table_of

FEED = table_of(Feed)
CHANGE = table_of(FeedChange)
FILE = table_of(InmateFile)

STALE_AFTER_HOURS = 72
ESCALATE_AFTER_HOURS = 4
# A feed is noted as seen at most so often: every change would else wait for this row.
SEEN_EVERY = timedelta(minutes=5)
DISCARDED = "feed-discarded"
TAKING_BACK = tuple(name for name, event in EVENTS.items() if event.kind is Kind.CONTROL)


class State(StrEnum):
    """How a feed stands. A stale one says nothing: that is not the news that nobody leaves."""

    LIVE = "live"
    STALE = "stale"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """How far a feed is trusted."""

    limits: Limits = field(default_factory=Limits)
    stale_after_hours: int = STALE_AFTER_HOURS
    escalate_after_hours: int = ESCALATE_AFTER_HOURS


def seen(connection: Connection, client_id: str, agency_id: str, *, at: datetime) -> Row[Any]:
    """The feed of a client, which has just sent something; the first time it is made."""
    feed = find(connection, client_id)
    if feed is None:
        insert_new(connection, Feed, **_values(client_id, agency_id, FeedSettings(), at))
        feed = get(connection, client_id)
    if at - feed.last_seen_at >= SEEN_EVERY:
        changes = {"last_seen_at": at, "stale_recorded_at": None}
        _set(connection, client_id, **changes)
    return feed


def configure(
    connection: Connection, client_id: str, agency_id: str, settings: FeedSettings, *, at: datetime
) -> None:
    """Set how far a feed is trusted."""
    values = _values(client_id, agency_id, settings, at)
    if not insert_new(connection, Feed, **values):
        kept = ("client_id", "agency_id", "last_seen_at")
        _set(connection, client_id, **{k: v for k, v in values.items() if k not in kept})


def find(connection: Connection, client_id: str) -> Row[Any] | None:
    """The feed of a client, if it has sent or was configured."""
    return connection.execute(select(FEED).where(FEED.c.client_id == client_id)).first()


def get(connection: Connection, client_id: str, *, agency_id: str | None = None) -> Row[Any]:
    """The feed of a client; of this agency, where one is named. NotFound."""
    query = select(FEED).where(FEED.c.client_id == client_id)
    if agency_id is not None:
        query = query.where(FEED.c.agency_id == agency_id)
    feed = connection.execute(query).first()
    if feed is None:
        raise NotFound("no such feed")
    return feed


def all_feeds(connection: Connection) -> list[Row[Any]]:
    """Every feed, by the id of its client."""
    return list(connection.execute(select(FEED).order_by(FEED.c.client_id)))


def state_of(feed: Row[Any], *, at: datetime) -> State:
    """How a feed stands at a moment."""
    if feed.held_at is not None:
        return State.HELD
    silent = at - feed.last_seen_at > timedelta(hours=feed.stale_after_hours)
    return State.STALE if silent else State.LIVE


def population(connection: Connection, agency_id: str, *, at: datetime) -> int:
    """Persons of a custodian who had not left before the window."""
    in_view = or_(FILE.c.actual_release_at.is_(None), FILE.c.actual_release_at > at - WINDOW)
    query = select(func.count()).where(FILE.c.custodian == agency_id, in_view)
    return connection.scalar(query) or 0


def limits_of(feed: Row[Any]) -> Limits:
    """What a feed may change in a day."""
    return Limits(largest_share=feed.largest_share, least_count=feed.least_count)


def turned(
    connection: Connection, feed: Row[Any], person_id: str, *, single: bool, at: datetime
) -> None:
    """A feed has turned a release: count it, and hold the feed where there are too many.

    `single`: it came by itself, so that what is immediate about it is not held.
    """
    _note(connection, feed.client_id, person_id, at=at)
    recent = CHANGE.c.client_id == feed.client_id, CHANGE.c.changed_at > at - WINDOW
    count = connection.scalar(select(func.count()).where(*recent)) or 0
    if feed.held_at is not None:
        _withhold(connection, DELIVERY.c.person_id == person_id, immediate_too=not single)
    elif limits_of(feed).exceeded(count, population(connection, feed.agency_id, at=at)):
        hold(connection, feed.client_id, at=at)
        persons = select(CHANGE.c.person_id).where(*recent)
        _withhold(connection, DELIVERY.c.person_id.in_(persons), immediate_too=not single)
    else:
        old = CHANGE.c.client_id == feed.client_id, CHANGE.c.changed_at <= at - WINDOW
        connection.execute(delete(CHANGE).where(*old))


def hold(
    connection: Connection, client_id: str, *, snapshot: str | None = None, at: datetime
) -> None:
    """Hold a feed; `snapshot`: because of this one, of which nothing was applied."""
    _set(connection, client_id, held_at=at, held_snapshot=snapshot)


def is_held(connection: Connection, person_id: str) -> bool:
    """Whether notices about a person wait for the decision about a feed."""
    query = select(CHANGE.c.person_id).where(
        CHANGE.c.person_id == person_id,
        exists().where(FEED.c.client_id == CHANGE.c.client_id, FEED.c.held_at.is_not(None)),
    )
    return connection.scalar(query.limit(1)) is not None


def release(connection: Connection, feed: Row[Any], *, at: datetime) -> int:
    """What was held is right: it goes out, and counting begins anew. How many notices."""
    changed = connection.execute(
        update(DELIVERY)
        .where(*_held_by(feed))
        .values(status=QUEUED, next_attempt_at=at, reason=None)
    )
    ring_after_commit(connection)
    _end_hold(connection, feed, approved=feed.held_snapshot)
    return changed.rowcount


def free(connection: Connection, *, at: datetime) -> int:
    """Let out what no feed holds any more. How many notices.

    Whoever published at the moment of a decision did not see it, and the decision not that.
    """
    return connection.execute(_unheld(), {"at": at}).rowcount


@cache
def _unheld() -> Update:
    """Built once: it is asked at every look of a dispatcher."""
    held = exists().where(
        CHANGE.c.person_id == DELIVERY.c.person_id,
        FEED.c.client_id == CHANGE.c.client_id,
        FEED.c.held_at.is_not(None),
    )
    unheld = update(DELIVERY).where(DELIVERY.c.status == HELD, ~held)
    return unheld.values(status=QUEUED, next_attempt_at=bindparam("at"), reason=None)


def discard(connection: Connection, feed: Row[Any]) -> int:
    """What was held is wrong: nobody is told. How many notices."""
    changed = connection.execute(
        update(DELIVERY).where(*_held_by(feed)).values(status=CANCELLED, reason=DISCARDED)
    )
    _end_hold(connection, feed, approved=None)
    return changed.rowcount


def unrecorded(connection: Connection, *, at: datetime) -> list[tuple[Row[Any], str]]:
    """Feeds with what somebody has to look at and no entry says yet; they are marked."""
    return [
        (feed, news)
        for feed in all_feeds(connection)
        for mark, news in _news(feed, at=at)
        if _marked(connection, feed.client_id, mark, at=at)
    ]


def _marked(connection: Connection, client_id: str, mark: str, *, at: datetime) -> bool:
    """Whether this mark was set now: of two who look at once, one sets it."""
    unmarked = update(FEED).where(FEED.c.client_id == client_id, FEED.c[mark].is_(None))
    return connection.execute(unmarked.values({mark: at})).rowcount == 1


def _news(feed: Row[Any], *, at: datetime) -> list[tuple[str, str]]:
    """What is to go on record of a feed: the column that marks it, and its name."""
    if feed.held_at is None:
        stale = state_of(feed, at=at) is State.STALE and feed.stale_recorded_at is None
        return [("stale_recorded_at", "feed-stale")] if stale else []
    waits = at - feed.held_at >= timedelta(hours=feed.escalate_after_hours)
    return [
        *([("hold_recorded_at", "feed-held")] if feed.hold_recorded_at is None else []),
        *([("escalated_at", "feed-hold-undecided")] if waits and not feed.escalated_at else []),
    ]


def _values(
    client_id: str, agency_id: str, settings: FeedSettings, at: datetime
) -> dict[str, object]:
    return {
        "client_id": client_id,
        "agency_id": agency_id,
        "stale_after_hours": settings.stale_after_hours,
        "largest_share": settings.limits.largest_share,
        "least_count": settings.limits.least_count,
        "escalate_after_hours": settings.escalate_after_hours,
        "last_seen_at": at,
    }


def _note(connection: Connection, client_id: str, person_id: str, *, at: datetime) -> None:
    values = {"client_id": client_id, "person_id": person_id}
    if not insert_new(connection, FeedChange, **values, changed_at=at):
        mine = CHANGE.c.client_id == client_id, CHANGE.c.person_id == person_id
        connection.execute(update(CHANGE).where(*mine).values(changed_at=at))


def _withhold(connection: Connection, persons: ColumnElement[bool], *, immediate_too: bool) -> None:
    """Put off what has not been tried yet. What a dispatcher has in hand is on its way.

    What takes back what was sent does not wait for a feed: nor could a hold discard it.
    """
    passes: ColumnElement[bool] = EVENT.c.event_type.in_(TAKING_BACK)
    if not immediate_too:
        passes = or_(passes, EVENT.c.priority == Priority.IMMEDIATE.value)
    connection.execute(
        update(DELIVERY)
        .where(
            persons,
            DELIVERY.c.status == QUEUED,
            DELIVERY.c.sequence.is_(None),
            DELIVERY.c.lease.is_(None),
            DELIVERY.c.event_id.not_in(select(EVENT.c.event_id).where(passes)),
        )
        .values(status=HELD)
    )


def _held_by(feed: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    persons = select(CHANGE.c.person_id).where(CHANGE.c.client_id == feed.client_id)
    return DELIVERY.c.status == HELD, DELIVERY.c.person_id.in_(persons)


def _end_hold(connection: Connection, feed: Row[Any], *, approved: str | None) -> None:
    connection.execute(delete(CHANGE).where(CHANGE.c.client_id == feed.client_id))
    _set(
        connection,
        feed.client_id,
        held_at=None,
        held_snapshot=None,
        hold_recorded_at=None,
        escalated_at=None,
        approved_snapshot=approved,
    )


def _set(connection: Connection, client_id: str, **values: object) -> None:
    connection.execute(update(FEED).where(FEED.c.client_id == client_id).values(**values))
