"""Notices that nobody answered, as those see them who have to act: the custodian, the operator."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.agencies.tokens import Caller
from app.cases import references
from app.house import House, record_list
from app.outbox import escalations
from app.releases.event_types import Contact

# So near the release the second contact is called, whichever step it is: retries hurry then, too.
NEAR_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEscalation:
    """A step that was taken and has no answer, by the custodian's own reference for the person.

    `second_contact` is the registered one of the agency, where it is the one to be called.
    """

    event: str
    agency: str
    contact: str
    custodian: str
    reference: str
    due_at: datetime
    raised_at: datetime
    second_contact: dict[str, str] | None

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON object."""
        times = {"due_at": self.due_at.isoformat(), "raised_at": self.raised_at.isoformat()}
        return {**asdict(self), **times}


def open_escalations(
    connection: Connection, house: House, *, custodian: str | None = None, at: datetime
) -> list[OpenEscalation]:
    """What is open about persons in a custodian's keeping, or about all; the oldest first."""
    found = escalations.open_escalations(connection, custodian=custodian)
    return [_shown(connection, house, row, at=at) for row in found]


def own_escalations(
    connection: Connection, house: House, caller: Caller, *, at: datetime
) -> list[dict[str, Any]]:
    """What is open about persons in the caller's keeping; nothing for whoever keeps nobody.

    An entry for each person on the list.
    """
    found = escalations.open_escalations(connection, custodian=caller.agency_id)
    persons = [row.person_id for row in found]
    record_list(connection, house, caller, persons, "escalations", at=at)
    return [_shown(connection, house, row, at=at).to_json() for row in found]


def _shown(connection: Connection, house: House, row: Row[Any], *, at: datetime) -> OpenEscalation:
    reference = references.of(
        connection, ring=house.ring, agency_id=row.custodian, person_id=row.person_id
    )
    calls = row.contact == Contact.SECOND_CONTACT or _is_near(
        row.release_date, house.legal_date(at)
    )
    return OpenEscalation(
        event=row.event_type,
        agency=row.agency_id,
        contact=row.contact,
        custodian=row.custodian,
        reference=reference or "",
        due_at=row.due_at,
        raised_at=row.raised_at,
        second_contact=row.second_contact if calls else None,
    )


def _is_near(release: date | None, today: date) -> bool:
    return release is not None and (release - today).days <= NEAR_DAYS
