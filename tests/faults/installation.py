"""A real installation whose processes can be killed and started again, on either database."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, text

from app.cli.installation import prepare
from app.demo.stage import free_port
from app.engines import make_engine
from app.grants import Role
from app.instants import EPOCH, MICROSECOND
from app.settings import PREFIX, Settings
from tests.faults import processes
from tests.logins import login
from tests.notifications.mailroom import wait_until

POLICIES = Path(__file__).parent.parent.parent / "policies"
START = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
# A busy machine takes its time to start a process, and to end one.
PATIENCE = 60.0
SERVE = "serve"
ROLES = {SERVE: Role.APPLICATION, "dispatch": Role.APPLICATION, "sequence": Role.SEQUENCER}


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
        now = self.now + timedelta(**by)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(now.isoformat())
        fresh.replace(self.path)
        self.now = now


@dataclass
class Installation:
    """Settings, clock and, while they run, the processes by their names.

    The name of a process is that of its command, with a number behind it where several run.
    """

    folder: Path
    http: httpx.Client
    database_url: str = ""
    port: int = field(default_factory=free_port)
    # Processes of the interface.
    workers: int = 1
    # Where each interface listens, by the name of its process.
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    # How long the log of each process was when its life began.
    _begun: dict[str, int] = field(default_factory=dict)
    # As whom each role connects: made once, for a server may be away later.
    _logins: dict[Role, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = FileClock(self.folder / "clock")
        self.ports[SERVE] = self.port
        url = self.database_url or f"sqlite:///{self.folder}/throughcare.db"
        self.environment = {
            f"{PREFIX}DATABASE_URL": url,
            # The server of the tests spares itself its disk: see tests/conftest.py.
            f"{PREFIX}ALLOW_UNSAFE_DATABASE": str(not self.is_embedded).lower(),
            f"{PREFIX}EMBED_WORKERS": str(self.is_embedded).lower(),
            f"{PREFIX}KEY_DIRECTORY": str(self.folder / "keys"),
            f"{PREFIX}CHECKPOINT_FILE": str(self.folder / "checkpoint"),
            f"{PREFIX}POLICIES_DIRECTORY": str(POLICIES),
            f"{PREFIX}ISSUER": f"http://127.0.0.1:{self.port}",
            f"{PREFIX}PORT": str(self.port),
            f"{PREFIX}ALLOW_ILLUSTRATIVE": "true",
            f"{PREFIX}ALLOW_LOOPBACK_DELIVERY": "true",
            f"{PREFIX}DISPATCH_INTERVAL": "0.05" if self.is_embedded else "0.2",
            f"{PREFIX}CHECKPOINT_INTERVAL": "0.05" if self.is_embedded else "0.2",
            f"{PREFIX}RETRY_BASE_SECONDS": "1",
            f"{PREFIX}CLOCK_FILE": str(self.clock.path),
        }
        self.settings = Settings.from_environment(self.environment)
        prepare(self.settings, at=self.clock())

    @property
    def is_embedded(self) -> bool:
        """Whether one process does all."""
        return not self.database_url

    @property
    def checkpoint(self) -> str:
        """The checkpoint that is kept outside the database, as it is now."""
        return self.settings.checkpoint_file.read_text(encoding="utf-8")

    def run(self, *arguments: str, log: str = "commands", **settings: str) -> ForkServerProcess:
        """Start a command."""
        changed = {f"{PREFIX}{name}": value for name, value in settings.items()}
        if role := ROLES.get(arguments[0]):
            changed = {**self._as(role), **changed}
        return processes.start(
            *arguments, environment={**self.environment, **changed}, log=self._log_of(log)
        )

    def _as(self, role: Role) -> dict[str, str]:
        """What makes a process a user who may do its work and nothing else."""
        if self.is_embedded:
            return {}
        if role not in self._logins:
            self._logins[role] = login(self.database_url, (role,))
        return {f"{PREFIX}DATABASE_URL": self._logins[role]}

    def start(self, name: str = SERVE, **settings: str) -> None:
        """Start a process that is to go on; the interface is waited for until it is ready."""
        command = name.rstrip("0123456789-")
        if command == SERVE:
            settings["PORT"] = str(self.ports.setdefault(name, free_port()))
        self._begun[name] = len(self.log(name))
        options = ("--workers", str(self.workers)) if command == SERVE else ()
        self.processes[name] = self.run(command, *options, log=name, **settings)
        if command == SERVE:
            wait_until(partial(self._answers, name), seconds=PATIENCE)

    def _answers(self, name: str) -> bool:
        self.check_alive(name)
        time.sleep(0.01)
        try:
            address = f"http://127.0.0.1:{self.ports[name]}/health/ready"
            return self.http.get(address).is_success
        except httpx.TransportError:
            return False

    def wait_until_at_work(self) -> None:
        """Come back when every process has read the clock for its start."""
        for name in self.processes.keys() - self.ports.keys():
            wait_until(partial(self._is_at_work, name), seconds=PATIENCE)

    def _is_at_work(self, name: str) -> bool:
        self.check_alive(name)
        return "at work:" in self.log(name)[self._begun[name] :]

    def check_alive(self, name: str) -> None:
        """Nothing ends by itself."""
        assert self.processes[name].is_alive(), f"{name} has ended: {self.log(name)[-3000:]}"

    def workers_of(self, name: str) -> list[int]:
        """The processes that a process has begun, and that live."""
        found = []
        for one in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, parent = one.read_text().rpartition(") ")[2].split()[:2]
                if int(parent) == self.processes[name].pid and state != "Z":
                    found.append(int(one.parent.name))
        return found

    def kill(self, name: str = SERVE) -> None:
        """Take a process away as it stands: no handler runs, nothing is written any more."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()
            process.join()

    def kill_all(self) -> None:
        """The same of every process."""
        for name in list(self.processes):
            self.kill(name)

    def stop(self, name: str = SERVE) -> int | None:
        """Ask a process to stop, and wait until it has; how it ended."""
        self.processes[name].terminate()
        return self.end_of(name)

    def end_of(self, name: str) -> int | None:
        """Wait for the end of a process; how it ended."""
        process = self.processes.pop(name)
        process.join(PATIENCE)
        return process.exitcode

    def log(self, name: str) -> str:
        """What the processes of this name wrote."""
        file = self._log_of(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def _log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @contextmanager
    def full_disk(self, *, room: int) -> Iterator[None]:
        """No file that the service writes grows beyond the largest and so much room, in bytes.

        Without room nothing at all can be written.
        """
        pid = self.processes[SERVE].pid
        assert pid is not None
        # What else lies there comes and goes: a checkpoint is written beside the last one.
        largest = max(one.stat().st_size for one in self.folder.glob("throughcare.db*"))
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (room and largest + room, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    def is_told(self) -> bool:
        """Whether everything that was due is at an end."""
        now = (self.clock() - EPOCH) // MICROSECOND
        with self.look() as ask:
            due = ask(
                "SELECT count(*) FROM milestone WHERE status = 'planned' AND due_at <= :now",
                now=now,
            )
            waiting = ask("SELECT count(*) FROM delivery WHERE status = 'queued'")
        return bool(due + waiting == 0)

    @contextmanager
    def look(self) -> Iterator[Callable[..., Any]]:
        """Ask the database beside the processes: a statement and its parameters to one value."""
        engine = make_engine(self.settings.database_url)

        def ask(statement: str, **values: object) -> object:
            with reader(engine.connect()) as connection:
                return connection.scalar(text(statement), values)

        try:
            yield ask
        finally:
            engine.dispose()


def reader(connection: Connection) -> Connection:
    """A connection that holds up nobody who writes."""
    return connection.execution_options(read_only=True)
