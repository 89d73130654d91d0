"""The real service as a process of its own on SQLite, to be killed and started again."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from app.cli.installation import prepare
from app.demo.stage import free_port
from app.settings import PREFIX, Settings
from tests.notifications.mailroom import wait_until

POLICIES = Path(__file__).parent.parent.parent / "policies"
START = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
# A busy machine takes its time to start a process.
START_SECONDS = 60.0


@dataclass
class FileClock:
    """A clock that the service reads from a file, and the test sets."""

    path: Path
    now: datetime = START

    def __post_init__(self) -> None:
        self.advance(seconds=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Let time pass for everybody at once: the file is the old one or the new one, whole."""
        self.now += timedelta(**by)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(self.now.isoformat())
        fresh.replace(self.path)


@dataclass
class Installation:
    """Settings, clock and, while it runs, the process."""

    folder: Path
    http: httpx.Client
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.clock = FileClock(self.folder / "clock")
        self.environment = {
            f"{PREFIX}DATABASE_URL": f"sqlite:///{self.folder}/throughcare.db",
            f"{PREFIX}KEY_DIRECTORY": str(self.folder / "keys"),
            f"{PREFIX}CHECKPOINT_FILE": str(self.folder / "checkpoint"),
            f"{PREFIX}POLICIES_DIRECTORY": str(POLICIES),
            f"{PREFIX}ISSUER": f"http://127.0.0.1:{self.port}",
            f"{PREFIX}PORT": str(self.port),
            f"{PREFIX}ALLOW_ILLUSTRATIVE": "true",
            f"{PREFIX}ALLOW_LOOPBACK_DELIVERY": "true",
            f"{PREFIX}DISPATCH_INTERVAL": "0.05",
            f"{PREFIX}CHECKPOINT_INTERVAL": "0.05",
            f"{PREFIX}RETRY_BASE_SECONDS": "1",
            f"{PREFIX}CLOCK_FILE": str(self.clock.path),
        }
        self.settings = Settings.from_environment(self.environment)
        prepare(self.settings, at=self.clock())

    @property
    def checkpoint(self) -> str:
        """The checkpoint that is kept outside the database, as it is now."""
        return self.settings.checkpoint_file.read_text(encoding="utf-8")

    def start(self, **settings: str) -> None:
        """Start the service and wait until it takes transactions."""
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"],
                env={
                    **os.environ,
                    **self.environment,
                    **{f"{PREFIX}{name}": text for name, text in settings.items()},
                },
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, seconds=START_SECONDS)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it did not start: {self.log()}"
        time.sleep(0.02)
        try:
            return self.http.get(f"{self.settings.issuer}/health/ready").is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Take the process away as it stands: no handler runs, nothing is written any more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the service to stop, and wait until it has."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """What the service wrote lately."""
        return (self.folder / "service.log").read_text(errors="replace")[-3000:]
