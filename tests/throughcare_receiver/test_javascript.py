"""The example in JavaScript finds in the published vectors what they say.

It needs Node.js, and the package `jose` as its lock file pins it. Where one of them is not to
be had the run says NOT RUN and counts it as skipped.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.throughcare_receiver.make_vectors import FOLDER
from tests.throughcare_receiver.vectors import cases

EXAMPLE = FOLDER.parent.parent / "docs" / "examples" / "receiver-javascript"
# Beside this Python's packages, where it outlasts the run: it is fetched once.
INSTALLED = Path(sys.prefix) / "javascript"
OLDEST_NODE = 20
JUDGED = ("notifications", "statements", "order", "inclusion")


def run(*command: str, folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    # A runner that started us must not take the other one for a part of itself.
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("NODE_")}
    return subprocess.run(  # noqa: S603 - commands of this module
        command,
        cwd=folder,
        env={**inherited, "THROUGHCARE_VECTORS": str(FOLDER)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def program(name: str) -> str:
    """A program of Node.js: on PATH, or beside this Python."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.prefix) / "bin"))
    if found is None:
        pytest.skip(f"NOT RUN: there is no {name} on PATH")
    return found


@pytest.fixture(scope="module")
def node() -> str:
    found = program("node")
    version = run(found, "--version", folder=EXAMPLE, seconds=60).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"NOT RUN: Node.js {version.strip()} is older than {OLDEST_NODE}")
    return found


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in a folder of its own, with `jose` as its lock file pins it."""
    lock = (EXAMPLE / "package-lock.json").read_text(encoding="utf-8")
    pinned = INSTALLED / "package-lock.json"
    if not pinned.exists() or pinned.read_text(encoding="utf-8") != lock:
        install(program("npm"))
    folder = tmp_path_factory.mktemp("javascript")
    for path in (*EXAMPLE.glob("*.mjs"), EXAMPLE / "package.json"):
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules")
    return folder


def install(npm: str) -> None:
    """Fetch what the lock file pins; what has another hash than it says is refused."""
    fresh = INSTALLED.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(EXAMPLE / name, fresh)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0")
    try:
        done = run(npm, "ci", *options, folder=fresh, seconds=90)
    except subprocess.TimeoutExpired:
        pytest.skip("NOT RUN: npm did not answer in time")
    if done.returncode != 0:
        assert "EINTEGRITY" not in done.stderr
        pytest.skip("NOT RUN: npm cannot fetch the package jose")
    shutil.rmtree(INSTALLED, ignore_errors=True)
    fresh.rename(INSTALLED)


def test_the_example_judges_every_vector_as_published(node: str, example: Path) -> None:
    done = run(node, "--test", "--test-reporter=tap", folder=example, seconds=120)
    assert done.returncode == 0, "\n".join(re.findall(r"not ok.*", done.stdout)) + done.stderr
    counted = dict(re.findall(r"^# (pass|fail|skipped) (\d+)$", done.stdout, re.MULTILINE))
    expected = sum(len(cases(name)) for name in JUDGED)
    assert counted == {"pass": str(expected), "fail": "0", "skipped": "0"}


def test_the_lock_file_pins_by_hash_and_names_no_address() -> None:
    lock = (EXAMPLE / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity": "sha512-' in lock
    assert "resolved" not in lock
    assert "://" not in lock
