"""The command as a whole: every word explained, every known error one sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from app.access_log.note import Verifier
from app.cli import HEADINGS, PARTS
from app.cli import commands as built
from app.crypto.log_signing import LogSigningKey
from tests.cli.command_line import Done, Installation
from tests.cli.conftest import Invoke, InvokeIn

VKEY = Verifier.of("log.example", LogSigningKey.from_seed(bytes(32))).to_vkey()
# The names are fixed; those of later capabilities are not here yet.
NAMES = {
    "demo", "serve", "dispatch", "sequence", "init", "agency", "client", "officer", "subscription",
    "import", "policy", "access-log", "receive", "keys", "retention", "coverage", "report", "bench",
    "call", "feed", "inbox", "pack", "alerts", "backup", "backup-key", "restore",
}  # fmt: skip
# These go on until they are stopped, show a table, or print what the service answered.
WITHOUT_REPORT = {"serve", "dispatch", "sequence", "receive", "demo", "call"}


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Every command that can be given, with its words."""
    waiting: list[tuple[str, object]] = [("", typer.main.get_command(built()))]
    while waiting:
        words, found = waiting.pop()
        if isinstance(found, TyperGroup):
            waiting += [(f"{words} {name}".strip(), one) for name, one in found.commands.items()]
        else:
            assert isinstance(found, TyperCommand)
            yield words, found


COMMANDS = dict(sorted(commands()))


def assert_one_sentence(done: Done, *expected: str) -> None:
    """A refusal: told on the error output, without a traceback, with a status of its own."""
    assert done.code == 1, done.said
    assert done.err.startswith("throughcare: ")
    assert done.out == ""
    assert "Traceback" not in done.err
    for text in expected:
        assert text in done.err


@pytest.mark.parametrize("part", PARTS)
def test_a_command_loads_its_own_part_and_finds_itself_in_it(part: str) -> None:
    for word in PARTS[part]:
        alone = typer.main.get_command(built(word))
        assert isinstance(alone, TyperGroup)
        assert set(alone.commands) == set(PARTS[part])
    everything = typer.main.get_command(built("no such command"))
    assert isinstance(everything, TyperGroup)
    assert set(everything.commands) == {word for words in PARTS.values() for word in words}


def test_the_overview_lists_every_part_under_one_heading() -> None:
    assert sorted(part for parts in HEADINGS.values() for part in parts) == sorted(PARTS)


def test_the_commands_are_among_the_names_that_are_fixed() -> None:
    assert {words.split()[0] for words in COMMANDS} <= NAMES


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_and_each_of_its_words_is_explained(words: str, invoke: Invoke) -> None:
    command = COMMANDS[words]
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, (TyperArgument, TyperOption))
        assert parameter.help, parameter.name
    done = invoke(*words.split(), "--help")
    assert done.code == 0
    assert "Usage" in done.out
    for option in command.params:
        if isinstance(option, TyperOption):
            assert option.opts[0] in done.out


@pytest.mark.parametrize("words", sorted(set(COMMANDS) - WITHOUT_REPORT))
def test_whatever_reports_can_report_as_json(words: str) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[words].params)


@pytest.mark.parametrize("words", ["", "agency", "client", "officer", "policy", "access-log"])
def test_a_word_too_few_shows_what_there_is(words: str, invoke: Invoke) -> None:
    done = invoke(*words.split())
    assert "Usage" in done.said
    assert "Traceback" not in done.said


@pytest.mark.parametrize("arguments", [("nothing",), ("init", "--colour"), ("agency", "add")])
def test_a_wrong_word_is_a_usage_error(arguments: tuple[str, ...], invoke: Invoke) -> None:
    done = invoke(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.said


def test_a_bad_setting_is_named_and_not_repeated(
    installation: Installation, invoke_in: InvokeIn
) -> None:
    done = invoke_in(installation, "init", DATABASE_URL="mysql://service:planted@db/x", PRT="80")
    assert_one_sentence(done, "THROUGHCARE_DATABASE_URL", "THROUGHCARE_PRT")
    # Once: a finding that stands in the sentence is not listed below it.
    assert done.err.count("THROUGHCARE_PRT") == 1
    assert "planted" not in done.said


def test_a_key_that_is_none_is_told_by_its_option(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("access-log", "verify", str(tmp_path), "--key", "a+b+c")
    assert_one_sentence(done, "--key")


def test_a_file_that_is_not_there_is_named(invoke: Invoke, tmp_path: Path) -> None:
    missing = tmp_path / "missing.ndjson"
    done = invoke("access-log", "verify", str(missing), "--key", VKEY)
    assert_one_sentence(done, str(missing))


def test_a_folder_where_a_file_is_wanted_is_named(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("access-log", "verify", str(tmp_path), "--key", VKEY)
    assert_one_sentence(done, str(tmp_path))


def test_a_file_that_is_not_text_is_told(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff\xfe")
    done = invoke(
        "import", str(file), "--mapping", str(file), "--as", str(tmp_path / "agency.toml")
    )
    assert_one_sentence(done, "UTF-8")
