"""`throughcare report`: as a table, as JSON, as CSV, and as a picture that is well-formed."""

import csv
import io
from pathlib import Path
from xml.dom.minidom import Document, parseString

from app.cli.lead_time_picture import picture
from app.releases.lead_time import Notice, report
from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke

NOTICE = Notice(
    role="police_local",
    establishment="prison & yard",
    target_days=30,
    lead_days=12,
    known_days=180,
    reachable_days=180,
)


def parse(text: str) -> Document:
    return parseString(text)  # noqa: S318 - our own picture


def elements(drawn: Document, name: str) -> int:
    return len(drawn.getElementsByTagName(name))


def test_an_installation_without_releases_has_an_empty_report(
    installation: Installation, invoke: Invoke
) -> None:
    drawn = installation.folder / "lead.svg"
    found = invoke(
        "report", "lead-time", "--since", "2026-01-01", "--until", "2026-12-31", "--json"
    )
    assert found.json == {
        "since": "2026-01-01",
        "until": "2026-12-31",
        "profile": "XK",
        "rows": [],
        "establishments": [],
        "suppressed": 0,
    }
    assert "0 groups" in invoke("report", "lead-time", "--picture", str(drawn)).out
    assert elements(parse(drawn.read_text()), "svg") == 1
    header = next(csv.reader(io.StringIO(invoke("report", "lead-time", "--csv").out)))
    assert header[:3] == ["role", "establishment", "recipients"]


def test_days_in_the_wrong_order_are_refused(invoke: Invoke) -> None:
    done = invoke("report", "lead-time", "--since", "2026-02-01", "--until", "2026-01-01")
    assert done.code == 1
    assert "first day" in done.err


def test_a_persons_own_report_needs_an_ending_that_says_what_it_is(invoke: Invoke) -> None:
    done = invoke("report", "person", "P-1", "--as", "agency.toml", "--to", "report.doc")
    assert done.code == 1
    assert ".pdf .txt .json" in done.err


def test_a_persons_own_report_takes_no_other_files_place(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(b"mine")
    done = invoke("report", "person", "P-1", "--as", "agency.toml", "--to", str(file))
    assert done.code == 1
    assert done.err == f"throughcare: {file}: expected a file that is not there yet\n"
    assert file.read_bytes() == b"mine"


def test_a_picture_has_a_bar_for_each_group() -> None:
    drawn = parse(picture(report([NOTICE] * 10, [])))
    assert elements(drawn, "rect") == 1
    assert "prison &amp; yard (10)" in drawn.toxml()
