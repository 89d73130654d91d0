"""Subscriptions whose notices are brought on paper.

Revision 0014, after 0013. Nobody who stands is told on paper.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscription", sa.Column("hand_over_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("subscription", "hand_over_by")
