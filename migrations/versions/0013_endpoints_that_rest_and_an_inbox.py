"""Endpoints that rest, are disabled or changed; subscriptions that are polled; replay.

Revision 0013, after 0012. What stood goes on: endpoints that were proven stay so, and every
attempt until now was a push.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SUBSCRIPTION = sa.table(
    "subscription",
    sa.column("status", sa.String()),
    sa.column("proven", sa.Boolean()),
    sa.column("endpoint", sa.String()),
    sa.column("kept", sa.String()),
    sa.column("created_at", sa.BigInteger()),
    sa.column("heartbeat_at", sa.BigInteger()),
)
INDEXES = {
    "ix_delivery_due": ["status", "rank", "next_attempt_at", "jti", "subscription_id"],
    "ix_delivery_order": ["subscription_id", "person_id", "created_at"],
    "ix_delivery_lease_until": ["lease_until"],
}
# Indexes of one column that these take the place of.
REPLACED = ("subscription_id", "status", "next_attempt_at")


# What each subscription that stands begins with.
BEGINNINGS = {
    "proven": (sa.Boolean(), sa.false()),
    "challenge": (sa.Integer(), "0"),
    "paused": (sa.Boolean(), sa.false()),
    "failures": (sa.Integer(), "0"),
    "heartbeat_at": (sa.BigInteger(), "0"),
}
NOTHING_YET = {
    "next_endpoint": sa.String(),
    "next_jwk": sa.JSON(),
    "rests_until": sa.BigInteger(),
    "problem": sa.String(),
    "disabled_at": sa.BigInteger(),
}


def upgrade() -> None:
    _remake_endpoint(sa.Column("kept", sa.String(), nullable=True), of_none=None)
    for name, (kind, beginning) in BEGINNINGS.items():
        column = sa.Column(name, kind, nullable=False, server_default=beginning)
        op.add_column("subscription", column)
    for name, kind in NOTHING_YET.items():
        op.add_column("subscription", sa.Column(name, kind, nullable=True))
    op.execute(
        sa.update(SUBSCRIPTION).values(
            proven=SUBSCRIPTION.c.status != "pending", heartbeat_at=SUBSCRIPTION.c.created_at
        )
    )
    op.add_column("delivery", sa.Column("replayed_at", sa.BigInteger(), nullable=True))
    for column in REPLACED:
        op.drop_index(f"ix_delivery_{column}", table_name="delivery")
    for name, columns in INDEXES.items():
        op.create_index(name, "delivery", columns)
    pushed = sa.Column("channel", sa.String(), nullable=False, server_default="push")
    op.add_column("delivery_attempt", pushed)


def _remake_endpoint(kept: sa.Column, *, of_none: str | None) -> None:
    """Have the endpoint be another kind of column, in place.

    SQLite would change it by making the table anew, which rows that refer to it forbid.
    """
    op.add_column("subscription", kept)
    values = sa.func.coalesce(SUBSCRIPTION.c.endpoint, of_none)
    op.execute(sa.update(SUBSCRIPTION).values(kept=values))
    op.drop_column("subscription", "endpoint")
    op.execute("ALTER TABLE subscription RENAME COLUMN kept TO endpoint")


def downgrade() -> None:
    op.drop_column("delivery_attempt", "channel")
    for name in INDEXES:
        op.drop_index(name, table_name="delivery")
    for column in REPLACED:
        op.create_index(f"ix_delivery_{column}", "delivery", [column])
    op.drop_column("delivery", "replayed_at")
    for name in (*NOTHING_YET, *BEGINNINGS):
        op.drop_column("subscription", name)
    # What is polled has no endpoint: the older version tries an empty one, and waits.
    empty = sa.Column("kept", sa.String(), nullable=False, server_default="")
    _remake_endpoint(empty, of_none="")
