"""How an agency is reached, and whom to ask when nobody answers.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agency", sa.Column("contact_points", sa.JSON(none_as_null=True)))
    op.add_column("agency", sa.Column("second_contact", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    op.drop_column("agency", "second_contact")
    op.drop_column("agency", "contact_points")
