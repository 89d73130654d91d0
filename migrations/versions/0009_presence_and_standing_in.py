"""Whether a person is in custody, and agencies that stand in for their role.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agency",
        sa.Column("fallback", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "custody_state",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("leave", sa.String(), nullable=True),
        sa.Column("leave_end", sa.BigInteger(), nullable=True),
        sa.Column("at_large", sa.String(), nullable=True),
        sa.Column("died", sa.Boolean(), nullable=False),
        sa.Column("authentication_code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )


def downgrade() -> None:
    op.drop_table("custody_state")
    op.drop_column("agency", "fallback")
