import json
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from app.files import values
from app.files.catalogue import FIELDS, SECTIONS, Field
from app.files.models import (
    SECTION_MODELS,
    InmateFileSubmission,
    ReleasedSections,
    parse_changes,
    parse_section,
    parse_submission,
)
from app.problems import InvalidInput

every_field = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
CANARY = "Zzcanary Qqname"


def refused(content: object) -> dict[str, str]:
    """The findings about a submission, message by pointer; nothing that was sent is in them."""
    with pytest.raises(InvalidInput) as error:
        parse_submission(content)
    assert CANARY not in f"{error.value.detail} {error.value.errors}"
    return {finding.pointer: finding.message for finding in error.value.errors}


def submission(path: str, value: object, **envelope: object) -> dict[str, Any]:
    section, name = path.split(".")
    return {"sections": {section: {name: {"value": value, **envelope}}}}


@every_field
def test_every_field_takes_its_values_and_gives_them_back(field: Field) -> None:
    for seed in range(20):
        value = field.kind.sample(Random(seed))  # noqa: S311 - a test value
        stored = parse_submission(json.loads(json.dumps(submission(field.path, value))))
        assert stored == {
            field.section: {field.name: {"value": value, "nature": field.nature.value}}
        }


@every_field
@pytest.mark.parametrize("value", [None, float("nan"), 1.5, {"x": 1}, [[1]], "\u202e\x00", 10**30])
def test_no_field_takes_a_value_of_another_type(field: Field, value: object) -> None:
    pointers = refused(submission(field.path, value))
    assert all(p.startswith(f"/sections/{field.section}/{field.name}/value") for p in pointers)


def test_the_schema_names_every_section_and_field() -> None:
    for model in (InmateFileSubmission, ReleasedSections):
        definitions = model.model_json_schema()["$defs"]
        assert all(f"{_title(f.section)}" in " ".join(definitions) for f in FIELDS.values())
    for section in SECTIONS.values():
        schema = SECTION_MODELS[section.name].model_json_schema()
        assert list(schema["properties"]) == list(section.fields)
        assert schema["additionalProperties"] is False


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_the_schema_describes_a_field_and_its_codes() -> None:
    definitions = SECTION_MODELS["sentence"].model_json_schema()["$defs"]
    envelope = definitions["SentenceLegalStatusEnvelope"]
    assert envelope["properties"]["value"]["enum"] == [
        "untried",
        "sentenced_not_final",
        "sentenced",
        "other",
    ]
    assert envelope["properties"]["value"]["title"] == "Legal status"
    assert "SPACE I" in envelope["description"]


def test_an_unknown_section_is_named() -> None:
    assert refused({"sections": {"shoes": {}}}) == {
        "/sections/shoes": "Not a member that the catalogue knows"
    }


def test_an_unknown_field_is_named() -> None:
    assert list(refused(submission("identity.ethnicity", "x"))) == ["/sections/identity/ethnicity"]


def test_an_unknown_member_that_looks_like_data_is_not_repeated() -> None:
    content = {"sections": {"identity": {CANARY: {"value": CANARY}}}}
    assert list(refused(content)) == ["/sections/identity"]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("name", ["ethnicity", "political_opinion", "photograph", "risk_score"])
def test_what_is_absent_by_design_cannot_be_stored(section: str, name: str) -> None:
    assert list(refused(submission(f"{section}.{name}", CANARY))) == [f"/sections/{section}/{name}"]


@pytest.mark.parametrize("content", [None, [], "x", 1, CANARY, {"sections": None}, {}])
def test_what_is_no_inmate_file_is_refused(content: object) -> None:
    assert refused(content)


def test_a_wrong_type_is_refused() -> None:
    findings = refused(submission("children.children_count", "2"))
    assert findings == {"/sections/children/children_count/value": "Expected a whole number"}
    assert refused(submission("health.medication_continuity_need", 1))
    assert refused(submission("children.children_count", True))


def test_a_bad_date_is_refused() -> None:
    findings = refused(submission("release.planned_release_date", "2027-02-30"))
    assert findings == {
        "/sections/release/planned_release_date/value": (
            "Expected a date YYYY-MM-DD of the years 1900 to 2199"
        )
    }


def test_a_bad_part_of_a_value_is_pointed_at() -> None:
    name = {"family": f"{CANARY}\u202e", "given": ["Arben", "a" * 101]}
    assert list(refused(submission("identity.full_name", name))) == [
        "/sections/identity/full_name/value/family",
        "/sections/identity/full_name/value/given/1",
    ]


def test_a_text_beyond_its_length_is_refused() -> None:
    assert parse_submission(submission("custody.conduct_summary", "a" * 600))
    assert refused(submission("custody.conduct_summary", CANARY * 50)) == {
        "/sections/custody/conduct_summary/value": "Expected at most 600 characters"
    }


def test_a_list_beyond_its_length_is_refused() -> None:
    articles = [f"XK-CC-{number}" for number in range(31)]
    assert refused(submission("sentence.offence_articles", articles))
    assert parse_submission(submission("sentence.offence_articles", articles[:30]))


