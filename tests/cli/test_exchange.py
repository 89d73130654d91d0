"""`throughcare import` against a running service: an answer for every row, with its line."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.audit.read_log import whole_log
from app.cases import references
from app.cli import exchange
from app.crypto.key_ring import KeyRing
from app.files.catalogue import FIELDS
from app.imports.outcomes import ROWS_REFUSED
from app.main import log_verifier, make_clock, make_house, opened
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.private_files import write_private_file
from tests.cli.command_line import Done, Installation
from tests.cli.conftest import Invoke, InvokeIn
from tests.notifications.mailroom import wait_until
from tests.world import sealing_keys

Import = Callable[..., Done]

MAPPING = """
format = "csv"
reference = "number"

[fields."release.planned_release_date"]
column = "release"
conversion = "date"
format = "%d.%m.%Y"
required = true
"""
CSV = """number,release
C-1,01.09.2029
C-2,
C-3,31.02.2029
C-4,02.09.2029
C-1,03.09.2029
"""


def row(reference: str, **fields: object) -> str:
    """A line of the native format."""
    sections = {"release": {name: {"value": value} for name, value in fields.items()}}
    return json.dumps({"reference": reference, "sections": sections})


def configuration(service: Installation, agency_id: str = "prison-1") -> Path:
    """The configuration of an agency's client."""
    return service.folder / agency_id / "agency.toml"


@pytest.fixture
def imported(service: Installation, at_service: Invoke) -> Import:
    """Import a file as the prison."""

    def run(file: Path, *more: str, mapping: str = "native") -> Done:
        prison = str(configuration(service))
        return at_service("import", str(file), "--mapping", mapping, "--as", prison, *more)

    return run


