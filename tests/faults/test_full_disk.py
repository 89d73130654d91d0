"""A disk that is full: what cannot be recorded is refused, and all is well once there is room."""

import httpx
import pytest

from tests.faults.account import account
from tests.faults.scene import Scene

# So many files fill a little room for sure.
ENOUGH = 40


@pytest.fixture
def scene(on_sqlite: Scene) -> Scene:
    """A service that has worked."""
    on_sqlite.installation.start()
    on_sqlite.shake_hands()
    on_sqlite.put_file("P-0")
    return on_sqlite


def test_nothing_leaves_a_full_disk_unrecorded_and_nothing_is_half_written(
    scene: Scene, seed: str
) -> None:
    refused: list[str] = []
    # None at all; less than one transaction; and some, so that the disk fills in the midst of work.
    for number, room in enumerate((0, 6_000, 600_000), start=1):
        with scene.installation.full_disk(room=room):
            refused.append(_write_until_refused(scene, f"P-{number}"))
            _read_until_refused(scene)
            if room == 0:
                is_unavailable(ask_whether_ready(scene))
        assert ask_whether_ready(scene).is_success
        scene.put_file(f"P-{number}-again")
    # It has the entry of every read that was answered, and the log verifies.
    stored = account(scene, seed)
    assert not {*refused} & {*stored.persons.values()}
    assert {f"P-{number}-again" for number in (1, 2, 3)} <= {*scene.answered}


def _write_until_refused(scene: Scene, prefix: str) -> str:
    """Put files in for as long as there is room; the reference that was refused."""
    for number in range(ENOUGH):
        reference = f"{prefix}-{number}"
        answer = scene.ask_to_store(reference)
        if answer.status_code != 201:
            is_unavailable(answer)
            return reference
        scene.answered[reference] = answer.headers["etag"]
    raise AssertionError("the disk is not full")


def _read_until_refused(scene: Scene) -> None:
    """A read has an entry, which needs less room than a file."""
    for _ in range(ENOUGH):
        answer = scene.prison.call("GET", "/v1/inmate-files/P-0")
        if answer.status_code != 200:
            is_unavailable(answer)
            return
        scene.read.append(answer.headers["disclosure-entry"])
    raise AssertionError("the disk is not full")


def ask_whether_ready(scene: Scene) -> httpx.Response:
    return scene.prison.http.get(f"{scene.installation.settings.issuer}/health/ready")


def is_unavailable(answer: httpx.Response) -> None:
    """A problem document that says nothing of anybody."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("unavailable")
    assert "Wexample" not in answer.text
    assert "disclosure-entry" not in answer.headers
