"""One reference for a person in an agency, and one open referral of a case to an agency.

Revision 0002, after 0001. Of rows that contradict this the first one stands: a later reference
goes, a later referral ends.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN = sa.text("status IN ('offered', 'accepted')")


def upgrade() -> None:
    op.execute(
        """
        DELETE FROM reference WHERE EXISTS (
            SELECT 1 FROM reference AS first
            WHERE first.agency_id = reference.agency_id
            AND first.person_id = reference.person_id
            AND (first.created_at, first.reference_index)
              < (reference.created_at, reference.reference_index)
        )
        """
    )
    # An accepted one goes before an offer, as the word does in the alphabet.
    op.execute(
        """
        UPDATE case_assignment SET status = 'ended'
        WHERE status IN ('offered', 'accepted') AND EXISTS (
            SELECT 1 FROM case_assignment AS first
            WHERE first.person_id = case_assignment.person_id
            AND first.agency_id = case_assignment.agency_id
            AND first.status IN ('offered', 'accepted')
            AND (first.status, first.offered_at, first.assignment_id)
              < (case_assignment.status, case_assignment.offered_at, case_assignment.assignment_id)
        )
        """
    )
    op.create_index("ux_reference_person", "reference", ["agency_id", "person_id"], unique=True)
    op.create_index(
        "ux_case_assignment_open",
        "case_assignment",
        ["person_id", "agency_id"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    op.drop_index("ux_case_assignment_open", table_name="case_assignment")
    op.drop_index("ux_reference_person", table_name="reference")
