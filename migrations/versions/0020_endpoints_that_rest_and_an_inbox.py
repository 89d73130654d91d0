"""Endpoints that rest, are disabled or changed; subscriptions that are polled; replay.

Revision 0020, after 0006. What stood goes on: endpoints that were proven stay so, and every
attempt until now was a push.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0006"
branch_labels = None
depends_on = None

SUBSCRIPTION = sa.table(
    "subscription",
    sa.column("status", sa.String()),
    sa.column("proven", sa.Boolean()),
    sa.column("endpoint", sa.String()),
    sa.column("created_at", sa.BigInteger()),
    sa.column("heartbeat_at", sa.BigInteger()),
)


def upgrade() -> None:
    with op.batch_alter_table("subscription") as subscription:
        subscription.alter_column("endpoint", existing_type=sa.String(), nullable=True)
        subscription.add_column(sa.Column("next_endpoint", sa.String(), nullable=True))
        subscription.add_column(sa.Column("next_jwk", sa.JSON(), nullable=True))
        subscription.add_column(_filled("proven", sa.Boolean(), sa.false()))
        subscription.add_column(_filled("challenge", sa.Integer(), "0"))
        subscription.add_column(_filled("paused", sa.Boolean(), sa.false()))
        subscription.add_column(_filled("failures", sa.Integer(), "0"))
        subscription.add_column(sa.Column("rests_until", sa.BigInteger(), nullable=True))
        subscription.add_column(sa.Column("problem", sa.String(), nullable=True))
        subscription.add_column(sa.Column("disabled_at", sa.BigInteger(), nullable=True))
        subscription.add_column(_filled("heartbeat_at", sa.BigInteger(), "0"))
    op.execute(
        sa.update(SUBSCRIPTION).values(
            proven=SUBSCRIPTION.c.status != "pending",
            heartbeat_at=SUBSCRIPTION.c.created_at,
        )
    )
    op.add_column("delivery", sa.Column("replayed_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_delivery_lease_until", "delivery", ["lease_until"])
    op.add_column("delivery_attempt", _filled("channel", sa.String(), "push"))
    _drop_defaults()


def _filled(name: str, kind: sa.types.TypeEngine, default: object) -> sa.Column:
    """A column that rows have a value of from the start."""
    return sa.Column(name, kind, nullable=False, server_default=default)


def _drop_defaults() -> None:
    """A value is given by whoever writes a row, and never guessed."""
    with op.batch_alter_table("subscription") as subscription:
        for name in ("proven", "challenge", "paused", "failures", "heartbeat_at"):
            subscription.alter_column(name, server_default=None)
    with op.batch_alter_table("delivery_attempt") as attempt:
        attempt.alter_column("channel", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("delivery_attempt") as attempt:
        attempt.drop_column("channel")
    op.drop_index("ix_delivery_lease_until", table_name="delivery")
    op.drop_column("delivery", "replayed_at")
    # What is polled has no endpoint; the older version would take an empty one for odd, and wait.
    op.execute(sa.update(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint.is_(None)).values(endpoint=""))
    with op.batch_alter_table("subscription") as subscription:
        for name in (
            "heartbeat_at", "disabled_at", "problem", "rests_until", "failures", "paused",
            "challenge", "proven", "next_jwk", "next_endpoint",
        ):  # fmt: skip
            subscription.drop_column(name)
        subscription.alter_column("endpoint", existing_type=sa.String(), nullable=False)
