"""Facts of one officer, and the calendar of a country."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.alerts.fact import Fact
from app.releases.profile import Profile
from tests.world import POLICIES

# A Wednesday morning; in the country it is ten o'clock.
AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
MakeFact = Callable[..., Fact]


@pytest.fixture(scope="session")
def profile() -> Profile:
    return Profile.from_toml((POLICIES / "xk" / "profile.toml").read_text("utf-8"))


@pytest.fixture
def fact() -> MakeFact:
    """The next fact of an officer, about another person each time unless one is named."""
    made: list[Fact] = []

    def make(**changes: Any) -> Fact:  # noqa: ANN401 - the members of a fact
        index = len(made)
        usual = {
            "index": index,
            "at": AT,
            "agency": "agency-1",
            "officer": "officer-1",
            "purpose": "supervision",
            "subject": f"person {index}",
        }
        made.append(Fact(**{**usual, **changes}))
        return made[-1]

    return make
