"""`throughcare call`: the interface from a terminal."""

import json
from pathlib import Path

import pytest

from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke


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
