"""Deadlines beside the milestones, alarms, and the rank of a delivery.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What waits already is of the lowest rank: it keeps its order.
    op.add_column(
        "delivery", sa.Column("rank", sa.Integer(), nullable=False, server_default=sa.text("2"))
    )
    op.create_table(
        "deadline",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("person_id", "event_type", "key"),
    )
    op.create_index("ix_deadline_due_at", "deadline", ["due_at"])
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("municipality", sa.String(), nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("alarm_id"),
    )
    op.create_index("ix_alarm_person_id", "alarm", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_alarm_person_id", table_name="alarm")
    op.drop_table("alarm")
    op.drop_index("ix_deadline_due_at", table_name="deadline")
    op.drop_table("deadline")
    op.drop_column("delivery", "rank")
