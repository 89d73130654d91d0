"""Values with parts: names, addresses, contacts, pointers, entries of lists.

Every nested person carries its data-subject category. A pointer names a holder and an
opaque reference there; what it points to stays with the holder.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Member
from typing_extensions import TypeAliasType

from app.files import formats, lists
from app.files.formats import parse_date_time
from app.files.rules import Line, refuse

GIVEN_NAMES = ("Arben", "Besa", "Damir", "Elena", "Ivana", "Jusuf", "Mirela", "Nikola", "Teuta")
FAMILY_NAMES = ("Berisha", "Dimovski", "Hadžić", "Jovanović", "Krasniqi", "Petrović", "Zeneli")
STREETS = ("Example Street 1", "Example Street 22", "Sample Square 5")

Given = Annotated[str, Line(100, GIVEN_NAMES)]
Family = Annotated[str, Line(100, FAMILY_NAMES)]
# An alias with a name: OpenAPI then lists the languages once, not in every envelope.
LanguageCode = TypeAliasType("LanguageCode", Annotated[str, lists.LANGUAGE])


def absent() -> Any:  # noqa: ANN401 - it stands for a value of every type
    """The default of a member that may be missing; `null` itself is refused."""
    return Member(default_factory=lambda: None)


class Strict(BaseModel):
    """JSON types as they are, no unknown members, no changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NameInScript(Strict):
    """A name in a further script."""

    family: Family
    given: Annotated[list[Given], Member(max_length=5)]
    script: Annotated[str, lists.SCRIPT]


class FullName(Strict):
    """A name as the decision of the court writes it, and its transliterations."""

    family: Family
    given: Annotated[list[Given], Member(max_length=5)]
    other: Annotated[list[Given], Member(max_length=5)] = absent()
    script: Annotated[str, lists.SCRIPT] = absent()
    transliterations: Annotated[list[NameInScript], Member(max_length=3)] = absent()


class SexGender(Strict):
    """The recorded sex and, where the person gave it, the self-perceived gender."""

    recorded_sex: Annotated[str, lists.SEX_GENDER]
    self_perceived_gender: Annotated[str, lists.SEX_GENDER] = absent()


class Address(Strict):
    """An address. The municipality is by the same code as the municipality of return."""

    municipality_code: Annotated[str, formats.MUNICIPALITY]
    postal_code: Annotated[str, Line(12, ("10000", "60000", "72000"))] = absent()
    settlement: Annotated[str, Line(100, ("Example Village", "Sample Quarter"))] = absent()
    street: Annotated[str, Line(200, STREETS)] = absent()


class PreferredLanguage(Strict):
    """For notices and talks; the script where a language has several."""

    language: LanguageCode
    script: Annotated[str, lists.SCRIPT] = absent()
    interpreter_needed: bool = absent()


# Of a nested person: by this the consent or the link of this very person is found again. The
# sender gives it; without one the person is named to nobody but whoever keeps the file.
OwnReference = Annotated[str, formats.REFERENCE]


class EmergencyContact(Strict):
    """Whom to call: a relative or somebody else."""

    category: Annotated[str, lists.CONTACT_CATEGORY]
    name: Annotated[str, Line(200, FAMILY_NAMES)]
    relation: Annotated[str, lists.RELATION]
    phone: Annotated[str, formats.PHONE]
    next_of_kin: bool = absent()
    reference: OwnReference = absent()


class FamilyContact(Strict):
    """One reliable relative."""

    category: Annotated[str, lists.listed("Category", "relative", lists.DICTIONARY)]
    name: Annotated[str, Line(200, FAMILY_NAMES)]
    relation: Annotated[str, lists.RELATION]
    phone: Annotated[str, formats.PHONE] = absent()
    reference: OwnReference = absent()


class Child(Strict):
    """A child of the person. No member for anything but who it is: by design."""

    category: Annotated[str, lists.listed("Category", "child", lists.DICTIONARY)]
    family: Family
    given: Annotated[list[Given], Member(max_length=5)]
    date_of_birth: Annotated[str, formats.BIRTH_DATE]
    reference: OwnReference = absent()


class DisciplinarySanction(Strict):
    """A final sanction."""

    sanction: Annotated[str, formats.SANCTION]
    imposed_on: Annotated[str, formats.DATE]
    note: Annotated[str, Line(200, ("An example note.",))] = absent()


