"""Doors of feeds: whoever reads sees how they stand; an officer of the custodian decides a hold."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.agencies import registry
from app.agencies.tokens import Caller
from app.house import Act, House, Refusal, record
from app.outbox import feeds
from app.outbox.feeds import FeedSettings
from app.problems import Conflict, Forbidden, InvalidInput, NotFound, ThroughcareError

OWNER = "correctional_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How a hold was decided, and of how many notices."""

    client_id: str
    decision: str
    notices: int


def listed(connection: Connection, *, at: datetime) -> list[dict[str, Any]]:
    """How every feed stands: for whoever runs the exchange."""
    return [_state(feed, at=at) for feed in feeds.all_feeds(connection)]


def states(connection: Connection, caller: Caller, *, at: datetime) -> list[dict[str, Any]]:
    """How every feed stands. What a feed is trusted with is told to its own agency alone."""
    return [
        {
            **_state(feed, at=at),
            **({"settings": _settings(feed)} if feed.agency_id == caller.agency_id else {}),
        }
        for feed in feeds.all_feeds(connection)
    ]


def configure(
    connection: Connection, house: House, client_id: str, settings: FeedSettings, *, at: datetime
) -> None:
    """Set how far a feed is trusted: for whoever runs the exchange, never for the feed itself."""
    agency = registry.agency(connection, _agency_of(connection, client_id))
    if agency.role != OWNER:
        raise InvalidInput("a feed is a client of a custodian")
    feeds.configure(connection, client_id, agency.agency_id, settings, at=at)
    fields = {"fact": "feed", "id": client_id, "status": "configured"}
    record(connection, house, OPERATOR, _act(Outcome.RECORDED, fields), at=at)


def decide_hold(
    connection: Connection,
    house: House,
    caller: Caller,
    client_id: str,
    *,
    release: bool,
    at: datetime,
) -> Decided | Refusal:
    """An officer of the custodian lets a held feed's notices go out, or discards them.

    Not through the client that feeds: whoever has taken that over would approve itself.
    """
    try:
        feed = feeds.get(connection, client_id, agency_id=caller.agency_id)
        if caller.client_id == client_id:
            raise Forbidden("a hold is decided through another client than the one that is held")
        return _decide(connection, house, caller, feed, release=release, at=at)
    except ThroughcareError as problem:
        fields = {"fact": "feed", "id": client_id, "reason": problem.slug}
        record(connection, house, caller, _act(Outcome.REFUSED, fields), at=at)
        return Refusal(problem)


def decide_as_operator(
    connection: Connection, house: House, client_id: str, *, release: bool, at: datetime
) -> Decided:
    """The same by whoever runs the exchange."""
    feed = feeds.get(connection, client_id)
    return _decide(connection, house, OPERATOR, feed, release=release, at=at)


def _decide(
    connection: Connection,
    house: House,
    caller: Caller,
    feed: Row[Any],
    *,
    release: bool,
    at: datetime,
) -> Decided:
    if feed.held_at is None:
        raise Conflict("this feed is not held")
    notices = feeds.release(connection, feed, at=at) if release else feeds.discard(connection, feed)
    decision = "released" if release else "discarded"
    fields = {"fact": "feed", "id": feed.client_id, "status": decision, "notices": notices}
    record(connection, house, caller, _act(Outcome.RECORDED, fields), at=at)
    return Decided(client_id=feed.client_id, decision=decision, notices=notices)


def _agency_of(connection: Connection, client_id: str) -> str:
    query = select(registry.CLIENT.c.agency_id).where(registry.CLIENT.c.client_id == client_id)
    found = connection.scalar(query)
    if found is None:
        raise NotFound("no such client")
    return str(found)


def _state(feed: Row[Any], *, at: datetime) -> dict[str, Any]:
    return {
        "custodian": feed.agency_id,
        "feed": feed.client_id,
        "state": feeds.state_of(feed, at=at).value,
        "last_seen_at": feed.last_seen_at.isoformat(),
        "held_at": None if feed.held_at is None else feed.held_at.isoformat(),
    }


def _settings(feed: Row[Any]) -> dict[str, Any]:
    names = ("stale_after_hours", "largest_share", "least_count", "escalate_after_hours")
    return {name: getattr(feed, name) for name in names}


def _act(outcome: Outcome, fields: dict[str, Any]) -> Act:
    return Act(
        operation=Operation.ALTERATION,
        channel=Channel.ADMINISTRATION,
        outcome=outcome,
        fields=fields,
    )
