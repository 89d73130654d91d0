"""What is sent to the registry, and how its entries are shown."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Member

from app.agencies.contacts import EMAIL, MAX_CONTACTS, PHONE
from app.api.models import REFERENCE, Identifier, Model, PageSize
from app.files.formats import MUNICIPALITY
from app.files.rules import Line
from app.policy.roles import ROLE_PURPOSES

# It stands in addresses, tokens and the access log.
NewId = Annotated[str, Member(pattern=REFERENCE.pattern)]
Country = Annotated[str, Member(pattern=r"^[A-Z]{2}$")]
Municipalities = Annotated[list[Annotated[str, MUNICIPALITY]], Member(max_length=200)]
Name = Annotated[str, Line(200)]
Function = Annotated[str, Line(100)]
# Of the closed list of the policy; another one is refused with the list.
Role = Annotated[str, Member(max_length=64, json_schema_extra={"enum": list(ROLE_PURPOSES)})]

DESK = {"unit": "duty desk", "email": "desk@welfare.example"}
LEAD = {"unit": "head of service", "phone": "+38344000001"}
JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}
GROUND = {"purpose": "social_support", "legal_basis": "illustrative:welfare"}
AGENCY: dict[str, Any] = {
    "agency": "welfare-1",
    "name": "Welfare Centre One",
    "role": "social_welfare_centre",
    "country": "XK",
    "municipalities": ["XK-GJILAN"],
    "standing_acceptance": False,
    "fallback": False,
    "contact_points": [DESK],
    "second_contact": LEAD,
}
CLIENT: dict[str, Any] = {
    "client": "welfare-1-a",
    "agency": "welfare-1",
    "jwks": {"keys": [JWK]},
    "grounds": [GROUND],
    "bearer_allowed": False,
}
OFFICER = {"agency": "welfare-1", "officer": "officer-7", "function": "case officer"}


def _example(*examples: dict[str, Any]) -> ConfigDict:
    """What a model shows in the contract."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class ContactPoint(Model):
    """A unit and how to reach it: by e-mail, by phone or by both. Never a person's name."""

    model_config = _example(DESK, LEAD)

    unit: Annotated[str, Line(100)]
    email: Annotated[str, Member(pattern=f"^{EMAIL}$")] | None = None
    phone: Annotated[str, Member(pattern=f"^{PHONE}$")] | None = None


Contacts = Annotated[list[ContactPoint], Member(max_length=MAX_CONTACTS)]


class Ground(Model):
    """A purpose and the basis in law for just that."""

    model_config = _example(GROUND)

    purpose: Identifier
    legal_basis: Annotated[str, Line(200)]


Grounds = Annotated[list[Ground], Member(min_length=1, max_length=64)]


class PublicKeys(Model):
    """A JWK Set (RFC 7517) of public keys on P-256 or P-384."""

    model_config = _example({"keys": [JWK]})

    keys: Annotated[list[dict[str, Any]], Member(min_length=1, max_length=32)]


class NewAgency(Model):
    """An agency: one organisation in one role."""

    model_config = _example(AGENCY)

    agency: NewId
    name: Name
    role: Role
    country: Country
    municipalities: Municipalities = Member(default_factory=list)
    standing_acceptance: bool = False
    fallback: bool = False
    contact_points: Contacts = Member(default_factory=list)
    second_contact: ContactPoint | None = None


class NewClient(Model):
    """A system of an agency with its public keys, and what it may call for."""

    model_config = _example(CLIENT)

    client: NewId
    agency: Identifier
    jwks: PublicKeys
    grounds: Grounds
    bearer_allowed: bool = False


class NewOfficer(Model):
    """An officer by the agency's own id, which says nothing about the person."""

    model_config = _example(OFFICER)

    agency: Identifier
    officer: NewId
    function: Function


# Of a change only what was sent counts: the defaults stand for nothing, and show nowhere.
class AgencyChange(Model):
    """A merge patch (RFC 7396); null takes the second contact away."""

    model_config = _example({"contact_points": [DESK], "second_contact": None})

    name: Name = Member(default_factory=str)
    municipalities: Municipalities = Member(default_factory=list)
    standing_acceptance: bool = Member(default_factory=bool)
    fallback: bool = Member(default_factory=bool)
    contact_points: Contacts = Member(default_factory=list)
    second_contact: ContactPoint | None = None


class ClientChange(Model):
    """A merge patch (RFC 7396). To rotate a key: both, then the new one alone."""

    model_config = _example({"jwks": {"keys": [JWK]}})

    jwks: PublicKeys = Member(default_factory=lambda: PublicKeys(keys=[{}]))
    grounds: Grounds = Member(default_factory=list)
    bearer_allowed: bool = Member(default_factory=bool)


class OfficerChange(Model):
    """A merge patch (RFC 7396)."""

    model_config = _example({"function": "head of unit"})

    function: Function = Member(default_factory=str)


# Entries are shown as they stand, also those that the commands made under looser rules.
class AgencyEntry(Model):
    """An agency as it stands in the registry."""

    model_config = _example({**AGENCY, "status": "active"})

    agency: str
    name: str
    role: str
    country: str
    municipalities: list[str]
    standing_acceptance: bool
    fallback: bool
    contact_points: list[dict[str, str]]
    second_contact: dict[str, str] | None
    status: Literal["active", "revoked"]


class ClientEntry(Model):
    """A client as it stands in the registry."""

    model_config = _example({**CLIENT, "status": "active"})

    client: str
    agency: str
    jwks: dict[str, Any]
    grounds: list[dict[str, str]]
    bearer_allowed: bool
    status: Literal["active", "revoked"]


class OfficerEntry(Model):
    """An officer as the registry has them."""

    model_config = _example({**OFFICER, "status": "active"})

    agency: str
    officer: str
    function: str
    status: Literal["active", "ended"]


class AgencyPage(Model):
    """Agencies by id; `next` is the `after` of the next page."""

    agencies: list[AgencyEntry]
    next: str | None


class ClientPage(Model):
    """Clients by id; `next` is the `after` of the next page."""

    clients: list[ClientEntry]
    next: str | None


class OfficerPage(Model):
    """Officers by id; `next` is the `after` of the next page."""

    officers: list[OfficerEntry]
    next: str | None


class PageQuery(BaseModel):
    """Which page. A parameter that does not exist is refused, not overlooked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Annotated[str, Member(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")] = Member(
        "", description="The `next` of the page before."
    )
    limit: PageSize = 50


class OfAgencyQuery(PageQuery):
    """Of which agency, and which page."""

    agency: Identifier | None = Member(None, description="The caller's own, unless it is named.")