class CommitmentBasis(Strict):
    """Why the person was committed, and by whom."""

    reason: Annotated[str, lists.COMMITMENT_REASON]
    authority: Annotated[str, formats.AGENCY]
    case_number: Annotated[str, Line(64, ("K 17/2024", "P 205/2025", "K-301/26"))]
    decided_on: Annotated[str, formats.DATE] = absent()


class Interval(Strict):
    """From the start to a later end."""

    start: Annotated[str, formats.DATE_TIME]
    end: Annotated[str, formats.DATE_TIME]

    @model_validator(mode="after")
    def _the_end_comes_later(self) -> Self:
        if parse_date_time(self.end) <= parse_date_time(self.start):
            raise refuse("interval", "Expected an end later than the start")
        return self


class Pointer(Strict):
    """Something exists at its holder, and whom to ask there. Never what it says."""

    holder: Annotated[str, formats.AGENCY]
    reference: Annotated[str, formats.REFERENCE]
    contact_phone: Annotated[str, formats.PHONE] = absent()


class PersonPointer(Strict):
    """A person by a reference of the holder; no name, here or anywhere in the file."""

    category: Annotated[str, lists.PROTECTED_CATEGORY]
    holder: Annotated[str, formats.AGENCY]
    reference: Annotated[str, formats.REFERENCE]


class ContactProhibition(Strict):
    """A prohibition, the zone it covers, and by pointer the person whom it protects."""

    prohibition: Annotated[str, lists.PROHIBITION]
    zone: Annotated[str, formats.MUNICIPALITY] = absent()
    protected_person: PersonPointer


class Programme(Strict):
    """A programme and how it ended."""

    programme: Annotated[str, lists.PROGRAMME]
    outcome: Annotated[str, lists.PROGRAMME_OUTCOME]
    started_on: Annotated[str, formats.DATE] = absent()
    ended_on: Annotated[str, formats.DATE] = absent()


class CaseLead(Strict):
    """The agency and function in charge. No private data of an official."""

    agency: Annotated[str, formats.AGENCY]
    function: Annotated[str, lists.CASE_FUNCTION]


class AccessRequest(Strict):
    """A professional from outside asked to see the person."""

    agency: Annotated[str, formats.AGENCY]
    function: Annotated[str, lists.CASE_FUNCTION]
    outcome: Annotated[str, lists.ACCESS_OUTCOME]
    requested_on: Annotated[str, formats.DATE] = absent()


class FollowUp(Strict):
    """An agreed contact after the release."""

    agency: Annotated[str, formats.AGENCY]
    contact: Annotated[str, lists.FOLLOW_UP_CONTACT]
    due_on: Annotated[str, formats.DATE]


Score = Annotated[int, Member(ge=1, le=5)]


class AgencyScores(Strict):
    """How one agency scores the process, from 1 (poor) to 5 (good). Not the person."""

    agency: Annotated[str, formats.AGENCY]
    timeliness: Score
    completeness: Score
    cooperation: Score


class JointEvaluation(Strict):
    """What the agencies say together about the process."""

    scores: Annotated[list[AgencyScores], Member(max_length=20)]
    evaluated_on: Annotated[str, formats.DATE] = absent()


class Benefits(Strict):
    """The status of an entitlement and the last day of what was granted."""

    status: Annotated[str, lists.BENEFITS]
    expires_on: Annotated[str, formats.DATE] = absent()


class Household(Strict):
    """The kind of household; counts only, nobody by name."""

    composition: Annotated[str, lists.HOUSEHOLD]
    persons: Annotated[int, Member(ge=1, le=50)] = absent()


class Caregiving(Strict):
    """Who cares for the children, and by what title. Nobody by name."""

    caregiver: Annotated[str, lists.CAREGIVER]
    guardianship: Annotated[str, lists.GUARDIANSHIP]


class SelfHarmAlert(Strict):
    """An alert and the day it was last reviewed."""

    level: Annotated[str, lists.SELF_HARM]
    reviewed_on: Annotated[str, formats.DATE] = absent()


class RiskTool(Strict):
    """The instrument, and whether its user was certified for it."""

    tool: Annotated[str, lists.RISK_TOOL]
    version: Annotated[str, formats.VERSION]
    assessor_certified: bool
