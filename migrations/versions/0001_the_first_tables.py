"""The first tables.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_log_checkpoint",
        sa.Column(
            "size",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "access_log_entry",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("retained", sa.LargeBinary(), nullable=False),
        sa.Column("personal", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_table(
        "access_log_head",
        sa.Column("head_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("head_id"),
    )
    op.create_table(
        "access_log_lookup",
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=True),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("officer_id", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("legal_basis", sa.String(), nullable=True),
        sa.Column("subject_index", sa.String(), nullable=True),
        sa.Column(
            "log_index",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("log_index"),
        sa.UniqueConstraint("entry_id"),
    )
    op.create_index(
        "ix_access_log_lookup_agency", "access_log_lookup", ["agency_id", "log_index"], unique=False
    )
    op.create_index(
        "ix_access_log_lookup_client", "access_log_lookup", ["client_id", "log_index"], unique=False
    )
    op.create_index(
        "ix_access_log_lookup_officer",
        "access_log_lookup",
        ["officer_id", "log_index"],
        unique=False,
    )
    op.create_index(
        "ix_access_log_lookup_subject",
        "access_log_lookup",
        ["subject_index", "log_index"],
        unique=False,
    )
    op.create_index(
        "ix_access_log_lookup_time", "access_log_lookup", ["recorded_at", "log_index"], unique=False
    )
    op.create_table(
        "access_log_pending",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=True),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("officer_id", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("legal_basis", sa.String(), nullable=True),
        sa.Column("subject_index", sa.String(), nullable=True),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_table(
        "access_log_person_key",
        sa.Column("subject_index", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_index", "year"),
    )
    op.create_table(
        "access_log_tile",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column(
            "tile_index",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile_index"),
    )
    op.create_table(
        "agency",
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("standing_acceptance", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id"),
    )
    op.create_index(op.f("ix_agency_role"), "agency", ["role"], unique=False)
    op.create_table(
        "agency_municipality",
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("municipality", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("agency_id", "municipality"),
    )
    op.create_index(
        op.f("ix_agency_municipality_municipality"),
        "agency_municipality",
        ["municipality"],
        unique=False,
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("legal_bases", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_index(op.f("ix_client_agency_id"), "client", ["agency_id"], unique=False)
    op.create_table(
        "inmate_file",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("custodian", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("planned_release_date", sa.Date(), nullable=True),
        sa.Column("actual_release_at", sa.BigInteger(), nullable=True),
        sa.Column("return_municipality", sa.String(), nullable=True),
        sa.Column("leave_municipality", sa.String(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["custodian"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_index(op.f("ix_inmate_file_custodian"), "inmate_file", ["custodian"], unique=False)
    op.create_index(
        op.f("ix_inmate_file_planned_release_date"),
        "inmate_file",
        ["planned_release_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_inmate_file_return_municipality"),
        "inmate_file",
        ["return_municipality"],
        unique=False,
    )
    op.create_table(
        "officer",
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("officer_id", sa.String(), nullable=False),
        sa.Column("function", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("agency_id", "officer_id"),
    )
    op.create_table(
        "case_assignment",
        sa.Column("assignment_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("offered_by_agency", sa.String(), nullable=False),
        sa.Column("offered_by_officer", sa.String(), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("decided_by_officer", sa.String(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("assignment_id"),
    )
    op.create_index(
        op.f("ix_case_assignment_agency_id"), "case_assignment", ["agency_id"], unique=False
    )
    op.create_index(
        op.f("ix_case_assignment_person_id"), "case_assignment", ["person_id"], unique=False
    )
    op.create_table(
        "consent",
        sa.Column("consent_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("recipient_agency", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("text_version", sa.String(), nullable=False),
        sa.Column("evidence_sha256", sa.String(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("asserted_by_agency", sa.String(), nullable=False),
        sa.Column("asserted_by_officer", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by_agency", sa.String(), nullable=True),
        sa.Column("withdrawn_by_officer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.ForeignKeyConstraint(["recipient_agency"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("consent_id"),
    )
    op.create_index(op.f("ix_consent_person_id"), "consent", ["person_id"], unique=False)
    op.create_index(
        op.f("ix_consent_recipient_agency"), "consent", ["recipient_agency"], unique=False
    )
    op.create_table(
        "file_section",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("person_id", "section"),
    )
    op.create_table(
        "milestone",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("release_date", sa.Date(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("person_id", "release_date", "name"),
    )
    op.create_index(op.f("ix_milestone_due_at"), "milestone", ["due_at"], unique=False)
    op.create_table(
        "person_key",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("key_encryption_key_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("person_id"),
    )
    op.create_table(
        "reference",
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("reference_index", sa.String(), nullable=False),
        sa.Column("reference_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("agency_id", "reference_index"),
    )
    op.create_index(op.f("ix_reference_person_id"), "reference", ["person_id"], unique=False)
    op.create_table(
        "release_event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("release_date", sa.Date(), nullable=True),
        sa.Column("notice", sa.JSON(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["inmate_file.person_id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index(
        op.f("ix_release_event_person_id"), "release_event", ["person_id"], unique=False
    )
    op.create_table(
        "subscription",
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("officer_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("legal_basis", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("encryption_jwk", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("handshakes", sa.Integer(), nullable=False),
        sa.Column("next_handshake_at", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"]),
        sa.PrimaryKeyConstraint("subscription_id"),
    )
    op.create_index(op.f("ix_subscription_agency_id"), "subscription", ["agency_id"], unique=False)
    op.create_table(
        "used_assertion",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"]),
        sa.PrimaryKeyConstraint("client_id", "jti"),
    )
    op.create_index(
        op.f("ix_used_assertion_expires_at"), "used_assertion", ["expires_at"], unique=False
    )
    op.create_table(
        "delivery",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("lead_days", sa.Integer(), nullable=True),
        sa.Column("acknowledgement", sa.String(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["release_event.event_id"]),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.subscription_id"]),
        sa.PrimaryKeyConstraint("jti"),
    )
    op.create_index(op.f("ix_delivery_event_id"), "delivery", ["event_id"], unique=False)
    op.create_index(
        op.f("ix_delivery_next_attempt_at"), "delivery", ["next_attempt_at"], unique=False
    )
    op.create_index(op.f("ix_delivery_person_id"), "delivery", ["person_id"], unique=False)
    op.create_index(op.f("ix_delivery_status"), "delivery", ["status"], unique=False)
    op.create_index(
        op.f("ix_delivery_subscription_id"), "delivery", ["subscription_id"], unique=False
    )
    op.create_table(
        "delivery_attempt",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["jti"], ["delivery.jti"]),
        sa.PrimaryKeyConstraint("jti", "number"),
    )


def downgrade() -> None:
    op.drop_table("delivery_attempt")
    op.drop_index(op.f("ix_delivery_subscription_id"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_status"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_person_id"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_next_attempt_at"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_event_id"), table_name="delivery")
    op.drop_table("delivery")
    op.drop_index(op.f("ix_used_assertion_expires_at"), table_name="used_assertion")
    op.drop_table("used_assertion")
    op.drop_index(op.f("ix_subscription_agency_id"), table_name="subscription")
    op.drop_table("subscription")
    op.drop_index(op.f("ix_release_event_person_id"), table_name="release_event")
    op.drop_table("release_event")
    op.drop_index(op.f("ix_reference_person_id"), table_name="reference")
    op.drop_table("reference")
    op.drop_table("person_key")
    op.drop_index(op.f("ix_milestone_due_at"), table_name="milestone")
    op.drop_table("milestone")
    op.drop_table("file_section")
    op.drop_index(op.f("ix_consent_recipient_agency"), table_name="consent")
    op.drop_index(op.f("ix_consent_person_id"), table_name="consent")
    op.drop_table("consent")
    op.drop_index(op.f("ix_case_assignment_person_id"), table_name="case_assignment")
    op.drop_index(op.f("ix_case_assignment_agency_id"), table_name="case_assignment")
    op.drop_table("case_assignment")
    op.drop_table("officer")
    op.drop_index(op.f("ix_inmate_file_return_municipality"), table_name="inmate_file")
    op.drop_index(op.f("ix_inmate_file_planned_release_date"), table_name="inmate_file")
    op.drop_index(op.f("ix_inmate_file_custodian"), table_name="inmate_file")
    op.drop_table("inmate_file")
    op.drop_index(op.f("ix_client_agency_id"), table_name="client")
    op.drop_table("client")
    op.drop_index(op.f("ix_agency_municipality_municipality"), table_name="agency_municipality")
    op.drop_table("agency_municipality")
    op.drop_index(op.f("ix_agency_role"), table_name="agency")
    op.drop_table("agency")
    op.drop_table("access_log_tile")
    op.drop_table("access_log_person_key")
    op.drop_table("access_log_pending")
    op.drop_index("ix_access_log_lookup_time", table_name="access_log_lookup")
    op.drop_index("ix_access_log_lookup_subject", table_name="access_log_lookup")
    op.drop_index("ix_access_log_lookup_officer", table_name="access_log_lookup")
    op.drop_index("ix_access_log_lookup_client", table_name="access_log_lookup")
    op.drop_index("ix_access_log_lookup_agency", table_name="access_log_lookup")
    op.drop_table("access_log_lookup")
    op.drop_table("access_log_head")
    op.drop_table("access_log_entry")
    op.drop_table("access_log_checkpoint")
