"""The page on onboarding, run: whatever it tells somebody to type does what the page says."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.demo.stage import free_port
from app.main import check_installation, make_clock
from app.settings import Settings
from tests.cli.command_line import Done
from tests.world import POLICIES, served
from throughcare_receiver.sqlite_store import SqliteStore

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Where the page has the service and the receiver listen; the test takes ports that are free.
SERVICE, RECEIVER = "8000", "8443"
PATIENCE = 60.0
# In the place of the program: the words of its command line, as the shell has them.
WORDS = 'throughcare() { printf "%s\\0" "$@"; }\n'

# Where a command has the page's reader keep what it says beside its result.
ASIDE = re.compile(r" 2> (\w+)$")
# Where it is shown and kept.
BESIDE = re.compile(r" \| tee (\w+)$")

Program = Callable[[list[str], dict[str, str]], Done]


@dataclass
class Desk:
    """Somebody who types what stands on the page."""

    folder: Path
    run: Program
    port: str
    lasting: ExitStack
    shell: str = ""

    def type(self, command: str) -> str:
        """One command: in this process, but for the receiver, which wants a main thread."""
        command = command.replace(f":{SERVICE}", f":{self.port}").replace(RECEIVER, "0")
        if not command.startswith("throughcare "):
            self.shell += f"{command}\n"
            return ""
        words = self._bash(f"{self.shell}{WORDS}{command.removesuffix('&')}")
        if words == ["serve"]:
            settings = Settings.from_environment(self._variables())
            clock = make_clock(settings)
            house = check_installation(settings, clock)
            self.lasting.enter_context(served(settings, clock, house))
            return ""
        if command.endswith("&"):
            self.lasting.enter_context(self._receiving(words))
            return ""
        done = self.run(words, self._variables())
        for name in ASIDE.findall(command):
            (self.folder / name).write_text(done.err)
        for name in BESIDE.findall(command):
            (self.folder / name).write_text(done.out)
        return done.out

    @contextmanager
    def _receiving(self, words: list[str]) -> Iterator[None]:
        """A program that goes on; the page has the reader wait until it is verified."""
        file = self.folder / "receiver.log"
        how: dict[str, Any] = {
            "args": [sys.executable, "-m", "app.cli", *words],
            "env": {**os.environ, **self._variables(), "PYTHONPATH": str(ROOT)},
        }
        with file.open("wb") as log:
            started = subprocess.Popen(**how, cwd=self.folder, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + PATIENCE
            while "verified" not in file.read_text():
                assert started.poll() is None, file.read_text()
                assert time.monotonic() < deadline, file.read_text()
                time.sleep(0.05)
            yield
        finally:
            started.terminate()
            started.wait(PATIENCE)

    def _variables(self) -> dict[str, str]:
        """The settings that the page exports, and those by which this test keeps to itself."""
        exported = dict(one.split("=", 1) for one in self._bash(f"{self.shell}env -0"))
        return {
            **{name: text for name, text in exported.items() if name.startswith("THROUGHCARE_")},
            "THROUGHCARE_POLICIES_DIRECTORY": str(POLICIES),
            "THROUGHCARE_PORT": self.port,
            "THROUGHCARE_ISSUER": f"http://127.0.0.1:{self.port}",
        }

    def _bash(self, script: str) -> list[str]:
        how: dict[str, Any] = {"args": ["bash", "-euc", script], "cwd": self.folder}
        done = subprocess.run(**how, capture_output=True, check=True, timeout=PATIENCE)
        words: list[str] = done.stdout.decode().split("\0")[:-1]
        return words


@pytest.fixture
def program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Program:
    """The real program in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(words: list[str], variables: dict[str, str]) -> Done:
        monkeypatch.setattr(sys, "argv", ["throughcare", *words])
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        assert code == 0, (words, written.out, written.err)
        return Done(code, written.out, written.err)

    return run


def commands() -> list[str]:
    """What the page says is to be typed: one command each, over as many lines as it takes."""
    page = (ROOT / "docs" / "onboarding.md").read_text(encoding="utf-8")
    lines = "".join(BLOCK.findall(page)).replace("\\\n", "").splitlines()
    found: list[str] = []
    for line in lines:
        # A line that begins with a space goes on with what is quoted before it.
        if line.startswith(" "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def test_the_page_leads_from_nothing_to_a_verified_notification(
    tmp_path: Path, program: Program
) -> None:
    with ExitStack() as lasting:
        desk = Desk(tmp_path, program, str(free_port()), lasting)
        said = [desk.type(command) for command in commands()]
        (received,) = [one for one in said if "event release_planned" in one]
        assert received.endswith("verified before it was stored\n")
        assert json.loads(said[-1])["municipalities"] == ["XK-FERIZAJ", "XK-GJILAN"]
        reached = desk.type("throughcare call GET /v1/agencies/welfare --as office/agency.toml")
        assert json.loads(reached)["second_contact"]["unit"] == "head of service"
        with SqliteStore.open(tmp_path / "welfare" / "store") as store:
            assert len(store.receipts()) == 1
        mine = "--as welfare/agency.toml"
        assert desk.type(f"throughcare inbox {mine}") == ""
        listed = json.loads(desk.type(f"throughcare call GET /v1/subscriptions {mine}"))
        assert [one["delivery"] for one in listed["subscriptions"]] == ["push"]
