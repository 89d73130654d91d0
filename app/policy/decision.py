"""The answer of the policy for a whole file: immutable, with an explanation of each field. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from app.files.forms import Form


class Reason(StrEnum):
    """Why a field is withheld. It depends on role, purpose and field alone.

    A recipient may therefore see it: it tells nothing about the person or the file.
    """

    NOT_FOR_THIS_ROLE = "not_for_this_role"
    NOT_FOR_THIS_PURPOSE = "not_for_this_purpose"
    CONDITIONS_NOT_MET = "conditions_not_met"


@dataclass(frozen=True, slots=True)
class FieldDecision:
    """One field: its form, and what decided.

    `policies`, `legal_bases` and `agreements` are those of the permits that give this very
    form, sorted; empty when it is withheld. `cut_by` names the forbids that took away a form
    which a permit gave: for the file's owner and the auditor only. `reason` is None exactly
    when the field is released.
    """

    form: Form
    policies: tuple[str, ...] = ()
    legal_bases: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()
    cut_by: tuple[str, ...] = ()
    reason: Reason | None = None


# Without slots: it is shared by equal questions, and what follows from it is kept beside it.
@dataclass(frozen=True)
class Decision:
    """What one request may have of one file.

    `fields` holds every field of the catalogue in its order. `contribute` holds the sections
    that may be written. `satisfied` holds the ids of all policies whose conditions hold,
    forbids too. `digest` is that of the bundle that decided.
    """

    digest: str
    fields: Mapping[str, FieldDecision]
    contribute: frozenset[str]
    may_read_access_log: bool
    satisfied: frozenset[str]

    def __hash__(self) -> int:
        """Of what tells decisions apart: equal ones hold the same policies of the same bundle."""
        return hash((self.digest, self.satisfied))

    @cached_property
    def released(self) -> Mapping[str, FieldDecision]:
        """The fields that may leave, in the catalogue's order."""
        return MappingProxyType(
            {path: field for path, field in self.fields.items() if field.form is not Form.NONE}
        )

    @cached_property
    def withheld(self) -> Mapping[str, Reason]:
        """Why each of the others may not, in the same order."""
        return MappingProxyType(
            {path: field.reason for path, field in self.fields.items() if field.reason is not None}
        )
