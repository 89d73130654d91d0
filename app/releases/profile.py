"""The country profile, policies/<country>/profile.toml: bodies, legal time, holidays, lead times.

Lead times are targets of policy, not law. A profile says of itself what it is worth: its
`status` is part of it, each body has its source, and what nobody stated is named as unknown.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from app.problems import ThroughcareError
from app.releases.roles import ROLES
from app.releases.working_days import Holidays

# The ladder of milestones begins 180 days before a release.
# Longer than two days is no grace: the police would look for somebody too late.
GraceHours = Annotated[int, Field(strict=True, ge=0, le=48)]
LeadDays = Annotated[int, Field(strict=True, ge=1, le=180)]
HOLIDAYS = "holidays"
Text = Annotated[str, Field(min_length=1)]


class ProfileError(ThroughcareError):
    """A profile does not say what a profile must say. Tells which key and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Who plays a role in a country, and where that was read."""

    name: Text
    source: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What differs from country to country, and is the same for every person in one.

    `lead_days` has every recipient role: the days before a release by which it is to be
    told. `alarm_days` has the roles that are reminded of an unanswered notice, and when.
    `leave_grace_hours` after the end of a leave, who is not back has failed to return.
    `name_note` belongs to the name wherever the name is printed. `bodies` has, by role, who is
    reported to play it. `unknown` names what was looked for and no source tells: roles, and
    `holidays` where there are none; the days of the week alone are counted then.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    name: Text
    name_note: str = ""
    status: Text
    time_zone: ZoneInfo
    languages: Annotated[tuple[Text, ...], Field(min_length=1)]
    lead_days: Mapping[str, LeadDays]
    alarm_days: Mapping[str, LeadDays]
    leave_grace_hours: GraceHours = 4
    holidays: Holidays = field(default_factory=Holidays)
    bodies: Mapping[str, Body] = field(default_factory=dict)
    unknown: frozenset[Text] = frozenset()

    def __post_init__(self) -> None:
        _check_roles(self.lead_days, self.alarm_days)
        if overlap := self.unknown & self.bodies.keys():
            raise ValueError(f"unknown: these have a body: {', '.join(sorted(overlap))}")
        object.__setattr__(self, "bodies", MappingProxyType(dict(self.bodies)))
        object.__setattr__(self, "lead_days", MappingProxyType(dict(self.lead_days)))
        object.__setattr__(self, "alarm_days", MappingProxyType(dict(self.alarm_days)))

    @classmethod
    def from_toml(cls, text: str) -> "Profile":
        """Read a profile; lead times it does not state are the defaults of the roles.

        Raises ProfileError for what is not TOML, a missing, unknown or wrong key, an
        unknown role or time zone.
        """
        try:
            return _PROFILE.validate_python(_with_defaults(tomllib.loads(text)))
        except ValidationError as error:
            raise ProfileError(f"the country profile cannot be used: {_tell(error)}") from error
        except ValueError as error:
            raise ProfileError(f"the country profile cannot be used: {error}") from error

    @property
    def knows_holidays(self) -> bool:
        """Whether working days are more than the days of the week."""
        return HOLIDAYS not in self.unknown

    def local_date(self, at: datetime) -> date:
        """The date of an instant in the legal time zone. Raises ValueError without a zone."""
        if at.tzinfo is None:
            raise ValueError("expected an instant with its time zone, found one without")
        return at.astimezone(self.time_zone).date()


def _with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    defaults = {role.name: role.lead_days for role in ROLES.values()}
    stated = data.get("lead_days", {})
    if not isinstance(stated, dict):
        raise ValueError("lead_days: expected a table of roles")  # noqa: TRY004  pydantic's own errors are ValueErrors
    if (HOLIDAYS in data) is (HOLIDAYS in data.get("unknown", ())):
        raise ValueError("holidays: name them, or name `holidays` as unknown")
    return {"alarm_days": {}, **data, "lead_days": defaults | stated}


def _tell(error: ValidationError) -> str:
    findings = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{_place(finding['loc'])}: {finding['msg']}" for finding in findings)


def _place(keys: tuple[int | str, ...]) -> str:
    return ".".join(map(str, keys)) or "profile"


def _check_roles(lead_days: Mapping[str, int], alarm_days: Mapping[str, int]) -> None:
    if lead_days.keys() != ROLES.keys():
        odd = ", ".join(sorted(lead_days.keys() ^ ROLES.keys()))
        raise ValueError(f"lead_days: expected exactly the known roles, not so: {odd}")
    for role, days in alarm_days.items():
        if days >= lead_days.get(role, 0):
            raise ValueError(f"alarm_days: expected less than the lead time of {role}")


_PROFILE = TypeAdapter(Profile)
