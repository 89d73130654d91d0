"""Nested persons, decided one by one: who among those in a file may be named to a recipient. Pure.

The policy decides fields. Inside a field that holds other people each of them has a ground of
its own (a relative's consent, a child's link) or is as if they were not there. Whoever keeps
the file or wrote the value sees all of it; so does whom an emergency opens the field to, since
somebody has to be called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.cases.known import Known
from app.files.catalogue import FIELDS

Envelope = Mapping[str, Any]

CHILD = "child"
CHILD_PROTECTION = "child_protection_authority"
# These hold pointers, never a name, and are for those who enforce them, whoever is meant.
POINTED_AT = frozenset(
    {"supervision.contact_prohibitions", "security_intelligence.non_association_markers"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The nested persons whom one recipient may learn about.

    Attributes:
        agency, role: the recipient.
        custodian: the agency that keeps the file.
        known: what the facts say.
    """

    agency: str
    role: str
    custodian: str
    known: Known

    def of(self, path: str, envelope: Envelope) -> Envelope | None:
        """The envelope with those of its persons who may be named; None where nobody may."""
        kind = FIELDS[path].kind
        if kind.person_of is None or self._may_have_all(path, envelope):
            return envelope
        value = envelope["value"]
        if not isinstance(value, list):
            return envelope if self._admits(path, kind.person_of(value)) else None
        admitted = [item for item in value if self._admits(path, kind.person_of(item))]
        return {**envelope, "value": admitted} if admitted else None

    def _may_have_all(self, path: str, envelope: Envelope) -> bool:
        own = self.agency in (self.custodian, envelope.get("source_agency"))
        # Child protection enforces nothing: it has what protects the child in its care.
        enforced = path in POINTED_AT and self.role != CHILD_PROTECTION
        return own or enforced or path in self.known.vital_interest

    def _admits(self, path: str, person: Mapping[str, Any]) -> bool:
        reference = person.get("reference")
        if reference is None:
            return False
        if person["category"] == CHILD:
            return reference in self.known.children
        return (path, reference) in self.known.relatives
