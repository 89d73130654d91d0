"""What the documents name exists: a claim without its test is none."""

import json
import re
from pathlib import Path

import pytest

from app.access_log.export_csv import COLUMNS
from app.access_log.export_fhir import TYPES
from app.access_log.findings import Finding
from app.api.models import NewConsent, Replay
from app.files.catalogue import FIELDS, Field
from app.imports import shipped
from app.imports.mapping import Mapping
from app.imports.outcomes import Converted, RowError
from app.imports.rows import convert
from app.imports.targets import members_of
from app.monitoring.page import ALERTS, BUILD, PRESENT
from app.monitoring.readings import READINGS
from app.telemetry.measures import MEASURES

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
        "docs/capacity.md",
        "docs/performance.md",
        "docs/performance-profile.md",
        "docs/hardening.md",
        "docs/imports.md",
        "docs/onboarding.md",
        "docs/operation.md",
        "docs/policy-activation.md",
        "docs/processes.md",
        "docs/runbook.md",
        "docs/containers.md",
        "docs/threat-model.md",
    ],
)
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "docs/onboarding.md"])
def test_every_client_that_a_document_makes_knows_the_key_of_the_log(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", "")
    made = re.findall(r"^ *throughcare client new .*$", text, re.MULTILINE)
    assert made
    assert [line for line in made if '--log-key "$LOG_KEY"' not in line] == []


def test_the_document_of_the_access_log_lists_every_exit_status() -> None:
    text = (ROOT / "docs" / "access-log.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert listed == [
        f"| {int(finding)} | `{finding.name.lower()}` | {finding.meaning} |" for finding in Finding
    ]


def test_the_document_of_imports_lists_every_field_with_its_owner_and_members() -> None:
    text = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if re.match(r"\| `\w+\.\w+` \|", line)]
    assert listed == [
        f"| `{path}` | {field.owner_role} | {_value_in_words(field)} |"
        for path, field in FIELDS.items()
    ]


def _value_in_words(field: Field) -> str:
    """The kind of a field's values, with their members; those that may be missing in brackets."""
    members = [
        name if one.is_required() else f"({name})" for name, one in members_of(field.path).items()
    ]
    return field.kind.name + (": " + ", ".join(members) if members else "")


def test_the_mapping_of_the_document_of_imports_takes_its_register() -> None:
    text = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^```(csv|toml)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    mapping = Mapping.from_toml(blocks["toml"])
    assert all(f"`{name}`" in text for name in shipped.names())
    taken = list(convert(blocks["csv"].encode().splitlines(keepends=True), mapping))
    assert [type(one) for one in taken] == [Converted, Converted]
    spoilt = blocks["csv"].replace("01.02.2027,Peja", "soon,Peja town")
    _, refused = convert(spoilt.encode().splitlines(keepends=True), mapping)
    assert isinstance(refused, RowError)
    assert f"  line {refused.line}: {refused.message}\n" in text


def test_the_bodies_that_the_readme_sends_fit_the_interface() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    bodies = dict(re.findall(r"call POST (\S+) --as (?:(?!call )[^'])*--body '(\{[^']*\})'", text))
    assert NewConsent.model_validate_json(bodies["/v1/consents"])
    assert Replay.model_validate_json(bodies["/v1/subscriptions/SUBSCRIPTION_ID/replay"])


def test_what_the_documents_write_into_the_checkout_is_ignored() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    folder = {"agency.toml", "jwks.json", "client.json", "officer.json"}
    assert {
        "/*.ndjson",
        "/*.csv",
        "/*.pdf",
        "*.backup",
        "*.public.json",
        "/installation",
        *folder,
    } <= set(ignored)


def test_the_document_of_operation_explains_every_measure_and_no_other() -> None:
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    listed = {
        name: set(re.findall(r"`(\w+)`", unit))
        for name, unit in re.findall(r"^\| `(throughcare_\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    }
    counted = {family.name: family for family in MEASURES.collect()}
    own = {
        f"{name}_total" if family.type == "counter" else name: {
            label for sample in family.samples for label in sample.labels
        }
        - {"le"}
        for name, family in counted.items()
    }
    read = {
        f"{name}_total" if name == ALERTS else name: set(reading.labels)
        for name, reading in READINGS.items()
    }
    # Of requests there is no sample before the first.
    own["throughcare_request_seconds"] = {"route", "method", "status"}
    build = {f"{BUILD}_info": {"version", "policy", "process"}}
    assert listed == own | read | {name: set[str]() for name in PRESENT} | build


def test_what_the_document_of_operation_has_one_ask_instead_is_in_the_contract() -> None:
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    section = text[text.index("## Asking while it runs") : text.index("## Traces")]
    asked = {
        path.replace("ID", "{subscription_id}") for path in re.findall(r"GET (/\S+?)[ `]", section)
    }
    contract = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    assert len(asked) == 6
    assert [path for path in asked if "get" not in contract["paths"].get(path, {})] == []


def test_every_rule_of_the_document_of_operation_is_about_a_measure_that_there_is() -> None:
    text = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    rules = text[text.index("groups:") : text.index("## Traces")]
    named = {name.removesuffix("_count") for name in re.findall(r"throughcare_\w+", rules)}
    assert len(named) > 5
    assert [name for name in named if f"| `{name}` |" not in text] == []
