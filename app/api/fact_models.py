"""What is sent to state a deciding fact, and what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field as Member

from app.administration.fact_rules import EMERGENCY_MINUTES
from app.api.models import Identifier, Model, Reference
from app.files import formats
from app.files.formats import DATE
from app.files.rules import Text

Day = Annotated[str, DATE]
Digest = Annotated[str, Member(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the document.")]
Paths = Annotated[list[Identifier], Member(min_length=1, max_length=104)]
# The reference of a nested person, as the file has it.
PersonReference = Annotated[str, formats.REFERENCE]
# What happened, in the words of the officer: a reviewer has to follow it.
Narrative = Annotated[str, Text(500), Member(min_length=20)]


class NewChildLink(Model):
    """A child of the person is linked to the case of an agency; `child` is its reference."""

    reference: Reference
    agency: Identifier
    child: PersonReference


class NewCourtOrder(Model):
    """A court orders that an agency may have these sections or fields."""

    reference: Reference
    agency: Identifier
    parts: Paths
    case_number: Identifier
    evidence_sha256: Digest
    expires_on: Day


class NewVictimRegistration(Model):
    """A victim has opted in, or a danger was assessed. Nothing about the victim."""

    reference: Reference


class TransferTest(Model):
    """The questions of the transfer test. One that is missing or answered no denies."""

    necessary_for_the_stated_purpose: bool | None = None
    recipient_is_a_competent_authority: bool | None = None
    legal_basis_is_cited: bool | None = None
    adequate_protection_or_safeguards: bool | None = None
    originator_has_consented: bool | None = None
    onward_transfer_is_excluded: bool | None = None
    no_risk_of_torture_or_death_penalty: bool | None = None
    not_a_family_support_case: bool | None = None


class NewTransferApproval(Model):
    """The first signature under a transfer to another country, and the test before it."""

    reference: Reference
    agency: Identifier
    answers: TransferTest
    evidence_sha256: Digest
    expires_on: Day


class NewRelativeConsent(Model):
    """A relative's own consent; `relative` is the reference of that person in the field."""

    reference: Reference
    recipient_agency: Identifier
    purpose: Identifier
    field: Identifier
    relative: PersonReference
    text_version: Identifier
    evidence_sha256: Digest
    expires_on: Day


class NewEmergencyAccess(Model):
    """A life is in danger: these fields, and no others, are open to this agency for an hour."""

    reference: Reference
    agency: Identifier
    fields: Annotated[list[Identifier], Member(min_length=1, max_length=8)]
    reason: Literal["danger_to_life", "danger_of_serious_harm", "urgent_treatment"]
    narrative: Narrative
    minutes: Annotated[int, Member(ge=1, le=EMERGENCY_MINUTES)] = EMERGENCY_MINUTES


class NewDesignation(Model):
    """The caller's own agency proposes its trained unit."""

    evidence_sha256: Digest
    expires_on: Day


class StatedFact(Model):
    """A fact: proposed until somebody else confirms it, or in force."""

    fact_id: str
    status: Literal["proposed", "in-force", "denied", "ended"]


class DueReview(Model):
    """An emergency that somebody else than its author has to look at, until `due_at`.

    `reference` is the custodian's own; an auditor reads the person as the log names it.
    """

    fact_id: str
    reference: str | None
    agency: str
    fields: list[str]
    stated_by: str
    stated_at: datetime
    ends_at: datetime | None
    due_at: datetime
    overdue: bool
    reason: str
    narrative: str


class DueReviews(Model):
    """Emergencies that are not reviewed: about persons in the caller's keeping, or all."""

    reviews: list[DueReview]


class FactVersion(Model):
    """One step of a fact."""

    number: int
    status: str
    by_agency: str
    by_officer: str
    at: datetime


class ListedFact(Model):
    """A fact about a person, whether it counts now, and its versions."""

    fact_id: str
    kind: str
    agency: str
    status: str
    counts: bool
    purpose: str | None
    parts: list[str]
    element: str | None
    last_day: str | None
    expires_at: datetime | None
    versions: list[FactVersion]


class Facts(Model):
    """The facts about a person that decisions rest on."""

    facts: list[ListedFact]


class NewReferralCode(Model):
    """A one-time code for a person and a purpose."""

    reference: Reference
    purpose: Identifier


class ReferralCode(Model):
    """The code, told once. The person carries it to the agency."""

    code: str
    expires_at: datetime


class Redemption(Model):
    """A code that a person has brought."""

    code: Annotated[str, Member(min_length=1, max_length=40)]


class Redeemed(Model):
    """The case that came with the code, by the agency's own reference."""

    assignment_id: str
    status: Literal["accepted"]
    reference: str


def without_nulls(model: Model) -> dict[str, Any]:
    """The members that were answered."""
    return model.model_dump(exclude_none=True)
