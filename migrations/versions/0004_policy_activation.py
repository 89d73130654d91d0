"""Which policy bundle is in force, and who signed for it.

Revision 0004. `throughcare init` then puts the shipped bundle in force, on record as the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_officer",
        sa.Column("officer_id", sa.String(), nullable=False),
        sa.Column("jwk", sa.JSON(), nullable=False),
        sa.Column("thumbprint", sa.String(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_entry", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("officer_id"),
        sa.UniqueConstraint("thumbprint"),
    )
    op.create_table(
        "policy_bundle",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "policy_approval",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("officer_id", sa.String(), nullable=False),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["policy_bundle.digest"]),
        sa.ForeignKeyConstraint(["officer_id"], ["policy_officer.officer_id"]),
        sa.PrimaryKeyConstraint("digest", "after", "officer_id"),
    )
    op.create_table(
        "policy_activation",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("predecessor", sa.String(), nullable=True),
        sa.Column("report", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["policy_bundle.digest"]),
        sa.PrimaryKeyConstraint("sequence"),
    )


def downgrade() -> None:
    for table in ("policy_activation", "policy_approval", "policy_bundle", "policy_officer"):
        op.drop_table(table)
