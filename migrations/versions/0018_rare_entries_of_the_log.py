"""Indexes by which an entry of a rare kind is found in a large log, and roots of its tiles.

Revision 0018, after 0017. Nothing else changes.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COLUMNS = ("operation", "outcome", "purpose", "legal_basis")


def upgrade() -> None:
    op.create_index("ix_access_log_tile_root", "access_log_tile", ["level", "tile_index", "root"])
    for column in COLUMNS:
        name = f"ix_access_log_lookup_{column}"
        op.create_index(name, "access_log_lookup", [column, "log_index"])


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(f"ix_access_log_lookup_{column}", table_name="access_log_lookup")
    op.drop_index("ix_access_log_tile_root", table_name="access_log_tile")
