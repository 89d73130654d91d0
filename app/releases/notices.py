"""A notice: what is told, to which roles, how urgently. Milestones due collapse into one. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from app.releases.events import EVENTS, PRECEDENCE, EventType, Kind, Priority
from app.releases.milestones import (
    CONTRIBUTIONS,
    LADDER,
    MILESTONES,
    NOTICE_FLOOR_DAYS,
    PLAN,
    Milestone,
    lead_milestone,
    notice_days,
)
from app.releases.profile import Profile
from app.releases.roles import ROLES

# The others go by receipt, or to nobody.
TOLD_BY_POLICY = frozenset({Kind.NEWS, Kind.REQUEST, Kind.OVERSIGHT})


def _nobodys_shortfall() -> Mapping[str, int]:
    return MappingProxyType({})


class UnknownMilestone(ValueError):
    """A name stands on no step of the ladder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice about one person, still without recipients: the caller finds the agencies.

    `roles` may be empty: then nobody is told, and the milestones only count as fired.
    `alarm_roles` were told before and have to be reminded if they did not answer.
    `shortfall_days` has each role that learns of the release by this notice: the days
    missing to its lead time, 0 when on time. `only_those_told`: leave out agencies that
    were never told of this release. `acknowledgement_hours`: None where no answer is due.
    """

    event: str
    roles: frozenset[str]
    priority: Priority
    acknowledgement_hours: int | None
    sections: tuple[str, ...]
    only_those_told: bool
    milestones: tuple[str, ...] = ()
    alarm_roles: frozenset[str] = frozenset()
    shortfall_days: Mapping[str, int] = field(default_factory=_nobodys_shortfall)

    @property
    def late(self) -> bool:
        """Whether any role learns of the release later than its lead time asks."""
        return any(days > 0 for days in self.shortfall_days.values())


def collapse(due: Collection[str], *, release_date: date, profile: Profile, at: datetime) -> Notice:
    """The one notice for all milestones of a person that are due, named as in the ladder.

    Raises UnknownMilestone, and ValueError when nothing is due.
    """
    steps = _in_order(due)
    addressed = {step: addressed_roles(step, profile) for step in steps}
    event = _leading_event(addressed)
    shortfall = _shortfall(addressed, release_date, profile.local_date(at))
    roles = frozenset[str]().union(*addressed.values())
    return Notice(
        event=event.name,
        milestones=tuple(step.name for step in steps),
        roles=roles,
        alarm_roles=_alarmed_roles(steps, profile) - roles,
        priority=_priority(event, notice_days(release_date, profile=profile, at=at)),
        shortfall_days=MappingProxyType(shortfall),
        acknowledgement_hours=event.acknowledgement_hours,
        sections=event.sections,
        only_those_told=event.only_those_told,
    )


def immediate(
    name: str,
    release_date: date | None,
    *,
    profile: Profile,
    at: datetime,
    moved_earlier: bool = False,
) -> Notice:
    """The notice of something that has happened, told at once.

    `release_date` is the one that grows near; None where none is in view.
    """
    event = EVENTS[name]
    days = None if release_date is None else notice_days(release_date, profile=profile, at=at)
    priority = _priority(event, days)
    if moved_earlier and priority is Priority.ROUTINE:
        priority = Priority.URGENT
    return Notice(
        event=name,
        roles=event.recipients if event.kind in TOLD_BY_POLICY else frozenset(),
        priority=priority,
        acknowledgement_hours=event.acknowledged_within(days, earlier=moved_earlier),
        sections=event.sections,
        only_those_told=event.only_those_told,
    )


def named_milestones(milestones: Sequence[str], *, lead_days: int) -> tuple[str, ...]:
    """The milestones as a notice names them, `lead_days` before the release.

    Contributions are planned for where a sentence is long. To name that step would tell the
    length of the sentence; so it is named wherever T-90 comes late, and nowhere else.
    """
    others = tuple(name for name in milestones if name != CONTRIBUTIONS)
    late = PLAN in others and lead_days < -MILESTONES[PLAN].day
    return (CONTRIBUTIONS, *others) if late else others


def addressed_roles(step: Milestone, profile: Profile) -> frozenset[str]:
    """The roles that a step addresses under the lead times of the profile."""
    recipients = EVENTS[step.event].recipients
    if step.day > 0:
        return recipients
    on_ladder = recipients & ROLES.keys()
    return frozenset(role for role in on_ladder if lead_milestone(profile.lead_days[role]) == step)


def _in_order(names: Collection[str]) -> tuple[Milestone, ...]:
    if unknown := set(names) - MILESTONES.keys():
        raise UnknownMilestone(f"expected milestones of the ladder, found {sorted(unknown)}")
    if not names:
        raise ValueError("expected at least one milestone that is due")
    return tuple(step for step in LADDER if step.name in names)


def _leading_event(addressed: Mapping[Milestone, frozenset[str]]) -> EventType:
    """The type that names the notice, of those that have something to say to somebody."""
    speaking = [step.event for step, roles in addressed.items() if roles]
    events = speaking or [step.event for step in addressed]
    return EVENTS[min(events, key=PRECEDENCE.__getitem__)]


def _shortfall(
    addressed: Mapping[Milestone, frozenset[str]], release_date: date, today: date
) -> dict[str, int]:
    lead = (release_date - today).days
    return {
        role: max(0, -step.day - lead)
        for step, roles in addressed.items()
        if step.day < 0
        for role in sorted(roles)
    }


def _alarmed_roles(steps: Collection[Milestone], profile: Profile) -> frozenset[str]:
    return frozenset(
        role for role, days in profile.alarm_days.items() if lead_milestone(days) in steps
    )


def _priority(event: EventType, days: int | None) -> Priority:
    near = event.announces_release and days is not None and days <= NOTICE_FLOOR_DAYS
    return Priority.URGENT if near and event.priority is Priority.ROUTINE else event.priority
