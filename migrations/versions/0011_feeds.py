"""Feeds and what they turned lately.

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("stale_after_hours", sa.Integer(), nullable=False),
        sa.Column("largest_share", sa.Float(), nullable=False),
        sa.Column("least_count", sa.Integer(), nullable=False),
        sa.Column("escalate_after_hours", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=True),
        sa.Column("hold_recorded_at", sa.BigInteger(), nullable=True),
        sa.Column("escalated_at", sa.BigInteger(), nullable=True),
        sa.Column("stale_recorded_at", sa.BigInteger(), nullable=True),
        sa.Column("approved_snapshot", sa.String(), nullable=True),
        sa.Column("held_snapshot", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_index("ix_feed_agency_id", "feed", ["agency_id"])
    op.create_table(
        "feed_change",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["feed.client_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("client_id", "person_id"),
    )
    op.create_index("ix_feed_change_person_id", "feed_change", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_feed_change_person_id", table_name="feed_change")
    op.drop_table("feed_change")
    op.drop_index("ix_feed_agency_id", table_name="feed")
    op.drop_table("feed")
