"""The roles that notices of a release address. Adding a role is one row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a role has to do with a release; an event type addresses one group."""

    INFORMED = "informed"  # learns that a release is planned, moved, cancelled, done
    ACTIVE = "active"  # works with the person afterwards, and is reminded of it
    ENTITLEMENTS = "entitlements"  # acts before welfare or other entitlements end


@dataclass(frozen=True, slots=True)
class RecipientRole:
    """A role, its default lead time in days before the release, and its groups."""

    name: str
    lead_days: int
    groups: frozenset[Group]


_EVERYTHING = frozenset(Group)
# The police learn of the release and no more: what follows is support, not supervision
# by the police. Who acts on the person's consent alone is not reminded of it.
_NEWS_ONLY = frozenset({Group.INFORMED})

_ROWS = (
    RecipientRole("probation_service", 90, _EVERYTHING),
    RecipientRole("social_welfare_centre", 90, _EVERYTHING),
    RecipientRole("reintegration_unit", 90, frozenset({Group.INFORMED, Group.ACTIVE})),
    RecipientRole("police_local", 30, _NEWS_ONLY),
    RecipientRole("municipal_team", 30, _NEWS_ONLY),
    RecipientRole("health_provider", 30, _NEWS_ONLY),
    RecipientRole("employment_service", 30, _NEWS_ONLY),
    RecipientRole("ngo_mentor", 14, _NEWS_ONLY),
    RecipientRole("religious_counsellor", 14, _NEWS_ONLY),
)
ROLES: Mapping[str, RecipientRole] = {row.name: row for row in _ROWS}


def members(group: Group) -> frozenset[str]:
    """The names of the roles of a group."""
    return frozenset(role.name for role in ROLES.values() if group in role.groups)
