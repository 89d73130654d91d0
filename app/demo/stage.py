"""The stage: a temporary folder, free ports, and processes that end with it."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
from sqlalchemy import Connection

from app.demo.cast import EVERYBODY, Player, equip, register
from app.main import make_clock, make_house, opened
from app.receiver.client import AgencyClient
from app.receiver.new_agency import NewAgency
from app.receiver.private_files import make_private_folder
from app.settings import PREFIX, Settings

POLICIES = Path(__file__).parent.parent.parent / "policies"
PATIENCE_SECONDS = 180
LOOK_AGAIN_SECONDS = 0.05
STOP_SECONDS = 10


class DemoFailed(Exception):
    """A step did not end as it has to. The message says which and why."""


@dataclass(kw_only=True)
class Stage:
    """Everything that is set up. `run` starts a command of ours as a process of its own."""

    folder: Path
    settings: Settings
    environment: Mapping[str, str]
    equipment: dict[str, NewAgency] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Choose ports and settings. Nothing runs yet."""
        make_private_folder(folder)
        issuer = f"http://127.0.0.1:{free_port()}"
        environment = {
            f"{PREFIX}DATABASE_URL": f"sqlite:///{folder}/throughcare.db",
            f"{PREFIX}KEY_DIRECTORY": str(folder / "keys"),
            f"{PREFIX}CHECKPOINT_FILE": str(folder / "checkpoint"),
            f"{PREFIX}POLICIES_DIRECTORY": str(POLICIES),
            f"{PREFIX}ISSUER": issuer,
            f"{PREFIX}PORT": issuer.rsplit(":", 1)[1],
            f"{PREFIX}ALLOW_ILLUSTRATIVE": "true",
            f"{PREFIX}ALLOW_LOOPBACK_DELIVERY": "true",
            f"{PREFIX}DISPATCH_INTERVAL": "0.25",
            f"{PREFIX}CHECKPOINT_INTERVAL": "0.5",
            f"{PREFIX}RETRY_BASE_SECONDS": "1",
        }
        return cls(
            folder=folder,
            settings=Settings.from_environment(environment),
            environment=environment,
        )

    def equip_everybody(self, log_key: str) -> None:
        """Make everybody's keys and configuration; the log's key is in their agreement."""
        for player in EVERYBODY:
            self.equipment[player.id] = equip(
                player, self.folder, issuer=self.settings.issuer, log_key=log_key
            )

    def register_everybody(self, municipalities: frozenset[str]) -> None:
        """Fill the registry, before the service runs."""
        at = make_clock(self.settings)()
        house = make_house(self.settings, at=at)

        def everybody(connection: Connection) -> None:
            for player in EVERYBODY:
                equipment = self.equipment[player.id]
                register(connection, house, player, equipment, municipalities=municipalities, at=at)

        with opened(self.settings) as database:
            database.run_blocking(everybody)

    def client(self, player: Player) -> AgencyClient:
        """A client that speaks for this player over HTTP."""
        return AgencyClient(self.equipment[player.id].configuration)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "app.cli", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on until the stage is cleared; its output goes to a file."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "app.cli", *arguments],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def wait_for(self, what: str, done: Callable[[], bool]) -> None:
        """Look again and again until something holds; DemoFailed when it takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            for process in self.processes:
                if process.poll() is not None:
                    raise DemoFailed(f"a process ended while waiting for {what}: {self.logs()}")
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"waited {PATIENCE_SECONDS} s in vain for {what}; the processes run, so this "
                    f"machine may be too busy now: {self.logs()}"
                )
            time.sleep(LOOK_AGAIN_SECONDS)

    def is_ready(self) -> bool:
        """Whether the service answers and its database takes transactions."""
        try:
            answer = httpx.get(f"{self.settings.issuer}/health/ready", trust_env=False, timeout=2)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def logs(self) -> str:
        """The last lines that each process wrote."""
        tails = (
            f"{path.name}: {path.read_text(errors='replace')[-600:]}"
            for path in sorted(self.folder.glob("*.log"))
        )
        return "\n".join(tails)

    def clear(self) -> None:
        """End every process, gently first."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage in a folder; its processes end with the block."""
    stage = Stage.build(folder / secrets.token_hex(4))
    try:
        yield stage
    finally:
        stage.clear()


def free_port() -> int:
    """A port of the loopback address that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
