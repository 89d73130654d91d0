"""Copies of a database in use, and back: SQLite by its own backup, PostgreSQL by its own programs.

A copy is what one transaction sees. Nobody who writes waits for it; what is overwritten
meanwhile is kept by the database until the copy is made.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, cast

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url

from app.database import NOT_PERMITTED
from app.problems import Conflict, ThroughcareError

PIECE_BYTES: Final = 1 << 20
# Between two steps the process can be asked to stop.
PAGES: Final = 4096
# What SQLite puts beside a file.
BESIDE: Final = ("", "-wal", "-shm", "-journal")
# Roles are the server's: `throughcare restore` and `init` give them what they need.
ANOTHER: Final = "another backup of this database is being made"
SERVICE: Final = "throughcare"
AS_ANYBODY: Final = ("--no-owner", "--no-privileges", "--no-password")


class CopyFailed(ThroughcareError):
    """The database could not be copied or put back. The message is that of its own program."""


def pieces(connection: Connection) -> Generator[bytes]:
    """The database as this transaction sees it, checked, in pieces of up to `PIECE_BYTES`.

    Raises:
        CopyFailed: it is damaged, or its program fails or is not there.
        Conflict: another copy is being made.
    """
    if connection.dialect.name == "sqlite":
        return _of_file(connection)
    return _of_server(connection)


def _of_file(connection: Connection) -> Generator[bytes]:
    """The copy stands beside the database, as private as that, for as long as it is read."""
    source = cast("sqlite3.Connection", connection.connection.driver_connection)
    [(_, _, path)] = source.execute("PRAGMA database_list").fetchall()
    copy = Path(f"{path}.copy")
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(ANOTHER) from None
        # Whoever held the lock took the file away: what is filled would be another one.
        if os.fstat(descriptor).st_nlink == 0:
            raise Conflict(ANOTHER)
        try:
            os.ftruncate(file.fileno(), 0)  # one that was killed leaves its own
            _fill(copy, source)
            while piece := file.read(PIECE_BYTES):
                yield piece
        finally:
            remove_file(copy)


def _fill(copy: Path, source: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(copy)) as target:
        # It ends with this process: nothing has to outlast a power cut.
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target, pages=PAGES)
        [(found,)] = target.execute("PRAGMA integrity_check(1)").fetchall()
    if found != "ok":
        raise CopyFailed(f"the database is damaged: {found}")


def beside(file: Path) -> list[Path]:
    """An SQLite file, and what may stand beside it."""
    return [Path(f"{file}{ending}") for ending in BESIDE]


def remove_file(file: Path) -> None:
    """Take an SQLite file away with what stands beside it."""
    for one in beside(file):
        one.unlink(missing_ok=True)


def _of_server(connection: Connection) -> Generator[bytes]:
    """What pg_dump writes of the same snapshot."""
    # While it works this transaction only waits for it.
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
    arguments = ("--format=custom", f"--snapshot={snapshot}", *AS_ANYBODY)
    with _Program("pg_dump", arguments, connection.engine.url) as program:
        output = cast("BinaryIO", program.process.stdout)
        while piece := output.read(PIECE_BYTES):
            yield piece
        program.finish()


def put_into_server(url: str, content: Iterable[bytes]) -> None:
    """Put what `pieces` gave of a server into an empty database: all of it, or nothing.

    Raises:
        CopyFailed: its program fails or is not there.
    """
    arguments = ("--single-transaction", "--exit-on-error", *AS_ANYBODY)
    with _Program("pg_restore", arguments, make_url(url)) as program:
        program.feed(content)
        program.finish()


class _Program:
    """A program of the server at work; it is killed where it was not waited for."""

    def __init__(self, name: str, arguments: tuple[str, ...], url: URL) -> None:
        path = shutil.which(name)
        if path is None:
            raise CopyFailed(
                f"{name} is not on the path: install the client programs of PostgreSQL, of the "
                "server's version or a newer one"
            )
        address = _Address.of(url)
        self.name = name
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        with address.secrets() as (environment, handed_on):
            self.process = subprocess.Popen(  # noqa: S603 - a program of the server, without a shell
                [path, *arguments, f"--dbname={address.destination}"],
                env={**os.environ, **environment},
                pass_fds=handed_on,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                cast("BinaryIO", stream).close()
        self.process.wait()
        self.errors.close()

    def feed(self, content: Iterable[bytes]) -> None:
        """Write to it; where it has ended before, `finish` says why."""
        stdin = cast("BinaryIO", self.process.stdin)
        for piece in content:
            try:
                stdin.write(piece)
            except BrokenPipeError:
                return

    def finish(self) -> None:
        """Wait for its end. CopyFailed with its own words."""
        self.process.communicate()
        if self.process.returncode != 0:
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace").strip()
            # Else it would go on to name every table.
            said = NOT_PERMITTED if "permission denied" in said else said
            raise CopyFailed(f"{self.name} failed: {said or self.process.returncode}")


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a program connects to. What is secret of that is for no list of processes."""

    destination: str
    password: str
    # Secrets that libpq takes from no environment, by their names.
    hidden: Mapping[str, str]

    @classmethod
    def of(cls, url: URL) -> Self:
        """The address of a server. CopyFailed where a secret cannot be handed on unseen."""
        parameters: dict[str, Any] = dict(url.get_dialect()().create_connect_args(url)[1])
        parameters.pop("options", None)
        secret = {one.keyword.decode() for one in Conninfo.get_defaults() if one.dispchar == b"*"}
        hidden = {name: str(parameters.pop(name)) for name in secret & parameters.keys()}
        password = hidden.pop("password", "")
        if hidden and "service" in parameters:
            raise CopyFailed(f"write {', '.join(sorted(hidden))} into the service file as well")
        if hidden:
            parameters["service"] = SERVICE
        return cls(make_conninfo(**parameters), password, hidden)

    @contextmanager
    def secrets(self) -> Iterator[tuple[Mapping[str, str], tuple[int, ...]]]:
        """Environment and open files by which a program has the secrets."""
        environment = {"PGPASSWORD": self.password} if self.password else {}
        if not self.hidden:
            yield environment, ()
            return
        # A service file of libpq that stands in no folder.
        with os.fdopen(os.memfd_create(SERVICE), "w") as file:
            file.write(f"[{SERVICE}]\n")
            file.writelines(f"{name}={value}\n" for name, value in self.hidden.items())
            file.flush()
            number = file.fileno()
            yield {**environment, "PGSERVICEFILE": f"/proc/self/fd/{number}"}, (number,)
