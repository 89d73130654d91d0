"""Steps that follow where nobody answers, and what agencies are told to give back.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "escalation",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["jti"], ["delivery.jti"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("jti", "step"),
    )
    op.create_index("ix_escalation_person_id", "escalation", ["person_id"])
    op.create_index("ix_escalation_due_at", "escalation", ["due_at"])
    op.create_table(
        "take_back",
        sa.Column("take_back_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=True),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("reads", sa.JSON(), nullable=False),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["release_event.event_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.ForeignKeyConstraint(["jti"], ["delivery.jti"]),
        sa.PrimaryKeyConstraint("take_back_id"),
        sa.UniqueConstraint("jti"),
    )
    for column in ("event_id", "person_id", "agency_id"):
        op.create_index(f"ix_take_back_{column}", "take_back", [column])


def downgrade() -> None:
    for column in ("agency_id", "person_id", "event_id"):
        op.drop_index(f"ix_take_back_{column}", table_name="take_back")
    op.drop_table("take_back")
    op.drop_index("ix_escalation_due_at", table_name="escalation")
    op.drop_index("ix_escalation_person_id", table_name="escalation")
    op.drop_table("escalation")
