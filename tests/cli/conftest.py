"""Installations for the commands, made once and copied."""

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.cli import main
from app.cli.installation import prepare
from app.house import House
from app.main import make_clock, make_house, opened
from tests.cli.command_line import Done, Installation, register, register_client

Invoke = Callable[..., Done]
InvokeIn = Callable[..., Done]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `init` leaves it."""
    folder = tmp_path_factory.mktemp("template")
    settings = Installation.planned(folder).settings
    prepare(settings, at=make_clock(settings)())
    return folder


@pytest.fixture(scope="session")
def house(template: Path) -> House:
    """What the doors of every copy are handed: the copies have the same keys."""
    settings = Installation.planned(template).settings
    return make_house(settings, at=make_clock(settings)())


@pytest.fixture
def installation(template: Path, tmp_path: Path) -> Installation:
    """A fresh installation, for one test to spoil."""
    folder = tmp_path / "installation"
    shutil.copytree(template, folder)
    return Installation.planned(folder)


@pytest.fixture
def invoke_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InvokeIn:
    """Run a command in this process: the real program, without the time that a start takes."""
    monkeypatch.setenv("COLUMNS", "200")  # or help would cut its words short

    def run(installation: Installation, *arguments: str, **changes: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["throughcare", *arguments])
        for name, text in installation.changed(**changes).items():
            monkeypatch.setenv(name, text)
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return run


@pytest.fixture
def invoke(installation: Installation, invoke_in: InvokeIn) -> Invoke:
    """The same in an installation of its own."""
    return partial(invoke_in, installation)


@pytest.fixture
def at_service(service: Installation, invoke_in: InvokeIn) -> Invoke:
    """The same beside the running service."""
    return partial(invoke_in, service)


@pytest.fixture(scope="module")
def service(
    template: Path, house: House, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A running service with a prison `prison-1` and an auditor `auditor-1`."""
    folder = tmp_path_factory.mktemp("service") / "installation"
    shutil.copytree(template, folder)
    installation = Installation.planned(folder)

    def enter(connection: Connection) -> None:
        for name, role in (
            ("prison-1", "correctional_service"),
            ("auditor-1", "oversight_auditor"),
        ):
            register(connection, house, name, role)
            jwks = installation.equip(name, role).jwks
            register_client(connection, house, name, role, jwks)

    with opened(installation.settings) as database:
        database.run_blocking(enter)
    with installation.served():
        yield installation
