"""What is known of the witnesses of the log, and whether enough of them sign.

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_log_witness",
        sa.Column("vkey", sa.String(), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("vkey"),
    )
    op.create_table(
        "access_log_quorum",
        sa.Column("head_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("head_id"),
    )


def downgrade() -> None:
    op.drop_table("access_log_quorum")
    op.drop_table("access_log_witness")
