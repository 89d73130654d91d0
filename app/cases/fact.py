"""A fact that decides, as every table of such facts says it, and the code that protects it.

Whoever can write the database must not be able to give an agency somebody's file: each row
that decides carries a code over all that it decides by, under a key that the database does not
hold. A row that does not bear it out makes the decision fail; it is never merely left out.

What no code can show is that a row is missing, or that an older state of the same row was put
back with its code; the access log holds every step for that.
"""

import hmac
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from operator import attrgetter

from app.crypto.at_rest import authentication_code
from app.crypto.key_ring import KeyRing
from app.problems import Unavailable


class Kind(StrEnum):
    """The facts that decisions depend on, as addresses, answers and the access log name them."""

    CASE_ASSIGNMENT = "case-assignment"
    CONSENT = "consent"
    RELATIVE_CONSENT = "relative-consent"
    CHILD_LINK = "child-link"
    COURT_ORDER = "court-order"
    DESIGNATION = "designation"
    VICTIM_REGISTRATION = "victim-registration"
    TRANSFER_APPROVAL = "transfer-approval"
    EMERGENCY_ACCESS = "emergency-access"


class Status(StrEnum):
    """Where a fact stands. Only what is in force counts."""

    PROPOSED = "proposed"
    IN_FORCE = "in-force"
    DENIED = "denied"
    ENDED = "ended"


class FactAltered(Unavailable):
    """A row that decides is not as this service wrote it: everything is withheld."""

    title = "No decision"
    slug = "fact-altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact: what it says, about whom, in whose favour, until when, by whose word.

    Attributes:
        fact_id: its id in its table.
        kind: one of `Kind`.
        person_id: whom it is about; None where it is about the agency alone.
        agency_id: the agency that may have more by it.
        status: one of `Status`, or of the case assignments.
        purpose: the one purpose that it speaks for; None for any.
        parts: paths of fields, or sections, that it speaks of.
        element: the reference of a nested person whom it is about.
        last_day: the legal day after which it counts no more.
        expires_at: the moment from which on it counts no more.
        by_agency, by_officer: who stated it.
    """

    fact_id: str
    kind: str
    person_id: str | None
    agency_id: str
    status: str
    purpose: str | None = None
    parts: tuple[str, ...] = ()
    element: str | None = None
    last_day: date | None = None
    expires_at: datetime | None = None
    by_agency: str
    by_officer: str

    def counts(self, *, at: datetime, today: date) -> bool:
        """Whether it is in force at this moment of this legal day."""
        return (
            self.status in COUNTING
            and (self.last_day is None or today <= self.last_day)
            and (self.expires_at is None or at < self.expires_at)
        )


# An accepted case is an assignment in force.
ACCEPTED = "accepted"
COUNTING = frozenset({Status.IN_FORCE.value, ACCEPTED})


# The values of a fact in the order of its fields; `astuple` would copy each of them.
_VALUES = attrgetter(*(one.name for one in fields(Fact)))


def code_of(ring: KeyRing, fact: Fact) -> str:
    """The code that a row of this fact carries."""
    return authentication_code(ring.blind_index, "fact", *map(_text, _VALUES(fact)))


def require_genuine(ring: KeyRing, fact: Fact, code: str | None) -> Fact:
    """The fact, if its row carries its code; FactAltered."""
    if code is None or not hmac.compare_digest(code_of(ring, fact), code):
        raise FactAltered("a fact that decides cannot be relied on; nothing was released")
    return fact


def _text(value: str | tuple[str, ...] | date | datetime | None) -> str:
    """A value as its code has it. What is missing is another thing than what is empty."""
    match value:
        case None:
            return "none"
        case datetime():
            return f"at {value.astimezone(UTC).isoformat()}"
        case date():
            return f"on {value.isoformat()}"
        case tuple():
            return "of " + "".join(f"{len(part)}:{part}" for part in value)
        case _:
            return f"= {value}"
