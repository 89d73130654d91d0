"""When the entries of each full tile were recorded, instead of an index by time.

Revision 0019, after 0018. Filled for the tiles that are full.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO access_log_period (tile_index, oldest, newest)
SELECT log_index / 256, min(recorded_at), max(recorded_at)
FROM access_log_lookup
WHERE log_index < 256 * (SELECT count(*) FROM access_log_tile WHERE level = 0)
GROUP BY log_index / 256
"""


def upgrade() -> None:
    op.create_table(
        "access_log_period",
        sa.Column(
            "tile_index",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tile_index"),
    )
    op.execute(FILL)
    op.drop_index("ix_access_log_lookup_time", table_name="access_log_lookup")


def downgrade() -> None:
    op.create_index("ix_access_log_lookup_time", "access_log_lookup", ["recorded_at", "log_index"])
    op.drop_table("access_log_period")
