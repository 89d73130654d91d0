"""Tables of the outbox: subscriptions, milestones to come, events, deliveries, attempts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from app.instants import Instant


class Subscription(SQLModel, table=True):
    """What a client of an agency is told of, the key it is sealed to, and where it is pushed to.

    One without an endpoint is polled; one with `hand_over_by` goes out on paper.
    """

    __tablename__ = "subscription"
    subscription_id: str = Field(primary_key=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    client_id: str = Field(foreign_key="client.client_id")
    # On whose behalf, and for what, the client reads: a push is decided as that read would be.
    officer_id: str
    purpose: str
    legal_basis: str
    endpoint: str | None
    # The agency whose officers bring what is printed.
    hand_over_by: str | None = None
    encryption_jwk: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # What takes the place of these once it is proven; until then the old ones go on.
    next_endpoint: str | None = None
    next_jwk: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    status: str
    # The handshake: whether one is open, which one it is, how often tried, when next.
    proven: bool
    challenge: int
    handshakes: int
    next_handshake_at: datetime = Field(sa_type=Instant)
    last_sequence: int
    created_at: datetime = Field(sa_type=Instant)
    verified_at: datetime | None = Field(default=None, sa_type=Instant)
    # Nothing is pushed as its owner wishes it.
    paused: bool
    # How many attempts in a row failed, until when the endpoint rests for it, and why.
    failures: int
    rests_until: datetime | None = Field(default=None, sa_type=Instant)
    problem: str | None = None
    # It said that it is gone: nothing is pushed before it is proven anew.
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)
    # When it last heard the newest number from us.
    heartbeat_at: datetime = Field(sa_type=Instant)


class Milestone(SQLModel, table=True):
    """A moment before or after a release at which somebody is to be told."""

    __tablename__ = "milestone"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    release_date: date = Field(primary_key=True)
    name: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Instant, index=True)
    # Planned, or told: its event stands.
    status: str


class Deadline(SQLModel, table=True):
    """A moment at which something has to be looked after, beside the ladder of milestones."""

    __tablename__ = "deadline"
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id")
    # The event that the clock makes then, and which of several it is.
    event_type: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    due_at: datetime = Field(sa_type=Instant, index=True)


class Alarm(SQLModel, table=True):
    """Something that somebody at this installation has to put right: else it would be silence."""

    __tablename__ = "alarm"
    alarm_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    reason: str
    event_type: str
    municipality: str | None
    raised_at: datetime = Field(sa_type=Instant)
    # Once its entry stands in the access log.
    recorded_at: datetime | None = Field(default=None, sa_type=Instant)
    # Once somebody could be told after all.
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class Feed(SQLModel, table=True):
    """The stream of changes that one client of a custodian sends, and how far it is trusted."""

    __tablename__ = "feed"
    client_id: str = Field(primary_key=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    # Without a word for so long it counts as stale.
    stale_after_hours: int
    # What it may change within a day before it is held: see releases/plausibility.
    largest_share: float
    least_count: int
    # A hold that nobody has decided for so long is escalated.
    escalate_after_hours: int
    last_seen_at: datetime = Field(sa_type=Instant)
    # Since when its notices are held; and what of that is on record.
    held_at: datetime | None = Field(default=None, sa_type=Instant)
    hold_recorded_at: datetime | None = Field(default=None, sa_type=Instant)
    escalated_at: datetime | None = Field(default=None, sa_type=Instant)
    stale_recorded_at: datetime | None = Field(default=None, sa_type=Instant)
    # A snapshot that somebody has looked at: SHA-256 of its bytes, hexadecimal.
    approved_snapshot: str | None = None
    held_snapshot: str | None = None


class FeedChange(SQLModel, table=True):
    """A person whose release a feed has turned lately."""

    __tablename__ = "feed_change"
    client_id: str = Field(primary_key=True, foreign_key="feed.client_id")
    person_id: str = Field(primary_key=True, foreign_key="inmate_file.person_id", index=True)
    changed_at: datetime = Field(sa_type=Instant)


class Event(SQLModel, table=True):
    """Something that recipients must learn of. Who and what is decided at each attempt."""

    __tablename__ = "release_event"
    event_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    event_type: str
    # The planned date that the event speaks of.
    release_date: date | None
    # What the event says beside the file: milestones, lateness, shortfall. No personal data.
    notice: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    priority: str
    occurred_at: datetime = Field(sa_type=Instant)


class Delivery(SQLModel, table=True):
    """One event for one subscription. `jti` stays the same over all attempts."""

    __tablename__ = "delivery"
    __table_args__ = (
        # What is due, in its order; and what stands before one of the same person. Without these a
        # claim would read a whole backlog for each row of it.
        Index("ix_delivery_due", "status", "rank", "next_attempt_at", "jti", "subscription_id"),
        Index("ix_delivery_order", "subscription_id", "person_id", "created_at"),
    )
    jti: str = Field(primary_key=True)
    event_id: str = Field(foreign_key="release_event.event_id", index=True)
    subscription_id: str = Field(foreign_key="subscription.subscription_id")
    agency_id: str
    person_id: str = Field(index=True)
    status: str
    # Immediate before urgent before routine: 0, 1, 2.
    rank: int
    created_at: datetime = Field(sa_type=Instant)
    attempts: int
    next_attempt_at: datetime = Field(sa_type=Instant)
    lease: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Instant, index=True)
    sequence: int | None = None
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    # Days between the delivery and the planned release: the lead time that the agency had.
    lead_days: int | None = None
    acknowledgement: str | None = None
    acknowledged_at: datetime | None = Field(default=None, sa_type=Instant)
    reason: str | None = None
    # When it was last asked for again: how long it is tried counts from there.
    replayed_at: datetime | None = Field(default=None, sa_type=Instant)


class Escalation(SQLModel, table=True):
    """A step that is due if nobody answers a delivery, and whether it was taken."""

    __tablename__ = "escalation"
    jti: str = Field(primary_key=True, foreign_key="delivery.jti")
    # Its place among the steps of the event type.
    step: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    contact: str
    due_at: datetime = Field(sa_type=Instant, index=True)
    # Once its entry stands in the access log.
    raised_at: datetime | None = Field(default=None, sa_type=Instant)
    # Once the answer came.
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class TakeBack(SQLModel, table=True):
    """What one agency is told to do with what it got of a person. Ids alone, never a field."""

    __tablename__ = "take_back"
    take_back_id: str = Field(primary_key=True)
    event_id: str = Field(foreign_key="release_event.event_id", index=True)
    person_id: str = Field(foreign_key="inmate_file.person_id", index=True)
    agency_id: str = Field(foreign_key="agency.agency_id", index=True)
    # The control message; None while the agency has no endpoint.
    jti: str | None = Field(default=None, foreign_key="delivery.jti", unique=True)
    # The `jti` of notices, and the entries of reads.
    notices: list[str] = Field(sa_column=Column(JSON, nullable=False))
    reads: list[str] = Field(sa_column=Column(JSON, nullable=False))
    ordered_at: datetime = Field(sa_type=Instant)
    # When the agency has to have confirmed.
    due_at: datetime = Field(sa_type=Instant)


class Attempt(SQLModel, table=True):
    """One try to deliver, or one time it was polled, kept for the subscriber to see."""

    __tablename__ = "delivery_attempt"
    jti: str = Field(primary_key=True, foreign_key="delivery.jti")
    number: int = Field(primary_key=True)
    channel: str
    started_at: datetime = Field(sa_type=Instant)
    status_code: int | None = None
    milliseconds: int
    problem: str | None = None
