"""Purposes with their own basis in law, proofs of possession, tokens taken back, providers.

Revision 0005, after 0004. A client's purposes and bases were registered apart, so that any
pair of the two was let in: each of these pairs becomes a row, and nobody loses a right. No
client is allowed a token without proof of possession unless it is registered so anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CLIENT = sa.table(
    "client",
    sa.column("client_id", sa.String()),
    sa.column("purposes", sa.JSON()),
    sa.column("legal_bases", sa.JSON()),
)
GROUND = sa.table(
    "client_ground",
    sa.column("client_id", sa.String()),
    sa.column("purpose", sa.String()),
    sa.column("legal_basis", sa.String()),
)


def upgrade() -> None:
    op.create_table(
        "client_ground",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("legal_basis", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"]),
        sa.PrimaryKeyConstraint("client_id", "purpose", "legal_basis"),
    )
    _pair()
    op.drop_column("client", "legal_bases")
    op.drop_column("client", "purposes")
    op.add_column(
        "client",
        sa.Column("bearer_allowed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "used_proof",
        sa.Column("thumbprint", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("thumbprint", "jti"),
    )
    op.create_index("ix_used_proof_expires_at", "used_proof", ["expires_at"])
    op.create_table(
        "revoked_token",
        sa.Column("token_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_id"),
    )
    op.create_index("ix_revoked_token_expires_at", "revoked_token", ["expires_at"])
    op.create_table(
        "identity_provider",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("agency_id", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("jwks_uri", sa.String(), nullable=False),
        sa.Column("acr_values", sa.JSON(), nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.agency_id"]),
        sa.PrimaryKeyConstraint("issuer"),
    )
    op.create_index("ix_identity_provider_agency_id", "identity_provider", ["agency_id"])


def downgrade() -> None:
    op.drop_index("ix_identity_provider_agency_id", table_name="identity_provider")
    op.drop_table("identity_provider")
    op.drop_index("ix_revoked_token_expires_at", table_name="revoked_token")
    op.drop_table("revoked_token")
    op.drop_index("ix_used_proof_expires_at", table_name="used_proof")
    op.drop_table("used_proof")
    op.drop_column("client", "bearer_allowed")
    for name in ("purposes", "legal_bases"):
        op.add_column("client", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    _part()
    op.drop_table("client_ground")


def _pair() -> None:
    """A row for each purpose and basis that a client had."""
    connection = op.get_bind()
    for client in connection.execute(sa.select(CLIENT)).fetchall():
        for purpose in dict.fromkeys(client.purposes):
            for legal_basis in dict.fromkeys(client.legal_bases):
                connection.execute(
                    GROUND.insert().values(
                        client_id=client.client_id, purpose=purpose, legal_basis=legal_basis
                    )
                )


def _part() -> None:
    """The purposes and the bases of a client apart again: whoever goes back gets any pair."""
    connection = op.get_bind()
    for client_id in connection.scalars(sa.select(CLIENT.c.client_id)).fetchall():
        grounds = connection.execute(
            sa.select(GROUND).where(GROUND.c.client_id == client_id).order_by(*GROUND.c)
        ).fetchall()
        connection.execute(
            CLIENT.update()
            .where(CLIENT.c.client_id == client_id)
            .values(
                purposes=sorted({ground.purpose for ground in grounds}),
                legal_bases=sorted({ground.legal_basis for ground in grounds}),
            )
        )
