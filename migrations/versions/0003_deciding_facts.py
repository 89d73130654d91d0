"""Deciding facts with their versions, referral codes, and codes on the rows that decide.

Revision 0003, after 0002. The service has the key that the codes need, not this revision:
`throughcare init` writes those of the rows that were there, right after it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STANDING = sa.text("status IN ('proposed', 'in-force')")
DECIDING = ("case_assignment", "consent")


def upgrade() -> None:
    for table in DECIDING:
        op.add_column(table, sa.Column("authentication_code", sa.String(), nullable=True))
    op.create_table(
        "deciding_fact",
        sa.Column("fact_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("element", sa.String(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence_sha256", sa.String(), nullable=True),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asserted_by_agency", sa.String(), nullable=False),
        sa.Column("asserted_by_officer", sa.String(), nullable=False),
        sa.Column("asserted_at", sa.BigInteger(), nullable=False),
        sa.Column("content_index", sa.String(), nullable=False),
        sa.Column("authentication_code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("fact_id"),
    )
    op.create_index(
        op.f("ix_deciding_fact_person_id"), "deciding_fact", ["person_id"], unique=False
    )
    op.create_index(
        "ix_deciding_fact_agency_person", "deciding_fact", ["agency_id", "person_id"], unique=False
    )
    op.create_index(
        "ux_deciding_fact_standing",
        "deciding_fact",
        ["content_index"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_table(
        "deciding_fact_step",
        sa.Column("fact_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("by_agency", sa.String(), nullable=False),
        sa.Column("by_officer", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fact_id", "number"),
    )
    op.create_table(
        "referral_code",
        sa.Column("code_index", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("made_by_agency", sa.String(), nullable=False),
        sa.Column("made_by_officer", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_by_agency", sa.String(), nullable=True),
        sa.Column("authentication_code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("code_index"),
    )
    op.create_index(
        op.f("ix_referral_code_person_id"), "referral_code", ["person_id"], unique=False
    )
    op.create_table(
        "redemption_failure",
        sa.Column("failure_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"]),
        sa.PrimaryKeyConstraint("failure_id"),
    )
    op.create_index(
        op.f("ix_redemption_failure_client_id"), "redemption_failure", ["client_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_redemption_failure_client_id"), table_name="redemption_failure")
    op.drop_table("redemption_failure")
    op.drop_index(op.f("ix_referral_code_person_id"), table_name="referral_code")
    op.drop_table("referral_code")
    op.drop_table("deciding_fact_step")
    op.drop_index("ux_deciding_fact_standing", table_name="deciding_fact")
    op.drop_index("ix_deciding_fact_agency_person", table_name="deciding_fact")
    op.drop_index(op.f("ix_deciding_fact_person_id"), table_name="deciding_fact")
    op.drop_table("deciding_fact")
    for table in reversed(DECIDING):
        op.drop_column(table, "authentication_code")
