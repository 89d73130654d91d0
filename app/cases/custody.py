"""Whether a person is in custody, as the prison reports it: leave, flight, death.

No field of the file says so. The row decides: while somebody is at large, the police of the
places where that matters may know, however far the release is. So it carries a code
(`fact`), and absence narrows.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from app.cases.fact import FactAltered
from app.cases.tables import CustodyState
from app.crypto.at_rest import authentication_code
from app.crypto.key_ring import KeyRing
from app.rows import table_of

STATE = table_of(CustodyState)
STARTED = "started"
RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """What the prison last reported of a person; all None: in custody, and nothing to say.

    `leave` is `started` or `returned`; `leave_end` is when the one that started ends; `at_large`
    names the event that made it so.
    """

    leave: str | None = None
    leave_end: datetime | None = None
    at_large: str | None = None
    died: bool = False

    def is_at_large(self, *, at: datetime, grace_hours: int) -> bool:
        """Whether the person has escaped, or did not come back from a leave in time."""
        return self.at_large is not None or self.is_overdue(at=at, grace_hours=grace_hours)

    def is_overdue(self, *, at: datetime, grace_hours: int) -> bool:
        """Whether a leave that has started is past its end and the grace period."""
        if self.leave != STARTED or self.leave_end is None:
            return False
        return (at - self.leave_end).total_seconds() >= grace_hours * 3600

    def without_leave(self) -> "Custody":
        """As before any leave: one that is granted now has not started."""
        return replace(self, leave=None, leave_end=None)


IN_CUSTODY = Custody()


def until(state: Custody, end: datetime) -> Custody:
    """The same, with another end of the leave that has started."""
    return replace(state, leave_end=end)


def of(connection: Connection, person_id: str, *, ring: KeyRing) -> Custody:
    """The state of a person; FactAltered where its row is not as this service wrote it."""
    row = connection.execute(select(STATE).where(STATE.c.person_id == person_id)).one_or_none()
    if row is None:
        return IN_CUSTODY
    state = Custody(leave=row.leave, leave_end=row.leave_end, at_large=row.at_large, died=row.died)
    if not hmac.compare_digest(_code(ring, person_id, state), row.authentication_code):
        raise FactAltered("a fact that decides cannot be relied on; nothing was released")
    return state


def keep(connection: Connection, person_id: str, state: Custody, *, ring: KeyRing) -> None:
    """Put a state in place of what was known of a person."""
    values = {
        "leave": state.leave,
        "leave_end": state.leave_end,
        "at_large": state.at_large,
        "died": state.died,
        "authentication_code": _code(ring, person_id, state),
    }
    changed = connection.execute(
        update(STATE).where(STATE.c.person_id == person_id).values(**values)
    )
    if changed.rowcount == 0:
        connection.execute(insert(STATE).values(person_id=person_id, **values))


def _code(ring: KeyRing, person_id: str, state: Custody) -> str:
    end = state.leave_end
    parts = (
        state.leave or "",
        "" if end is None else end.astimezone(UTC).isoformat(),
        state.at_large or "",
        "died" if state.died else "",
    )
    return authentication_code(ring.blind_index, "custody", person_id, *parts)
