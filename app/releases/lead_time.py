"""How much notice recipients had of releases: the measures by which timeliness is judged. Pure.

A group is a role at an establishment. Groups of few say too much about single persons and are
left out, of every total too: what is shown can be added up, and nothing of the rest follows.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from app.releases.milestones import NOTICE_FLOOR_DAYS

SMALLEST_GROUP = 10


class Reason(StrEnum):
    """Why a recipient was told later than its lead time asks."""

    COURT_DECISION = "court_decision"
    DATE_CHANGE = "date_change"
    DATA_MISSING = "data_missing"
    RECIPIENT_MISSING = "recipient_missing"
    SYSTEM = "system"


# What nobody at work on a release could have prevented.
UNAVOIDABLE = frozenset({Reason.COURT_DECISION, Reason.DATE_CHANGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one recipient was told of one release, and when; all in days before the release.

    `lead_days` is None where nothing arrived before it. `known_days`: since when the date stood
    in the file; `reachable_days`: since when the recipient could be sent anything.
    `acknowledged`: answered before the release; None while that is still to come.
    """

    role: str
    establishment: str
    target_days: int
    lead_days: int | None
    known_days: int
    reachable_days: int
    ordered_by_court: bool = False
    moved_earlier: bool = False
    acknowledged: bool | None = None

    @property
    def days(self) -> int:
        """The notice in days; none at all is 0."""
        return max(0, self.lead_days or 0)

    @property
    def reason(self) -> Reason | None:
        """Why it came late; None where it was on time."""
        if self.lead_days is not None and self.lead_days >= self.target_days:
            return None
        if self.ordered_by_court:
            return Reason.COURT_DECISION
        if self.moved_earlier:
            return Reason.DATE_CHANGE
        if self.known_days < self.target_days:
            return Reason.DATA_MISSING
        if self.reachable_days < self.target_days:
            return Reason.RECIPIENT_MISSING
        return Reason.SYSTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The measures of one group. Shares are from 0 to 1, times are days before the release.

    `tenth_days`: nine in ten recipients had at least this much notice. `critical`: told, but
    later than the floor of notice; `zero_notice`: not before the release. `late` counts those
    beyond their lead time by reason.
    """

    role: str
    establishment: str
    recipients: int
    target_days: int
    median_days: float
    tenth_days: int
    on_time_share: float
    critical: int
    zero_notice: int
    unacknowledged: int
    late: Mapping[str, int]
    avoidable: int
    unavoidable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Establishment:
    """The releases of an establishment, and of how many of them nobody was to be told."""

    establishment: str
    releases: int
    nobody_competent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The rows of every group that is large enough, by role and establishment."""

    rows: tuple[Row, ...]
    establishments: tuple[Establishment, ...]
    suppressed: int

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self)


def report(
    notices: Iterable[Notice],
    releases: Iterable[tuple[str, bool]],
    *,
    smallest: int = SMALLEST_GROUP,
) -> Report:
    """The measures of all groups of at least `smallest`.

    `releases` are pairs: the establishment, and whether somebody competent was to be told.
    """
    groups: dict[tuple[str, str], list[Notice]] = defaultdict(list)
    for notice in notices:
        groups[notice.role, notice.establishment].append(notice)
    totals, alone = Counter[str](), Counter[str]()
    for establishment, has_recipient in releases:
        totals[establishment] += 1
        alone[establishment] += not has_recipient
    shown = {key: group for key, group in groups.items() if len(group) >= smallest}
    large = {name: count for name, count in totals.items() if count >= smallest}
    return Report(
        rows=tuple(_row(group) for _, group in sorted(shown.items())),
        establishments=tuple(
            Establishment(establishment=name, releases=count, nobody_competent=alone[name])
            for name, count in sorted(large.items())
        ),
        suppressed=len(groups) - len(shown) + len(totals) - len(large),
    )


def _row(group: Sequence[Notice]) -> Row:
    days = sorted(notice.days for notice in group)
    late = Counter(notice.reason for notice in group if notice.reason is not None)
    unavoidable = sum(late[reason] for reason in UNAVOIDABLE)
    return Row(
        role=group[0].role,
        establishment=group[0].establishment,
        recipients=len(group),
        target_days=group[0].target_days,
        median_days=median(days),
        tenth_days=days[(len(days) - 1) // 10],
        on_time_share=round(1 - late.total() / len(group), 4),
        critical=sum(0 < notice.days < NOTICE_FLOOR_DAYS for notice in group),
        zero_notice=sum(notice.days == 0 for notice in group),
        unacknowledged=sum(notice.acknowledged is False for notice in group),
        late={reason.value: late[reason] for reason in Reason},
        avoidable=late.total() - unavoidable,
        unavoidable=unavoidable,
    )
