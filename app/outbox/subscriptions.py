"""Subscriptions: an endpoint, the key that notifications are sealed to, and their handshake."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.agencies.registry import ACTIVE as CLIENT_ACTIVE
from app.agencies.registry import CLIENT
from app.database import table_of
from app.outbox.tables import Subscription
from app.problems import NotFound

SUBSCRIPTION = table_of(Subscription)

# Waits for the nonce to come back signed; nothing is sent before.
PENDING = "pending"
ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """What a client asks for. `encryption_jwk` is a public RSA key (RFC 7517)."""

    subscription_id: str
    agency_id: str
    client_id: str
    officer_id: str
    purpose: str
    legal_basis: str
    endpoint: str
    encryption_jwk: dict[str, Any]


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
            status=PENDING,
            handshakes=0,
            next_handshake_at=at,
            last_sequence=0,
            created_at=at,
        )
    )


def get(connection: Connection, subscription_id: str, *, agency_id: str) -> Row[Any]:
    """A subscription of this agency; NotFound for another's, as for none."""
    row = connection.execute(
        select(SUBSCRIPTION).where(
            SUBSCRIPTION.c.subscription_id == subscription_id,
            SUBSCRIPTION.c.agency_id == agency_id,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("no such subscription")
    return row


def activate(connection: Connection, subscription_id: str, *, at: datetime) -> None:
    """The nonce came back signed: from now on events are sent here."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(status=ACTIVE, verified_at=at)
    )


def handshakes_due(connection: Connection, *, at: datetime, limit: int) -> list[Row[Any]]:
    """Subscriptions of active clients whose nonce is to be sent now, kept from others."""
    query = (
        select(SUBSCRIPTION)
        .join(CLIENT, CLIENT.c.client_id == SUBSCRIPTION.c.client_id)
        .where(
            SUBSCRIPTION.c.status == PENDING,
            SUBSCRIPTION.c.next_handshake_at <= at,
            CLIENT.c.status == CLIENT_ACTIVE,
        )
        .order_by(SUBSCRIPTION.c.next_handshake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=SUBSCRIPTION)
    )
    return list(connection.execute(query))


def postpone_handshake(
    connection: Connection, subscription_id: str, *, handshakes: int, next_at: datetime
) -> None:
    """Count a handshake and set the next one."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(handshakes=handshakes, next_handshake_at=next_at)
    )


def next_sequence(connection: Connection, subscription_id: str) -> int:
    """The next number of this subscription: gapless, given after the decision."""
    connection.execute(
        update(SUBSCRIPTION)
        .where(SUBSCRIPTION.c.subscription_id == subscription_id)
        .values(last_sequence=SUBSCRIPTION.c.last_sequence + 1)
    )
    number = connection.scalar(
        select(SUBSCRIPTION.c.last_sequence).where(
            SUBSCRIPTION.c.subscription_id == subscription_id
        )
    )
    assert number is not None  # noqa: S101 - the row was updated in this transaction
    return int(number)
