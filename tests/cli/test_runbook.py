"""The runbook, run: each case is brought about, and what is to be typed does what it says."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.access_log import checkpoints
from app.access_log.export import export
from app.access_log.note import Verifier
from app.crypto.key_ring import KeyRing
from app.main import NotReady, check_installation, make_clock, make_house, opened
from app.receiver.private_files import write_private_file
from app.settings import Settings
from tests.cli.command_line import Done, Installation, register, sign
from tests.cli.conftest import InvokeIn
from tests.world import sealing_keys

RUNBOOK = Path(__file__).parent.parent.parent / "docs" / "runbook.md"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = "# refused"
# Or the exit status that the page tells after a command.
STATUS = re.compile(r" +# exit status (\d)$")
NAME = "exchange.example/log-2"


def sections() -> dict[str, list[str]]:
    """The commands below each heading, in their order."""
    page = RUNBOOK.read_text(encoding="utf-8")
    found = {
        title: "".join(BLOCK.findall(text)).splitlines() for title, text in SECTION.findall(page)
    }
    return {title: commands for title, commands in found.items() if commands}


class Operator:
    """Somebody who types what stands in the runbook, in an installation of their own."""

    def __init__(self, installation: Installation, invoke_in: InvokeIn) -> None:
        self.installation = installation
        self.invoke_in = invoke_in
        self.exported: dict[str, str] = {}
        folder = installation.folder
        self.variables = {
            "DATABASE": f"{folder}/throughcare.db",
            "KEYS": f"{folder}/keys",
            "CHECKPOINT": f"{folder}/checkpoint",
            "BACKUP": f"{folder}/backup",
            "ESCROW": f"{folder}/escrow.pem",
            "OLD_LOG_KEY": self.log_key(),
            "NEW_NAME": NAME,
        }

    @property
    def settings(self) -> Settings:
        """As they are after what was exported."""
        return Settings.from_environment(self.installation.changed(**self.exported))

    def log_key(self) -> str:
        """The key of the log as verifiers know it."""
        ring = KeyRing.load(self.settings.key_directory)
        return Verifier.of(self.settings.log_origin, ring.log_signing).to_vkey()

    def type(self, command: str) -> str:
        """What one command says; where the page has it refused, it must be, in a sentence."""
        command, mark, _ = command.partition(REFUSED)
        said = STATUS.search(command)
        expected = int(said[1]) if said else int(bool(mark))
        command = STATUS.sub("", command)
        words = [
            re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], word)
            for word in shlex.split(command)
        ]
        match words:
            case ["throughcare", *arguments]:
                done = self.run(arguments)
                assert done.code == expected, (command, done.said)
                assert "Traceback" not in done.said
                return done.said
            case ["export", assigned]:
                name, _, value = assigned.partition("=")
                self.exported[name.removeprefix("THROUGHCARE_")] = value
                self.variables["NEW_LOG_KEY"] = self.log_key()
            case _:
                assert words[0] in {"cp", "mv", "rm"}, command
                subprocess.run(words, check=True)  # noqa: S603 - what our own page says
        return ""

    def run(self, arguments: list[str]) -> Done:
        """A command in this process; what `serve` would do goes no further than its start."""
        if arguments != ["serve"]:
            return self.invoke_in(self.installation, *arguments, **self.exported)
        try:
            check_installation(self.settings, make_clock(self.settings))
        except NotReady as refused:
            return Done(1, "", str(refused))
        except Exception as refused:  # noqa: BLE001 - what the program says in a sentence
            return Done(1, "", f"{type(refused).__name__}: {refused}")
        self.sign()
        return Done(0, "", "")

    def grow(self, agency_id: str) -> None:
        """Two entries more, and what the sequencer makes of them."""
        house = make_house(self.settings, at=datetime.now(UTC))
        with opened(self.settings) as database:
            database.run_blocking(lambda c: register(c, house, agency_id, "police_local"))
        self.sign()

    def sign(self) -> None:
        """As the sequencer does."""
        house = make_house(self.settings, at=datetime.now(UTC))
        with opened(self.settings) as database:
            note = database.run_blocking(lambda c: sign(c, house))
        checkpoints.write_checkpoint_file(self.settings.checkpoint_file, note)

    def back_up(self) -> None:
        """A backup, sealed to a key that was made before."""
        escrow = Path(self.variables["ESCROW"])
        key = next(sealing_keys())
        write_private_file(escrow, key.to_pem())
        public = Path(f"{escrow}.public.json")
        public.write_text(json.dumps(key.public_jwk()))
        made = self.run(["backup", f"{self.variables['BACKUP']}/made", "--to", str(public)])
        assert made.code == 0, made.said

    def export(self, file: str = "log.ndjson") -> None:
        """What an auditor has fetched."""
        house = make_house(self.settings, at=datetime.now(UTC))
        with opened(self.settings) as database:
            signed = database.read_blocking(checkpoints.latest)
            assert signed is not None
            lines = database.read_blocking(lambda c: list(export(c, signed, keys=house.log_keys())))
        Path(file).write_bytes(b"".join(lines))


def restore_an_older_copy(operator: Operator) -> None:
    """What the first case begins with; an auditor exports in its end."""
    database = Path(operator.variables["DATABASE"])
    older = database.read_bytes()
    operator.grow("police-2")
    shutil.copy(operator.variables["CHECKPOINT"], "last-checkpoint")
    database.write_bytes(older)


def go_on_from_a_backup(operator: Operator) -> None:
    """What is lost was not lost yet; an auditor exported since."""
    operator.back_up()
    operator.grow("police-2")
    operator.export("newest.ndjson")


def lose_the_checkpoint(operator: Operator) -> None:
    """The backup has the newest one."""
    Path(operator.variables["CHECKPOINT"]).unlink()


def nothing(_: Operator) -> None:
    """The commands themselves bring it about."""


CASES: dict[str, Callable[[Operator], None]] = {
    "Before anything is lost": nothing,
    "The database is lost": go_on_from_a_backup,
    "The database was restored from an older copy": restore_an_older_copy,
    "The checkpoint file is lost": lose_the_checkpoint,
    "The log's key is changed in good order": nothing,
    "The log's key is lost": nothing,
    "The log's key is stolen": nothing,
    "A key-encryption key is stolen": nothing,
    "A key-encryption key is lost": nothing,
    "The whole key store is lost": Operator.back_up,
    "The whole key store is stolen": nothing,
}


def test_every_case_with_commands_is_tried() -> None:
    assert list(sections()) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_what_the_runbook_says_to_type_does_what_it_says(
    installation: Installation,
    invoke_in: InvokeIn,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.chdir(installation.folder)
    operator = Operator(installation, invoke_in)
    operator.grow("police-1")
    backup = Path(operator.variables["BACKUP"])
    backup.mkdir()
    shutil.copytree(operator.variables["KEYS"], backup / "keys")
    shutil.copy(operator.variables["CHECKPOINT"], backup)
    CASES[case](operator)
    for command in sections()[case]:
        if " log.ndjson" in command:
            operator.export()
        said = operator.type(command)
        assert " log.ndjson" not in command or "2 entries of that are declared lost" in said
    # Whatever was lost: it starts, and it goes on signing.
    assert operator.run(["serve"]).code == 0