def test_a_list_holds_each_item_once() -> None:
    assert refused(submission("identity.nationality_codes", ["XK", "XK"])) == {
        "/sections/identity/nationality_codes/value": "Expected each item once"
    }


def test_a_leave_ends_after_it_starts() -> None:
    window = {"start": "2027-06-01T09:00:00+02:00", "end": "2027-06-01T07:00:00Z"}
    assert refused(submission("release.temporary_leave_window", window)) == {
        "/sections/release/temporary_leave_window/value": "Expected an end later than the start"
    }


def test_an_assessment_is_not_stored_as_a_fact() -> None:
    path = "extremism_status.radicalisation_screening_outcome"
    pointer = "/sections/extremism_status/radicalisation_screening_outcome/nature"
    assert list(refused(submission(path, "no_indicator", nature="fact"))) == [pointer]


def test_the_nature_of_a_value_is_its_fields_unless_the_sender_says_otherwise() -> None:
    path = "residence_contact.personal_phone"
    as_sent = parse_submission(submission(path, "+38344000000", nature="statement"))
    assert as_sent["residence_contact"]["personal_phone"]["nature"] == "statement"


def test_the_envelope_keeps_what_the_sender_says_of_a_value() -> None:
    envelope = {
        "value": "2027-06-01",
        "nature": "fact",
        "valid_until": "2027-12-31",
        "verification": "document_seen",
        "legal_basis": "example-basis-1",
        "purpose_ids": ["release_preparation"],
        "consent_id": "consent-1",
        "language": "sq",
    }
    assert parse_section("release", {"planned_release_date": envelope}) == {
        "planned_release_date": envelope
    }


@pytest.mark.parametrize("member", ["source_agency", "recorded_at"])
def test_a_sender_cannot_write_the_provenance(member: str) -> None:
    findings = refused(submission("needs.accommodation_need", "none", **{member: "x"}))
    assert list(findings) == [f"/sections/needs/accommodation_need/{member}"]


def test_only_a_text_has_a_summary() -> None:
    text = parse_submission(submission("custody.conduct_summary", "All of it", summary="Good"))
    assert text["custody"]["conduct_summary"]["summary"] == "Good"
    assert refused(submission("needs.accommodation_need", "none", summary="Good"))


def test_null_is_no_value_and_no_envelope() -> None:
    assert refused({"sections": {"identity": {"full_name": None}}})
    assert refused(submission("identity.full_name", {"family": "A", "given": [], "script": None}))


def test_changes_remove_a_field_by_null() -> None:
    changes = parse_changes(
        "identity", {"national_id_number": None, "date_of_birth": {"value": "1993-01-01"}}
    )
    assert changes == {
        "date_of_birth": {"value": "1993-01-01", "nature": "fact"},
        "national_id_number": None,
    }


def test_changes_are_as_strict_as_a_submission() -> None:
    with pytest.raises(InvalidInput) as error:
        parse_changes("identity", {"date_of_birth": {"value": CANARY}})
    assert [e.pointer for e in error.value.errors] == ["/date_of_birth/value"]


def test_a_section_that_does_not_exist_takes_nothing() -> None:
    with pytest.raises(InvalidInput, match="no such section"):
        parse_section("shoes", {})
    with pytest.raises(InvalidInput, match="no such section"):
        parse_changes("shoes", {})


def test_sections_and_fields_come_in_the_order_of_the_catalogue() -> None:
    content = {
        "sections": {
            "plan": {},
            "identity": {
                "national_id_number": {"value": "000000000"},
                "date_of_birth": {"value": "1993-01-01"},
            },
        }
    }
    stored = parse_submission(content)
    assert list(stored) == ["identity", "plan"]
    assert list(stored["identity"]) == ["date_of_birth", "national_id_number"]


PERSONS = (values.EmergencyContact, values.FamilyContact, values.Child, values.PersonPointer)


@pytest.mark.parametrize("model", PERSONS)
def test_every_nested_person_has_a_category(model: type[BaseModel]) -> None:
    assert model.model_fields["category"].is_required()


@pytest.mark.parametrize("model", PERSONS)
def test_nothing_about_extremism_or_risk_can_be_said_of_another_person(
    model: type[BaseModel],
) -> None:
    identifying = {"category", "name", "family", "given", "relation", "phone", "next_of_kin"}
    pointing = {"holder", "reference", "date_of_birth"}
    assert model.model_fields.keys() <= identifying | pointing


def test_a_protected_person_and_a_victim_are_pointers_without_a_name() -> None:
    assert set(values.PersonPointer.model_fields) == {"category", "holder", "reference"}
    named = {"category": "victim", "holder": "aa", "reference": "EX-1", "name": CANARY}
    prohibition = {"prohibition": "no_contact", "protected_person": named}
    assert list(refused(submission("supervision.contact_prohibitions", [prohibition]))) == [
        "/sections/supervision/contact_prohibitions/value/0/protected_person/name"
    ]
