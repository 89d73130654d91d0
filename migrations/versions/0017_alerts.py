"""Alerts on misuse: how far the log was looked at, and what the rules remember.

Revision 0017, after 0016. The log is looked at from its beginning.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDICES = {
    "ix_alert_fact_agency": ["agency_id", "recorded_at"],
    "ix_alert_fact_officer": ["agency_id", "officer_id", "recorded_at"],
    "ix_alert_fact_case": ["case_index", "recorded_at"],
}


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "alert_position",
        sa.Column("position_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("next_index", number, nullable=False),
    )
    op.create_table(
        "alert_fact",
        sa.Column("log_index", number, primary_key=True, autoincrement=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("officer_id", sa.String(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("case_index", sa.String(), nullable=True),
        sa.Column("emergency", sa.Boolean(), nullable=False),
    )
    for name, columns in INDICES.items():
        op.create_index(name, "alert_fact", columns)
    op.create_table(
        "alert_day",
        sa.Column("agency_id", sa.String(), primary_key=True),
        sa.Column("officer_id", sa.String(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("persons", sa.Integer(), nullable=False),
    )
    op.create_table(
        "alert_raised",
        sa.Column("rule_id", sa.String(), primary_key=True),
        sa.Column("about", sa.String(), primary_key=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("last_count", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    for table in ("alert_raised", "alert_day", "alert_fact", "alert_position"):
        op.drop_table(table)
