"""`throughcare call`: the interface from a terminal."""

import json
from pathlib import Path

import pytest

from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke
from tests.throughcare_receiver.test_evidence import VKEY


@pytest.fixture
def prison(service: Installation) -> str:
    return str(service.folder / "prison-1" / "agency.toml")


def test_an_answer_is_printed_as_json(invoke: Invoke, prison: str) -> None:
    done = invoke("call", "get", "/v1/cases", "--as", prison)
    assert done.code == 0
    assert set(done.json) == {"cases", "next"}


def test_a_body_comes_from_the_command_or_from_a_file(
    invoke: Invoke, prison: str, tmp_path: Path
) -> None:
    sections = json.dumps({"sections": {}})
    file = tmp_path / "file.json"
    file.write_text(sections)
    path = "/v1/inmate-files/CALL-1"
    assert invoke("call", "PUT", path, "--as", prison, "--body", sections).code == 0
    shown = invoke("call", "GET", path, "--as", prison, "--include")
    (tag,) = [line.split(": ")[1] for line in shown.err.splitlines() if line.startswith("etag:")]
    again = invoke(
        *("call", "PUT", path, "--as", prison, "--body", f"@{file}"),
        *("--header", f"If-Match: {tag}"),
    )
    assert again.code == 0, again.err
    assert invoke("call", "GET", path, "--as", prison).json["reference"] == "CALL-1"


def test_a_refusal_is_one_sentence_with_its_findings(invoke: Invoke, prison: str) -> None:
    body = '{"sections": {"identity": {"sex_gender": {"value": "nonsense"}}}}'
    done = invoke("call", "PUT", "/v1/inmate-files/CALL-2", "--as", prison, "--body", body)
    assert done.code == 1
    assert done.out == ""
    assert "422" in done.err
    assert "/sections/identity/sex_gender" in done.err
    assert "nonsense" not in done.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("FETCH", "/v1/cases"), "GET, POST"),
        (("GET", "v1/cases"), "slash"),
        (("GET", "/v1/cases", "--header", "If-Match"), "NAME: VALUE"),
    ],
)
def test_a_mistake_is_told(
    invoke: Invoke, prison: str, arguments: tuple[str, ...], expected: str
) -> None:
    done = invoke("call", *arguments, "--as", prison)
    assert done.code == 1
    assert expected in done.err


def test_an_answer_that_is_no_json_comes_as_it_is(invoke: Invoke, prison: str) -> None:
    done = invoke("call", "GET", "/log/checkpoint", "--as", prison)
    assert done.out.startswith("throughcare.example/access-log\n")


def test_without_the_key_of_the_log_a_warning_says_that_receipts_are_not_checked(
    invoke: Invoke, prison: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, body = "/v1/inmate-files/CALL-3", json.dumps({"sections": {}})
    assert invoke("call", "PUT", path, "--as", prison, "--body", body).code == 0
    caplog.clear()
    assert invoke("call", "GET", path, "--as", prison).code == 0
    assert [one.levelname for one in caplog.records if "log_key" in one.message] == ["WARNING"]


def test_a_wrong_key_of_the_log_is_named_with_its_file(invoke: Invoke, prison: str) -> None:
    path, body = "/v1/inmate-files/CALL-4", json.dumps({"sections": {}})
    assert invoke("call", "PUT", path, "--as", prison, "--body", body).code == 0
    strict = Path(prison).with_name("strict.toml")
    strict.write_text(f'{Path(prison).read_text()}log_key = "{VKEY}"\n')
    done = invoke("call", "GET", path, "--as", str(strict))
    assert (done.code, done.out) == (1, "")
    assert f"{strict}: log_key ({'+'.join(VKEY.split('+')[:2])})" in done.err
    assert "no key that we know" in done.err


@pytest.mark.parametrize(("command", "setting"), [("receive", "endpoint"), ("call", "log_key")])
def test_the_help_names_the_setting_of_the_configuration_that_decides(
    invoke: Invoke, command: str, setting: str
) -> None:
    assert setting in invoke(command, "--help").out


def test_a_language_that_no_report_is_in_is_refused_with_those_that_are(
    invoke: Invoke, prison: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.txt"
    asked = ("report", "person", "OWN-1", "--as", prison, "--to", str(file))
    done = invoke(*asked, "--language", "xx")
    assert (done.code, file.exists()) == (1, False)
    assert "expected a language of: en " in done.err


def test_a_persons_own_report_is_written_as_the_ending_says(
    invoke: Invoke, prison: str, tmp_path: Path
) -> None:
    body = json.dumps({"sections": {}})
    assert invoke("call", "PUT", "/v1/inmate-files/OWN-1", "--as", prison, "--body", body).code == 0
    begins = {".pdf": b"%PDF-", ".txt": "добио податке".encode(), ".json": b"{"}
    for ending, begin in begins.items():
        file = tmp_path / f"report{ending}"
        asked = ("report", "person", "OWN-1", "--as", prison, "--to", str(file))
        done = invoke(*asked, "--language", "sr", "--json")
        assert done.code == 0, done.said
        assert done.json == {"file": str(file), "bytes": file.stat().st_size, "language": "sr"}
        assert begin in file.read_bytes()[:100]
        assert file.stat().st_mode & 0o077 == 0
