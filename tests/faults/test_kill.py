"""kill -9 at random points: nothing that was promised is lost, nothing that was not is sent.

`THROUGHCARE_TEST_KILLS` says how often each kind of process is killed, `THROUGHCARE_TEST_SEED`
repeats the moments of a run.
"""

from collections.abc import Mapping

from tests.faults.account import account
from tests.faults.installation import SERVE
from tests.faults.scene import Scene

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


def test_the_whole_service_is_killed_on_sqlite(on_sqlite: Scene, kills: int, seed: str) -> None:
    scene, installation = on_sqlite, on_sqlite.installation
    manners = _planned(scene, ON_SQLITE, {SERVE: kills})
    installation.start(CHECKPOINT_INTERVAL=_interval(manners[0][1]))
    scene.shake_hands()
    with scene.at_work():
        for (name, manner), (_, following) in zip(
            manners, [*manners[1:], (SERVE, "")], strict=True
        ):
            scene.kill(name, manner, CHECKPOINT_INTERVAL=_interval(following))
    account(scene, seed)


def test_each_process_is_killed_on_postgresql(on_postgresql: Scene, kills: int, seed: str) -> None:
    scene, installation = on_postgresql, on_postgresql.installation
    # Of those that run twice, each has its half.
    often = {name: kills if name == SERVE else -(-kills // 2) for name in ON_POSTGRESQL}
    for name in ON_POSTGRESQL:
        installation.start(name)
    scene.shake_hands()
    with scene.at_work():
        for name, manner in _planned(scene, ON_POSTGRESQL, often):
            scene.kill(name, manner)
    account(scene, seed)


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
