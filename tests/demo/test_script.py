"""What the persons of the demonstration are for, at whatever hour it is played."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.script import PARTS, TOMORROW, Part, release_date
from app.demo.story import TOLD
from app.releases.milestones import MILESTONES, plan
from app.releases.notices import addressed_roles
from app.releases.profile import Profile

PROFILE = Profile.from_toml(Path("policies/xk/profile.toml").read_text(encoding="utf-8"))
START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@given(at=MOMENTS)
def test_whoever_is_told_of_a_part_is_told_at_once(part: Part, at: datetime) -> None:
    day = release_date(part, profile=PROFILE, at=at)
    due = [step for step in plan(day, profile=PROFILE, at=at) if step.due_at <= at]
    addressed = {role for step in due for role in addressed_roles(MILESTONES[step.name], PROFILE)}
    assert addressed >= {player.role for player in TOLD[part.name]}


@given(at=MOMENTS)
def test_nobody_of_a_part_is_released_already(at: datetime) -> None:
    tomorrow = PROFILE.local_date(at) + timedelta(days=1)
    assert release_date(TOMORROW, profile=PROFILE, at=at) == tomorrow
    assert all(release_date(part, profile=PROFILE, at=at) >= tomorrow for part in PARTS)
