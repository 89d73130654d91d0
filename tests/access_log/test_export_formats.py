"""What a spreadsheet and a reader of FHIR make of an entry, whatever it holds."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from app.access_log.entry import Actor, Grounds
from app.access_log.export_csv import COLUMNS, FORMULAS, csv_head, csv_rows
from app.access_log.export_fhir import OUTCOMES, TYPES, fhir_rows
from app.access_log.export_rows import ExportedEntry
from app.access_log.opened_entry import DAMAGED, OpenedEntry
from app.access_log.sealing import PERSONAL, RETAINED, SealedEntry
from app.access_log.vocabulary import Operation, Outcome
from tests.access_log.conftest import opened

Make = Callable[..., ExportedEntry]


@pytest.fixture
def make(seal: Callable[..., SealedEntry], at: datetime) -> Make:
    """An exported entry; its proof is none."""

    def make(*, erased: bool = False, **changes: object) -> ExportedEntry:
        return ExportedEntry(opened(seal(**changes), 7, erased=erased), at, "a proof")

    return make


def cells(exported: ExportedEntry) -> dict[str, str]:
    text = (csv_head() + csv_rows([exported])).decode()
    [row] = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert tuple(row) == COLUMNS
    return row


def event(exported: ExportedEntry, origin: str) -> dict[str, Any]:
    [line] = fhir_rows([exported], origin=origin).splitlines()
    AuditEvent.model_validate_json(line)
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_row_says_who_what_when_and_why(make: Make) -> None:
    fields = {
        "released": [{"field": "identity.full_name", "form": "full", "policies": ["p"]}],
        "withheld": [{"field": "health.risk", "reason": "not_for_this_role"}],
        "reason": "explained",
    }
    row = cells(make(fields=fields))
    assert (row["index"], row["operation"], row["person"]) == ("7", "disclosure", "person-1")
    assert (row["agency"], row["purpose"]) == ("agency-1", "release_preparation")
    assert row["released"] == "identity.full_name:full"
    assert row["withheld"] == "health.risk:not_for_this_role"
    assert json.loads(row["details"]) == {"reason": "explained"}
    assert cells(make(fields={"released": 3}))["details"] == '{"released":3}'


@pytest.mark.parametrize("beginning", FORMULAS)
def test_no_cell_is_a_formula(make: Make, beginning: str) -> None:
    name = f'{beginning}HYPERLINK("https://x.example";"y")'
    row = cells(make(actor=Actor(agency=name, officer="o"), grounds=Grounds(case=name)))
    assert row["agency"] == row["case"] == f"'{name}"


def test_what_has_commas_quotes_and_lines_stays_one_cell(make: Make) -> None:
    name = 'a, "b"\r\nc'
    exported = make(grounds=Grounds(justification=name))
    assert cells(exported)["justification"] == name
    assert csv_rows([exported]).endswith(b"\r\n")


def test_what_was_erased_is_empty_and_named(make: Make) -> None:
    row = cells(make(erased=True))
    assert (row["person"], row["released"], row["payload"]) == ("", "", "")
    assert json.loads(row["missing"]) == {PERSONAL: "erased"}
    assert row["agency"] == "agency-1"


def test_every_operation_and_outcome_has_its_place_in_fhir(make: Make, origin: str) -> None:
    assert set(TYPES) == set(Operation)
    assert set(OUTCOMES) == set(Outcome)
    for operation in Operation:
        read = event(make(operation=operation), origin)
        assert read["subtype"][0]["code"] == operation
        assert (read["type"]["code"], read["action"]) == TYPES[operation]
    for outcome in Outcome:
        read = event(make(outcome=outcome), origin)
        assert (read["outcome"], read["outcomeDesc"]) == (OUTCOMES[outcome], outcome)


def test_an_audit_event_names_officer_agency_person_and_purpose(make: Make, origin: str) -> None:
    actor = Actor(agency="welfare", client="welfare-1", officer="o-1", name="N", function="clerk")
    read = event(make(actor=actor, fields={"reason": ""}), origin)
    assert [
        (one["who"]["identifier"]["system"], one["who"]["identifier"]["value"], one["requestor"])
        for one in read["agent"]
    ] == [
        ("urn:throughcare:officer", "o-1", True),
        ("urn:throughcare:client", "welfare-1", False),
        ("urn:throughcare:agency", "welfare", False),
    ]
    assert read["agent"][0]["role"] == [{"text": "clerk"}]
    assert read["entity"][0]["what"]["identifier"]["value"] == "person-1"
    assert {one["coding"][0]["code"] for one in read["purposeOfEvent"]} == {
        "release_preparation",
        "basis-1",
    }
    assert read["source"]["observer"]["identifier"]["value"] == origin
    assert event(make(actor=Actor(), person=None), origin)["agent"][0]["requestor"]


@pytest.mark.parametrize(
    ("stated", "codes"),
    [("K  12/2026", ["K 12/2026"]), (" Law 1\n", ["Law 1"]), ("\u2003", [])],
)
def test_what_an_agency_states_with_odd_spaces_is_a_code_all_the_same(
    make: Make, origin: str, stated: str, codes: list[str]
) -> None:
    read = event(make(grounds=Grounds(case=stated)), origin)
    purposes = read.get("purposeOfEvent", [])
    assert [coding["code"] for one in purposes for coding in one["coding"]] == codes


def test_an_entry_of_which_nothing_opens_is_an_audit_event_all_the_same(
    origin: str, at: datetime
) -> None:
    missing = {RETAINED: DAMAGED, PERSONAL: DAMAGED}
    lost = OpenedEntry(index=1, id="0" * 32, leaf=b"", openings={}, missing=missing)
    read = event(ExportedEntry(lost, at, "a proof"), origin)
    assert read["recorded"].startswith("2026-03-02T08:30:00")
    told = [one["valueString"] for one in read["extension"] if "valueString" in one]
    assert told == ["retained: damaged", "personal: damaged"]
    assert cells(ExportedEntry(lost, at, "a proof"))["operation"] == ""