def answers_in(file: Path) -> list[dict[str, Any]]:
    """The answers that were written, one for each row."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def read(service: Installation, reference: str) -> dict[str, Any]:
    """What the prison has under a reference."""
    with AgencyClient(AgencyConfiguration.from_file(configuration(service))) as client:
        return client.read_file(reference)


def test_every_row_of_a_table_gets_its_answer_with_its_line(
    service: Installation, imported: Import, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    done = imported(
        tmp_path / "rows.csv", "--answers", str(tmp_path / "answers"), "--json",
        mapping=str(tmp_path / "mapping.toml"),
    )  # fmt: skip
    assert done.code == ROWS_REFUSED, done.said
    result = done.json
    assert (result["created"], result["refused"]) == (2, 3)
    assert [one["line"] for one in result["rows_refused"]] == [3, 4, 6]
    answers = answers_in(tmp_path / "answers")
    assert [(one["line"], one["status"]) for one in answers] == [
        (2, "created"),
        (3, "refused"),
        (4, "refused"),
        (5, "created"),
        (6, "refused"),
    ]
    assert all("release" in one["detail"] for one in answers[1:3])
    assert "number" in answers[4]["detail"]
    view = read(service, "C-4")["released"]["release"]["planned_release_date"]
    assert view["value"] == "2029-09-02"


def test_the_register_of_the_document_of_imports_is_taken_with_its_names(
    service: Installation, imported: Import, tmp_path: Path
) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "imports.md").read_text("utf-8")
    for kind in ("csv", "toml"):
        (tmp_path / kind).write_text(page.partition(f"```{kind}\n")[2].partition("```")[0])
    done = imported(tmp_path / "csv", "--json", mapping=str(tmp_path / "toml"))
    assert (done.code, done.json) == (0, {"created": 2, "rows_refused": []}), done.said
    released = read(service, "K-17")["released"]
    assert released["identity"]["full_name"]["value"] == {
        "family": "Example",
        "given": ["First", "Second"],
    }
    language = released["residence_contact"]["preferred_language"]["value"]
    assert language == {"language": "sq", "interpreter_needed": False}


def test_a_file_of_another_format_is_refused_once(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    done = imported(tmp_path / "rows.csv")
    assert done.code == 1
    said = "throughcare: line 1: This is no NDJSON: expected one JSON object a line"
    assert done.err.strip() == said


def test_refusals_of_the_service_keep_the_line_of_the_file(
    imported: Import, tmp_path: Path
) -> None:
    lines = [
        row("N-1", planned_release_date="2029-09-01"),
        "",
        row("N-2", planned_release_date="soon"),
        row("N-3", shoe_size=44),
        "no JSON",
        row("N-4", planned_release_date="2029-09-02"),
        '{"reference": "N-5", "sections": {}, "sections": {}}',
        row("bad reference!", planned_release_date="2029-09-01"),
    ]
    file = tmp_path / "rows.ndjson"
    file.write_text("\n".join(lines) + "\n")
    done = imported(file, "--answers", str(tmp_path / "answers"))
    assert done.code == ROWS_REFUSED, done.said
    status = {one["line"]: one["status"] for one in answers_in(tmp_path / "answers")}
    refused = [3, 4, 5, 7, 8]
    assert status == {1: "created", 6: "created", **dict.fromkeys(refused, "refused")}
    assert "created: 2" in done.out
    assert "refused: 5" in done.out
    for line in refused:
        assert f"line {line}: " in done.out
    # What is wrong is named, what was sent is not repeated.
    assert "planned_release_date" in done.out
    for sent in ("soon", "44", "bad reference!", "N-2"):
        assert sent not in done.said


def test_a_second_import_changes_what_changed(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    rows = [row(f"S-{number}", planned_release_date="2029-09-01") for number in range(3)]
    file.write_text("\n".join(rows))
    assert imported(file, "--json").json == {"created": 3, "rows_refused": []}
    rows[1] = row("S-1", planned_release_date="2029-10-01")
    file.write_text("\n".join(rows))
    assert imported(file, "--json").json == {
        "changed": 1,
        "unchanged": 2,
        "rows_refused": [],
    }


def test_an_import_of_more_rows_than_one_call_takes(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    count = exchange.ROWS + 5
    rows = [row(f"M-{number}", planned_release_date="2029-09-01") for number in range(count)]
    rows[exchange.ROWS + 1] = "broken"
    file.write_text("\n".join(rows))
    done = imported(file, "--json")
    assert done.json["created"] == count - 1
    assert [one["line"] for one in done.json["rows_refused"]] == [exchange.ROWS + 2]


def test_a_row_that_is_too_long_is_refused_and_the_others_are_answered(
    imported: Import, tmp_path: Path
) -> None:
    file = tmp_path / "rows.ndjson"
    lines = [
        row("L-1", planned_release_date="2029-09-01"),
        row("L-2", planned_release_date="x" * (exchange.LARGEST_ROW + 1)),
        row("L-3", planned_release_date="2029-09-01"),
    ]
    file.write_text("\n".join(lines))
    done = imported(file, "--json")
    assert done.code == ROWS_REFUSED, done.said
    assert done.json["created"] == 2
    assert [one["line"] for one in done.json["rows_refused"]] == [2]


def assert_one_sentence(done: Done, *expected: str) -> None:
    """A refusal without a traceback."""
    assert done.code == 1, done.said
    assert "throughcare: " in done.err
    assert "Traceback" not in done.said
    for text in expected:
        assert text in done.err


def test_what_keeps_the_whole_file_from_being_imported_is_one_sentence(
    imported: Import, at_service: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("other,columns\n1,2\n")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)
    assert_one_sentence(imported(file, mapping=str(mapping)), "line 1")
    assert_one_sentence(imported(file, mapping="no-such-mapping"), "no-such-mapping")
    mapping.write_text("format = 7")
    assert_one_sentence(imported(file, mapping=str(mapping)))
    assert_one_sentence(imported(tmp_path / "missing.csv"), "missing.csv")
    (tmp_path / "empty.ndjson").write_text("")
    assert_one_sentence(imported(tmp_path / "empty.ndjson"), "line 1")
    done = at_service("import", str(file), "--mapping", "native", "--as", str(tmp_path / "none"))
    assert_one_sentence(done, "none")


def test_a_service_that_is_not_there_is_one_sentence(
    installation: Installation, invoke: Invoke, tmp_path: Path
) -> None:
    made = installation.equip("prison-1", "correctional_service")
    file = tmp_path / "rows.ndjson"
    file.write_text(row("A-1", planned_release_date="2029-09-01"))
    done = invoke("import", str(file), "--mapping", "native", "--as", str(made.path))
    assert_one_sentence(done)


def test_an_agency_that_may_not_write_gets_a_refusal_for_each_row(
    service: Installation, at_service: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "rows.ndjson"
    file.write_text(row("A-1", planned_release_date="2029-09-01"))
    auditor = str(configuration(service, "auditor-1"))
    done = at_service("import", str(file), "--mapping", "native", "--as", auditor, "--json")
    assert done.code == ROWS_REFUSED, done.said
    assert [one["line"] for one in done.json["rows_refused"]] == [1]


def test_portions_are_as_long_as_they_are_said_to_be() -> None:
    rows: Any = iter(range(2 * exchange.ROWS + 1))
    portions = list(exchange._portions(rows))  # noqa: SLF001 - how calls are cut
    assert [len(portion) for portion in portions] == [exchange.ROWS, exchange.ROWS, 1]


@pytest.mark.parametrize("path", ["release.planned_release_date"])
def test_the_field_that_these_tests_import_is_in_the_catalogue(path: str) -> None:
    assert path in FIELDS


@contextmanager
def at_work(service: Installation, seen: list[str]) -> Iterator[None]:
    """The prison puts in a file after the other and reads it; `seen` are those that it has read."""
    over = threading.Event()

    def put_and_read() -> None:
        with AgencyClient(AgencyConfiguration.from_file(configuration(service))) as client:
            for number in count():
                if over.is_set():
                    return
                body = {"sections": {"release": {"planned_release_date": {"value": "2029-09-01"}}}}
                client.request("PUT", f"/v1/inmate-files/W-{number}", json=body)
                client.read_file(f"W-{number}")
                seen.append(f"W-{number}")

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(put_and_read)
        try:
            yield
        finally:
            over.set()
            working.result()


def test_a_backup_beside_the_service_has_every_answer_that_was_given_before(
    service: Installation, at_service: Invoke, invoke_in: InvokeIn, tmp_path: Path
) -> None:
    key = next(sealing_keys())
    (tmp_path / "public").write_text(json.dumps(key.public_jwk()))
    write_private_file(tmp_path / "private", key.to_pem())
    file, seen = tmp_path / "backup", list[str]()
    with at_work(service, seen):
        wait_until(lambda: len(seen) > 1)
        before = len(seen)
        assert at_service("backup", str(file), "--to", f"{tmp_path}/public").code == 0
        wait_until(lambda: len(seen) > before + 1)
    elsewhere = Installation.planned(tmp_path)
    settings = elsewhere.settings
    vkey = log_verifier(settings, KeyRing.load(service.settings.key_directory)).to_vkey()
    restored = invoke_in(
        elsewhere,
        *("restore", str(file), "--key", f"{tmp_path}/private", "--log-key", vkey, "--newest"),
        "--json",
    )
    assert restored.json["starts"], restored.said
    house = make_house(settings, at=make_clock(settings)())
    with opened(settings) as database:
        (tmp_path / "log").write_bytes(database.read_blocking(lambda c: whole_log(c, house)))
        kept = [
            database.read_blocking(
                partial(references.find, ring=house.ring, agency_id="prison-1", reference=one)
            )
            for one in seen
        ]
    assert None not in kept[:before]
    assert None in kept
    verify = ("access-log", "verify", str(tmp_path / "log"), "--key", vkey)
    sound = invoke_in(elsewhere, *verify, "--checkpoint", str(settings.checkpoint_file))
    assert sound.code == 0, sound.said
