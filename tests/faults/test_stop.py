"""SIGTERM in the midst of everything: what was begun ends well, and nobody has to wait for it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import httpx
import orjson
import pytest

from tests.conftest import BOTH
from tests.faults.account import WELL
from tests.faults.installation import SERVE
from tests.faults.scene import Scene, signed_size
from tests.notifications.mailroom import Letter, wait_until

T = TypeVar("T")
# Time enough to ask, also on a busy machine; far less than a poll waits.
TURN_AWAY = 2.0
PATIENCE = 20.0
LONG = 10


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator["Future[T]"]:
    """Do something in a thread; it has ended with the block."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(work)


@contextmanager
def let_go_at_the_end(*events: threading.Event) -> Iterator[None]:
    """Nobody waits for a test that has failed."""
    try:
        yield
    finally:
        for event in events:
            event.set()


class Slow:
    """A request whose body comes in two parts, the second one when it is let go."""

    def __init__(self, scene: Scene, reference: str) -> None:
        self._prison = scene.prison
        self._content = orjson.dumps(scene.file_of(reference))
        self._path = f"/v1/inmate-files/{reference}"
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def send(self) -> httpx.Response:
        address = f"{self._prison.issuer}{self._path}"
        token = self._prison.token()
        proof = self._prison.proof("PUT", address, token)
        headers = {
            "Authorization": f"DPoP {token}",
            "DPoP": proof,
            "Content-Type": "application/json",
        }
        return httpx.put(address, content=self._body(), headers=headers, trust_env=False)

    def _body(self) -> Iterator[bytes]:
        yield self._content[:20]
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        yield self._content[20:]


@pytest.fixture
def scene(request: pytest.FixtureRequest, kind: str, kills: int) -> Scene:
    """A service of one process, or of several of each kind, which belongs to the long run."""
    if kind == "postgresql" and kills < LONG:
        pytest.skip("part of the long run: make faults")
    found = request.getfixturevalue(f"on_{kind}")
    assert isinstance(found, Scene)
    installation = found.installation
    if not installation.is_embedded:
        installation.workers = 2
        installation.start("dispatch-1")
        installation.start("sequence-1")
    installation.start(TURN_AWAY_SECONDS=str(TURN_AWAY))
    if not installation.is_embedded:
        one, other = installation.workers_of(SERVE)
        os.kill(one, signal.SIGKILL)
        wait_until(lambda: len({*installation.workers_of(SERVE)} - {one, other}) == 1)
    return found


@pytest.mark.parametrize("kind", BOTH)
def test_what_was_begun_is_answered_and_nothing_is_left_held(scene: Scene) -> None:
    installation = scene.installation
    probation, centre = scene.recipients
    probation.subscribe()
    wait_until(probation.nonces)
    assert probation.answer_handshake(probation.nonces()[0]).status_code == 204
    centre.subscribe_to_inbox()
    read, came = threading.Event(), threading.Event()

    def reading(_: Letter) -> None:
        came.set()
        assert read.wait(PATIENCE)

    probation.box.reading = reading
    scene.put_file("P-1")
    assert came.wait(PATIENCE)
    [notice] = centre.poll()
    assert centre.poll(notice.jti) == []
    slow = Slow(scene, "P-2")
    with (
        meanwhile(slow.send) as answered,
        meanwhile(lambda: centre.ask_inbox(returnImmediately=False)) as polled,
        let_go_at_the_end(slow.go_on, read),
    ):
        assert slow.begun.wait(PATIENCE)
        time.sleep(0.2)  # the poll has come, too, and waits
        assert not polled.done()
        others = [name for name in installation.processes if name.startswith("dispatch")]
        for name in (SERVE, *others):
            installation.processes[name].terminate()
        # Whoever balances the load hears of it before the door is shut.
        issuer = installation.settings.issuer
        wait_until(lambda: httpx.get(f"{issuer}/health/ready").status_code == 503)
        assert httpx.get(f"{issuer}/health/live").is_success
        assert polled.result(PATIENCE).json()["sets"] == {}
        wait_until(lambda: is_shut(issuer))
        assert not answered.done()
        slow.go_on.set()
        assert answered.result(PATIENCE).status_code == 201
        assert installation.processes[[SERVE, *others][-1]].is_alive()
        read.set()
    for name in (SERVE, *others):
        assert installation.end_of(name) in WELL, installation.log(name)[-3000:]
    if not installation.is_embedded:
        assert installation.stop("sequence-1") == 0
    with installation.look() as ask:
        assert ask("SELECT count(*) FROM delivery WHERE lease IS NOT NULL") == 0
        assert ask("SELECT count(*) FROM delivery WHERE status = 'sent'") == 2
        assert ask("SELECT count(*) FROM access_log_pending") == 0
        assert ask("SELECT size FROM access_log_head") == signed_size(installation.checkpoint)
    assert len(probation.notices()) == 1


def is_shut(address: str) -> bool:
    """Whether nobody is let in; one who has just come in may be turned out again."""
    try:
        httpx.get(f"{address}/health/live")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False
