import csv
from pathlib import Path
from random import Random

import pytest

from app.files.catalogue import FIELDS, SECTIONS, Field
from app.files.code_lists import CodeList, Origin, listed
from app.files.declarations import Section, field, section
from app.files.forms import Form
from app.files.kinds import code
from app.files.models import envelopes, section_model
from app.files.vocabulary import DataClass, Nature, OwnerRole

DICTIONARY = Path(__file__).with_name("dictionary.csv")

ABSENT_BY_DESIGN = (
    "ethnicity",
    "political_opinion",
    "ideology",
    "worship_attendance",
    "social_media_content",
    "biometric_template",
    "photograph",
    "victim_identity",
    "intelligence_content",
    "automated_score",
)


def test_the_catalogue_is_the_dictionary_line_by_line() -> None:
    with DICTIONARY.open(encoding="utf-8") as rows:
        expected = [tuple(row.values()) for row in csv.DictReader(rows)]
    declared = [(f.section, f.name, f.data_class.value, f.owner_role) for f in FIELDS.values()]
    assert declared == expected
    assert len(SECTIONS) == 16
    assert len(FIELDS) == 88


def test_every_field_is_found_by_its_path_and_described() -> None:
    for path, one in FIELDS.items():
        assert path == one.path == f"{one.section}.{one.name}"
        assert SECTIONS[one.section].fields[one.name] is one
        assert one.label
        assert one.description
        assert one.kind.name


def test_labels_are_unique_within_a_section() -> None:
    for one in SECTIONS.values():
        labels = [f.label for f in one.fields.values()]
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", ABSENT_BY_DESIGN)
def test_what_is_absent_by_design_has_no_field(name: str) -> None:
    words = {word for f in FIELDS.values() for word in (f.name, *f.name.split("_"))}
    assert name not in words
    stems = (
        "ethnic",
        "politic",
        "ideolog",
        "worship",
        "social_media",
        "biometric",
        "photo",
        "score",
    )
    assert not [f.name for f in FIELDS.values() if any(stem in f.name for stem in stems)]


def test_a_name_cannot_be_declared_twice() -> None:
    twice = field("a", "A", code(listed("A", "x y")), DataClass.PERSONAL, "A field")
    with pytest.raises(ValueError, match="stands twice"):
        section("made_up", "Made up", OwnerRole.DATA_SUBJECT, twice, twice)


def test_an_opinion_can_never_be_called_a_fact() -> None:
    screening = FIELDS["extremism_status.radicalisation_screening_outcome"]
    assert screening.natures == (Nature.ASSESSMENT,)
    assert FIELDS["risk_assessment.risk_level_ve"].natures == (Nature.ASSESSMENT,)
    assert FIELDS["belief_pastoral.religion_belief"].natures == (Nature.STATEMENT,)
    assert FIELDS["identity.full_name"].natures == tuple(Nature)


def _with_a_new_field() -> tuple[Section, Field]:
    shoe_size = listed("Size of shoes", "small large")
    new = field("shoe_size", "Shoes", code(shoe_size), DataClass.PERSONAL, "For the winter")
    extended = section(
        "needs", "Needs", OwnerRole.CORRECTIONAL_SERVICE, *SECTIONS["needs"].fields.values(), new
    )
    return extended, extended.fields["shoe_size"]


def test_a_new_field_needs_its_declaration_and_nothing_else() -> None:
    extended, new = _with_a_new_field()
    model = section_model(extended)
    value = new.kind.sample(Random(1))  # noqa: S311 - a test value
    stored = envelopes(model.model_validate({"shoe_size": {"value": value}}))
    assert stored == {"shoe_size": {"value": value, "nature": "fact"}}
    assert new.transform(Form.SUMMARY, stored["shoe_size"]) == value
    assert new.transform(Form.GENERALISED, stored["shoe_size"]) == {"recorded": True}
    assert "shoe_size" in model.model_json_schema()["properties"]
    assert new.path == "needs.shoe_size"
    assert new.owner_role == "correctional_service"


def test_lists_of_our_own_are_marked_as_proposals() -> None:
    programmes = FIELDS["health.disability_accommodation"].kind.value_type
    schema = str(programmes)
    assert Origin.PROPOSED.name in schema
    assert isinstance(listed("A", "x y"), CodeList)
    assert "a proposal of this project" in listed("A", "x y").json_schema()["description"]
