"""The event types of a release: who is told, with what, how fast to answer. One row each.

The rows stand in order of precedence: when milestones of several types collapse into
one notice, the first of them in this table names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.releases.roles import Group


class Priority(StrEnum):
    """Priority class of a notice. An immediate one is never held for batching."""

    ROUTINE = "routine"
    URGENT = "urgent"
    IMMEDIATE = "immediate"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A row of the table.

    `sections` are those a notice may carry: policy decides for each recipient what of
    them it gets. `acknowledgement_hours` is None where no acknowledgement is expected;
    `hastened_hours` holds instead when the release is near and was moved earlier.
    `announces_release` marks news that grows urgent as the release comes near.
    `only_those_told` keeps an event from roles that never heard of this release.
    `superseded_by` are the types whose news makes one that still waits pointless: each of them
    goes to whoever was told before, so that nobody keeps an old date. Of most types each counts.
    """

    name: str
    group: Group
    sections: tuple[str, ...]
    acknowledgement_hours: int | None
    hastened_hours: int | None = None
    priority: Priority = Priority.ROUTINE
    announces_release: bool = False
    only_those_told: bool = False
    superseded_by: frozenset[str] = frozenset()


_ROWS = (
    EventType(  # first: when support is over, nothing else needs saying
        name="support_window_ended",
        group=Group.INFORMED,
        sections=(),
        acknowledgement_hours=None,
        only_those_told=True,
    ),
    EventType(
        name="released",
        group=Group.INFORMED,
        sections=("identity", "residence_contact", "release"),
        acknowledgement_hours=24,
        priority=Priority.URGENT,
    ),
    EventType(
        name="release_cancelled",
        group=Group.INFORMED,
        sections=(),
        acknowledgement_hours=24,
        announces_release=True,
        only_those_told=True,
    ),
    EventType(
        name="release_date_changed",
        group=Group.INFORMED,
        sections=("release",),
        acknowledgement_hours=24,
        hastened_hours=4,
        announces_release=True,
        only_those_told=True,
        superseded_by=frozenset({"release_date_changed", "release_cancelled"}),
    ),
    EventType(
        name="release_planned",
        group=Group.INFORMED,
        sections=(
            "identity",
            "residence_contact",
            "sentence",
            "release",
            "supervision",
            "plan",
            "needs",
            "risk_assessment",
        ),
        acknowledgement_hours=72,
        announces_release=True,
    ),
    EventType(
        name="entitlement_expiring",
        group=Group.ENTITLEMENTS,
        sections=("release", "needs"),
        acknowledgement_hours=120,
    ),
    EventType(
        name="joint_evaluation_due",
        group=Group.ACTIVE,
        sections=("plan",),
        acknowledgement_hours=720,
    ),
    EventType(
        name="follow_up_due",
        group=Group.ACTIVE,
        sections=("release", "plan"),
        acknowledgement_hours=None,
    ),
)
EVENTS: Mapping[str, EventType] = {row.name: row for row in _ROWS}
PRECEDENCE: Mapping[str, int] = {row.name: place for place, row in enumerate(_ROWS)}
