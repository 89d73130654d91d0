"""kill -9 at random points: nothing that was promised is lost, nothing that was not is sent.

`THROUGHCARE_TEST_KILLS` says how often each kind of process is killed, `THROUGHCARE_TEST_SEED`
repeats the moments of a run.
"""

import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.audit.read_log import whole_log
from app.main import make_house, opened
from tests.conftest import in_database, without_tables
from tests.faults.account import Stored, settle
from tests.faults.installation import SERVE, Installation
from tests.faults.scene import Scene, staged
from tests.notifications.play import open_http

KILLS = int(os.environ.get("THROUGHCARE_TEST_KILLS", "3"))
SEED = os.environ.get("THROUGHCARE_TEST_SEED") or secrets.token_hex(4)
# What SIGTERM leaves of a process that ended well: the interface passes the signal on at its end.
WELL = (0, -signal.SIGTERM)

# The process that dies, and when: at any time, while a notice is read (sent and not marked), after
# an answer, while a delivery is claimed, before entries are signed.
ON_SQLITE = {SERVE: ("any", "reading", "answered", "unsigned", "claimed")}
ON_POSTGRESQL = {
    SERVE: ("any", "answered"),
    "dispatch-1": ("any", "reading", "claimed"),
    "dispatch-2": ("any", "reading", "claimed"),
    "sequence-1": ("any", "unsigned"),
    "sequence-2": ("any", "unsigned"),
}


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Scene]:
    with open_http() as http, staged(Installation(tmp_path, http), SEED) as scene:
        yield scene


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql_url: str) -> Iterator[Scene]:
    url = without_tables(in_database(postgresql_url, "faults"))
    with open_http() as http, staged(Installation(tmp_path, http, url), SEED) as scene:
        yield scene


def test_the_whole_service_is_killed_on_sqlite(on_sqlite: Scene) -> None:
    scene, installation = on_sqlite, on_sqlite.installation
    manners = _planned(scene, ON_SQLITE, {SERVE: KILLS})
    installation.start(CHECKPOINT_INTERVAL=_interval(manners[0][1]))
    scene.shake_hands()
    with scene.at_work():
        for (name, manner), (_, following) in zip(
            manners, [*manners[1:], (SERVE, "")], strict=True
        ):
            scene.kill(name, manner, CHECKPOINT_INTERVAL=_interval(following))
    _account(scene)


def test_each_process_is_killed_on_postgresql(on_postgresql: Scene) -> None:
    scene, installation = on_postgresql, on_postgresql.installation
    # Of those that run twice, each has its half.
    often = {name: KILLS if name == SERVE else -(-KILLS // 2) for name in ON_POSTGRESQL}
    for name in ON_POSTGRESQL:
        installation.start(name)
    scene.shake_hands()
    with scene.at_work():
        for name, manner in _planned(scene, ON_POSTGRESQL, often):
            scene.kill(name, manner)
    _account(scene)


def _planned(
    scene: Scene, manners: Mapping[str, tuple[str, ...]], often: Mapping[str, int]
) -> list[tuple[str, str]]:
    """Who is killed when, in any order; each manner as often as the others."""
    plan = [
        (name, manners[name][number % len(manners[name])])
        for name in manners
        for number in range(often[name])
    ]
    scene.random.shuffle(plan)
    return plan


def _interval(manner: str) -> str:
    """Seconds between two checkpoints: one that is killed before it signs has time to."""
    return "1000" if manner == "unsigned" else "0.05"


def _account(scene: Scene) -> None:
    """Let everything arrive, stop the processes, and hold what came to what is stored."""
    installation = scene.installation
    scene.deliver_everything()
    for name in list(installation.processes):
        assert installation.stop(name) in WELL, installation.log(name)[-3000:]
    house = make_house(installation.settings, at=installation.clock())
    with opened(installation.settings) as database:
        stored = database.read_blocking(lambda c: Stored.read(c, house))
        export = database.read_blocking(lambda c: whole_log(c, house))
    settle(scene, stored, house, export, seed=SEED)
