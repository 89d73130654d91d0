"""The situation that a decision is about: what is known of caller, file and case at a moment."""

from datetime import date, datetime

from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.cases import assignments, consents
from app.files.store import StoredFile
from app.house import House
from app.policy.request import Request
from app.releases.milestones import notice_days


def situation(
    connection: Connection, house: House, caller: Caller, file: StoredFile, *, at: datetime
) -> Request:
    """The policy request of this caller about this file. A fact that is not stored is absent."""
    today = house.legal_date(at)
    left = file.actual_release_datetime
    release = file.planned_release_date if left is None else house.legal_date(left)
    return Request(
        role=caller.role,
        agency=caller.agency_id,
        client=caller.client_id,
        municipalities=caller.municipalities,
        officer_assurance=caller.assurance,
        purpose=caller.purpose,
        custodian=file.custodian,
        return_municipality=file.return_municipality,
        leave_municipality=_leave_municipality(house, file, today),
        days_to_release=None
        if release is None
        else notice_days(release, profile=house.profile, at=at),
        assigned=assignments.is_accepted(
            connection, person_id=file.person_id, agency_id=caller.agency_id
        ),
        consents=consents.consented_fields(
            connection,
            person_id=file.person_id,
            agency_id=caller.agency_id,
            purpose=caller.purpose,
            today=today,
        ),
        legal_authorities=house.bundle.legal_authorities(
            role=caller.role, agency=caller.agency_id, purpose=caller.purpose, at=today
        ),
    )


def _leave_municipality(house: House, file: StoredFile, today: date) -> str | None:
    """Where a leave is spent, from its grant to its end: only then does it concern anybody."""
    ends = file.leave_end
    over = ends is None or house.legal_date(ends) < today
    return None if over else file.leave_municipality
