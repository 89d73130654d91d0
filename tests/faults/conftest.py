"""Installations with a scene on either database, and how long a run is."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import BOTH, in_database, without_tables
from tests.faults.installation import Installation
from tests.faults.scene import Scene, staged
from tests.notifications.play import open_http

SEED = os.environ.get("THROUGHCARE_TEST_SEED") or secrets.token_hex(4)


@pytest.fixture
def seed() -> str:
    """What repeats the moments of a run."""
    return SEED


@pytest.fixture(scope="session")
def kills() -> int:
    """How often each kind of process is killed."""
    return int(os.environ.get("THROUGHCARE_TEST_KILLS", "3"))


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Scene]:
    """A scene of one process."""
    with open_http() as http, staged(Installation(tmp_path, http), SEED) as scene:
        yield scene


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql_url: str) -> Iterator[Scene]:
    """A scene of several processes."""
    url = without_tables(in_database(postgresql_url, "faults"))
    with open_http() as http, staged(Installation(tmp_path, http, url), SEED) as scene:
        yield scene


@pytest.fixture(params=BOTH)
def on_either(request: pytest.FixtureRequest) -> Scene:
    """The one and the other."""
    scene = request.getfixturevalue(f"on_{request.param}")
    assert isinstance(scene, Scene)
    return scene
