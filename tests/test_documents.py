"""What the documents name exists: a claim without its test is none."""

import re
from pathlib import Path

import pytest

from app.access_log.export_csv import COLUMNS
from app.access_log.export_fhir import TYPES
from app.access_log.findings import Finding

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`([a-z_]+/test_[a-z_]+\.py|[a-z_]+/forgeries\.py)`")

FUNCTION = re.compile(r"`([a-z_]+/test_[a-z_]+\.py)::(test_[a-z0-9_]+)`")


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


def test_every_test_of_the_table_of_what_is_tried_is_there() -> None:
    named = set(FUNCTION.findall((ROOT / "docs" / "hardening.md").read_text(encoding="utf-8")))
    assert len(named) > 40
    missing = [
        f"{file}::{function}"
        for file, function in named
        if f"def {function}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_the_table_of_operations_is_that_of_the_export() -> None:
    text = (ROOT / "docs" / "audit-records.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| `(\w+)`, (\w) \|", text, re.MULTILINE)
    assert {name: (lifecycle, action) for name, lifecycle, action in rows} == dict(TYPES)
    assert "Columns of CSV: " + ", ".join(f"`{name}`" for name in COLUMNS) == re.sub(
        r" \([^)]*\)", "", text[text.index("Columns of CSV") : text.index(". A cell that")]
    )


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "SECURITY.md",
        "docs/access-log.md",
        "docs/audit-records.md",
        "docs/containers.md",
        "docs/threat-model.md",
    ],
)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_document_of_the_access_log_lists_every_exit_status() -> None:
    text = (ROOT / "docs" / "access-log.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert listed == [
        f"| {int(finding)} | `{finding.name.lower()}` | {finding.meaning} |" for finding in Finding
    ]
