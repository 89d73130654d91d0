"""Subscriptions: an endpoint or an inbox, the key to seal to, and the handshake of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, or_, select, update

from app.agencies.registry import ACTIVE as CLIENT_ACTIVE
from app.agencies.registry import CLIENT
from app.bell import ring_after_commit
from app.outbox.tables import Subscription
from app.problems import NotFound
from app.rows import table_of

SUBSCRIPTION = table_of(Subscription)

# Waits for the nonce to come back signed; nothing is sent before.
PENDING = "pending"
ACTIVE = "active"
# Nothing is addressed to it any more; what still waits is cancelled.
ENDED = "ended"
# By so much numbers leap after a loss: more notices than a subscription has had in between, and the
# column has room for a hundred leaps.
LEAP = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """What a client asks for. `encryption_jwk` is a public RSA key (RFC 7517).

    Without an endpoint it is polled, or, with `hand_over_by`, brought on paper by that agency.
    """

    subscription_id: str
    agency_id: str
    client_id: str
    officer_id: str
    purpose: str
    legal_basis: str
    endpoint: str | None
    encryption_jwk: dict[str, Any]
    hand_over_by: str | None = None


def add(connection: Connection, new: NewSubscription, *, at: datetime) -> None:
    """Store a subscription that waits for its handshake."""
    connection.execute(
        insert(SUBSCRIPTION).values(
            subscription_id=new.subscription_id,
            agency_id=new.agency_id,
            client_id=new.client_id,
            officer_id=new.officer_id,
            purpose=new.purpose,
            legal_basis=new.legal_basis,
            endpoint=new.endpoint,
            encryption_jwk=new.encryption_jwk,
            hand_over_by=new.hand_over_by,
            status=PENDING,
            proven=False,
            challenge=0,
            handshakes=0,
            next_handshake_at=at,
            last_sequence=0,
            created_at=at,
            paused=False,
            failures=0,
            heartbeat_at=at,
        )
    )
    ring_after_commit(connection)


def get(connection: Connection, subscription_id: str, *, agency_id: str) -> Row[Any]:
    """A subscription of this agency; NotFound for another's, as for none."""
    return _one(connection, subscription_id, SUBSCRIPTION.c.agency_id == agency_id)


def own(connection: Connection, subscription_id: str, *, client_id: str) -> Row[Any]:
    """A subscription of this client; NotFound for another's, as for none, and for one on paper.

    What is brought on paper is the operator's to change, and is neither polled nor pushed.
    """
    own = SUBSCRIPTION.c.client_id == client_id
    return _one(connection, subscription_id, own, SUBSCRIPTION.c.hand_over_by.is_(None))


def of_client(connection: Connection, *, client_id: str, limit: int) -> list[Row[Any]]:
    """Those of this client that have not ended, the newest first."""
    query = select(SUBSCRIPTION).where(
        SUBSCRIPTION.c.client_id == client_id,
        SUBSCRIPTION.c.status != ENDED,
        SUBSCRIPTION.c.hand_over_by.is_(None),
    )
    return list(connection.execute(query.order_by(SUBSCRIPTION.c.created_at.desc()).limit(limit)))


def find(connection: Connection, subscription_id: str) -> Row[Any]:
    """A subscription, whoever's it is: for this installation itself. NotFound."""
    return _one(connection, subscription_id)


def tells(connection: Connection, agency_id: str) -> bool:
    """Whether an agency is told by some subscription, through a client that is active."""
    query = (
        select(SUBSCRIPTION.c.subscription_id)
        .join(CLIENT, CLIENT.c.client_id == SUBSCRIPTION.c.client_id)
        .where(
            SUBSCRIPTION.c.agency_id == agency_id,
            SUBSCRIPTION.c.status == ACTIVE,
            CLIENT.c.status == CLIENT_ACTIVE,
        )
    )
    return connection.scalar(query.limit(1)) is not None


def of_installation(connection: Connection) -> list[Row[Any]]:
    """Every subscription there is, by agency: for whoever runs the installation."""
    query = select(SUBSCRIPTION).order_by(SUBSCRIPTION.c.agency_id, SUBSCRIPTION.c.created_at)
    return list(connection.execute(query))


