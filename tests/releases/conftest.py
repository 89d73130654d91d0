from pathlib import Path

import pytest

from app.releases.profile import Profile

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="session")
def xk() -> Profile:
    return Profile.from_toml((POLICIES / "xk" / "profile.toml").read_text("utf-8"))


@pytest.fixture(scope="session")
def ba() -> Profile:
    return Profile.from_toml((POLICIES / "ba" / "profile.toml").read_text("utf-8"))


@pytest.fixture(scope="session", params=["xk", "ba"])
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.getfixturevalue(request.param)
    return found
