"""Key-encryption keys by their names, and beside what hangs on one the name of it.

Revision 0008, after 0007. The service knows its key, not this revision: `throughcare init`
names that of the rows that were there, right after it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAMED = ("access_log_person_key", "reference", "deciding_fact")
FOREIGN_KEY = "fk_person_key_key_encryption_key"


def upgrade() -> None:
    op.create_table(
        "key_encryption_key",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.execute(
        "INSERT INTO key_encryption_key SELECT DISTINCT key_encryption_key_id FROM person_key"
    )
    with op.batch_alter_table("person_key") as table:
        table.create_foreign_key(
            FOREIGN_KEY, "key_encryption_key", ["key_encryption_key_id"], ["key_id"]
        )
    for name in NAMED:
        # In words of SQL, because SQLite takes a foreign key of a new column in no other way
        # without writing the whole table anew.
        op.execute(
            f"ALTER TABLE {name} ADD COLUMN key_encryption_key_id VARCHAR "
            "REFERENCES key_encryption_key (key_id)"
        )


def downgrade() -> None:
    for name in NAMED:
        with op.batch_alter_table(name) as table:
            table.drop_column("key_encryption_key_id")
    with op.batch_alter_table("person_key") as table:
        table.drop_constraint(FOREIGN_KEY, type_="foreignkey")
    op.drop_table("key_encryption_key")