def activate(connection: Connection, subscription_id: str, *, at: datetime) -> None:
    """The nonce came back signed: what was proven takes effect, and old errors are forgotten."""
    change(
        connection,
        subscription_id,
        {
            "status": ACTIVE,
            "verified_at": at,
            "proven": True,
            "endpoint": func.coalesce(SUBSCRIPTION.c.next_endpoint, SUBSCRIPTION.c.endpoint),
            "encryption_jwk": func.coalesce(SUBSCRIPTION.c.next_jwk, SUBSCRIPTION.c.encryption_jwk),
            "next_endpoint": None,
            "next_jwk": None,
            "failures": 0,
            "rests_until": None,
            "disabled_at": None,
            "problem": None,
        },
    )


def challenge(
    connection: Connection, subscription_id: str, *, at: datetime, **values: object
) -> None:
    """Open a handshake with another nonce, about an endpoint or a key that is to come."""
    opened = {"proven": False, "challenge": SUBSCRIPTION.c.challenge + 1, "handshakes": 0}
    change(connection, subscription_id, {**opened, "next_handshake_at": at, **values})
    ring_after_commit(connection)


def change(connection: Connection, subscription_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a subscription."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(**values)
    )


def handshakes_due(connection: Connection, *, at: datetime, limit: int) -> list[Row[Any]]:
    """Subscriptions whose nonce is to be sent now, kept from others."""
    to_send = or_(SUBSCRIPTION.c.endpoint.is_not(None), SUBSCRIPTION.c.next_endpoint.is_not(None))
    return _of_active_clients(
        connection,
        SUBSCRIPTION.c.proven.is_(False),
        SUBSCRIPTION.c.status != ENDED,
        to_send,
        SUBSCRIPTION.c.next_handshake_at <= at,
        order=SUBSCRIPTION.c.next_handshake_at,
        limit=limit,
    )


def heartbeats_due(
    connection: Connection, *, healthy: ColumnElement[bool], before: datetime, limit: int
) -> list[Row[Any]]:
    """Subscriptions with a healthy endpoint whose last heartbeat is that old, kept from others."""
    return _of_active_clients(
        connection,
        healthy,
        SUBSCRIPTION.c.heartbeat_at <= before,
        order=SUBSCRIPTION.c.heartbeat_at,
        limit=limit,
    )


def postpone_handshake(
    connection: Connection, subscription_id: str, *, handshakes: int, next_at: datetime
) -> None:
    """Count a handshake and set the next one."""
    values = {"handshakes": handshakes, "next_handshake_at": next_at}
    change(connection, subscription_id, values)


def next_sequence(connection: Connection, subscription_id: str) -> int:
    """The next number of this subscription: gapless, given after the decision."""
    values = {"last_sequence": SUBSCRIPTION.c.last_sequence + 1}
    change(connection, subscription_id, values)
    number = connection.scalar(
        select(SUBSCRIPTION.c.last_sequence).where(
            SUBSCRIPTION.c.subscription_id == subscription_id
        )
    )
    assert number is not None  # noqa: S101 - the row was updated in this transaction
    return int(number)


def leap(connection: Connection) -> None:
    """Let every subscription go on from numbers that nobody has seen, in a restored database.

    Numbers that were given since its copy was made are given to nobody again: a receiver would
    take the newest notice for one that came late.
    """
    change_all = update(SUBSCRIPTION).values(
        last_sequence=(SUBSCRIPTION.c.last_sequence // LEAP + 1) * LEAP
    )
    connection.execute(change_all)


def _one(connection: Connection, subscription_id: str, *whose: ColumnElement[bool]) -> Row[Any]:
    query = select(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == subscription_id, *whose)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("no such subscription")
    return row


def _of_active_clients(
    connection: Connection,
    *conditions: ColumnElement[bool],
    order: ColumnElement[Any],
    limit: int,
) -> list[Row[Any]]:
    query = (
        select(SUBSCRIPTION)
        .join(CLIENT, CLIENT.c.client_id == SUBSCRIPTION.c.client_id)
        .where(CLIENT.c.status == CLIENT_ACTIVE, *conditions)
        .order_by(order)
        .limit(limit)
        .with_for_update(skip_locked=True, of=SUBSCRIPTION)
    )
    return list(connection.execute(query))
