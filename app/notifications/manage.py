"""A subscription in the course of its life: changed, paused, ended; asked for again.

All of it is on record in the access log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.agencies.tokens import Caller
from app.crypto.sealing_keys import EncryptionKey
from app.house import House
from app.notifications.addresses import EndpointRules
from app.notifications.subscribe import check, record_change
from app.outbox import deliveries, endpoints, subscriptions
from app.outbox.subscriptions import ENDED
from app.problems import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to become of a subscription; None leaves it as it is."""

    endpoint: str | None = None
    encryption_jwk: Mapping[str, Any] | None = None
    paused: bool | None = None


def change(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription_id: str,
    wish: Wish,
    *,
    rules: EndpointRules,
    at: datetime,
) -> None:
    """Change a subscription of the calling client.

    An endpoint or a key takes effect once a new handshake has proven it; until then the old
    one goes on. The same endpoint again asks for a handshake, too: so a disabled one comes back.
    """
    row = _living(connection, caller, subscription_id)
    check(wish.endpoint, wish.encryption_jwk, rules)
    changed: list[str] = []
    coming: dict[str, Any] = {}
    if wish.endpoint is not None:
        coming["next_endpoint"] = wish.endpoint
        changed.append("endpoint")
    if wish.encryption_jwk is not None:
        coming["next_jwk"] = EncryptionKey.from_jwk(wish.encryption_jwk).public_jwk()
        changed.append("encryption_jwk")
    if coming:
        subscriptions.challenge(connection, subscription_id, at=at, **coming)
    if wish.paused is not None:
        subscriptions.change(connection, subscription_id, {"paused": wish.paused})
        changed.append("paused" if wish.paused else "resumed")
    if changed:
        record_change(
            connection, house, caller, subscription_id, row.status, changed=changed, at=at
        )


def end(
    connection: Connection, house: House, caller: Caller, subscription_id: str, *, at: datetime
) -> None:
    """End a subscription of the calling client: what waits is cancelled, one by one, on record."""
    _living(connection, caller, subscription_id)
    subscriptions.change(connection, subscription_id, {"status": ENDED})
    record_change(connection, house, caller, subscription_id, ENDED, at=at)


def replay(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription_id: str,
    *,
    since: int,
    status: str | None = None,
    at: datetime,
) -> int:
    """Queue again what the calling client was sent after a number; how many. Decided afresh."""
    row = _living(connection, caller, subscription_id)
    return replay_for(connection, house, caller, row, since=since, status=status, at=at)


def replay_for(
    connection: Connection,
    house: House,
    caller: Caller,
    subscription: Row[Any],
    *,
    since: int,
    status: str | None,
    at: datetime,
) -> int:
    """The same on the word of an operator."""
    if subscription.hand_over_by is not None:
        raise Conflict("what goes out on paper is made again with `pack make`")
    subscription_id = subscription.subscription_id
    queued = deliveries.replay(connection, subscription_id, since=since, status=status, at=at)
    record_change(
        connection,
        house,
        caller,
        subscription_id,
        subscription.status,
        replayed=queued,
        since=since,
        at=at,
    )
    return queued


def reopen(
    connection: Connection, house: House, operator: Caller, subscription_id: str, *, at: datetime
) -> None:
    """Take an endpoint for healthy again on the word of an operator. NotFound."""
    row = subscriptions.find(connection, subscription_id)
    # Deliveries before their subscription: in the order in which an attempt locks them.
    deliveries.hasten(connection, subscription_id, at=at)
    endpoints.clear(connection, subscription_id)
    record_change(
        connection, house, operator, subscription_id, row.status, changed=["reopened"], at=at
    )


def _living(connection: Connection, caller: Caller, subscription_id: str) -> Row[Any]:
    """A subscription of this client that has not ended. NotFound, Conflict."""
    row = subscriptions.own(connection, subscription_id, client_id=caller.client_id)
    if row.status == ENDED:
        raise Conflict("the subscription has ended")
    return row
