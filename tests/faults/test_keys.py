"""Commands of the keys, killed at random points: every file opens, whatever was broken off."""

import time

from app.crypto.key_ring import KeyRing
from tests.faults.installation import PATIENCE, SERVE, Installation
from tests.faults.scene import Scene

FILES = 12
# Longer than a token lives, so that its key can be rotated a second time.
AFTER_A_TOKEN = 400
ROTATE_TOKENS = ("keys", "rotate", "tokens")
ROTATE = ("keys", "rotate", "data")
REWRAP = ("keys", "rewrap")
REMOVE = ("keys", "remove")


def test_keys_are_changed_though_each_command_is_killed(on_either: Scene, kills: int) -> None:
    scene, installation = on_either, on_either.installation
    installation.start()
    for number in range(FILES):
        scene.put_file(f"P-{number}")
    assert len(scene.answered) == FILES
    _free(installation)
    # The first makes the next key and retires none.
    _, seconds = _end(installation, ROTATE)
    lasted = dict.fromkeys((ROTATE_TOKENS, ROTATE, REWRAP, REMOVE), seconds)
    for _ in range(-(-kills // 4)):
        _free(installation)
        for command in lasted:
            _kill(scene, command, within=lasted[command])
            # A ring that was left half rotated is a ring.
            KeyRing.load(installation.settings.key_directory)
            ended, lasted[command] = _end(installation, command)
            # What the killed one had done already is refused or done again.
            assert ended == 0 or command in (ROTATE, REMOVE), installation.log("commands")[-3000:]
        _end(installation, REWRAP)
        _start_again(scene)
        _read_everything(scene)
    print(f"\nkills: {dict(scene.kills)}; files lost: 0")  # noqa: T201 - the result of a long run


def _kill(scene: Scene, command: tuple[str, ...], *, within: float) -> None:
    process = scene.installation.run(*command)
    process.join(scene.random.uniform(0, within))
    scene.kills[" ".join(command)] += process.is_alive()
    process.kill()
    process.join()


def _end(installation: Installation, command: tuple[str, ...]) -> tuple[int | None, float]:
    """Run a command to its end: how it ended, after how many seconds."""
    began = time.monotonic()
    process = installation.run(*command)
    process.join(PATIENCE)
    return process.exitcode, time.monotonic() - began


def _free(installation: Installation) -> None:
    """A file belongs to one process at a time; beside a server's the service goes on."""
    if installation.is_embedded:
        installation.kill()


def _start_again(scene: Scene) -> None:
    """A service has the keys with which it was started."""
    scene.installation.kill(SERVE)
    scene.pass_time(AFTER_A_TOKEN)
    scene.installation.start()


def _read_everything(scene: Scene) -> None:
    for reference in scene.answered:
        read = scene.prison.call("GET", f"/v1/inmate-files/{reference}")
        assert read.status_code == 200, read.text
        assert reference in read.text
