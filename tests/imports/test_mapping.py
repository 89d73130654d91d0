"""Mapping files are checked before a row is read."""

import pytest

from app.imports.mapping import Mapping, MappingError

DATE = """
[fields."release.planned_release_date"]
column = "release"
conversion = "date"
format = "%m/%d/%Y"
required = true
"""
MINIMAL = 'format = "csv"\nreference = "number"\n' + DATE


def refusal(text: str) -> str:
    with pytest.raises(MappingError) as refused:
        Mapping.from_toml(text)
    return str(refused.value)


def test_a_minimal_mapping_is_read() -> None:
    mapping = Mapping.from_toml(MINIMAL)
    assert mapping.mapped == {"number", "release"}
    assert mapping.ignored == {}


def test_what_is_not_toml_is_refused() -> None:
    assert "not TOML" in refusal("format = ")


def test_an_unknown_key_is_refused() -> None:
    assert "delimiter" in refusal('delimiter = ";"\n' + MINIMAL)


def test_a_misspelt_key_of_a_column_is_refused() -> None:
    assert "requred" in refusal(MINIMAL.replace("required", "requred"))


def test_required_is_true_or_false_and_nothing_like_it() -> None:
    assert "required" in refusal(MINIMAL.replace("= true", '= "yes"'))


def test_an_unknown_format_is_refused() -> None:
    assert "format" in refusal(MINIMAL.replace('"csv"', '"xlsx"'))


def test_an_unknown_conversion_is_refused() -> None:
    assert "conversion" in refusal(MINIMAL.replace('"date"', '"guess"'))


def test_a_mapping_without_fields_is_refused() -> None:
    assert "at least one" in refusal('format = "csv"\nreference = "number"')


def test_a_field_that_the_catalogue_does_not_have_is_refused() -> None:
    text = MINIMAL.replace("planned_release_date", "planned_date")
    assert "no field release.planned_date" in refusal(text)


def test_sections_of_two_owners_are_refused() -> None:
    text = MINIMAL + '[constants]\n"sentence.legal_status" = "sentenced"\n'
    assert "one owner" in refusal(text)


def test_a_constant_must_fit_its_field() -> None:
    text = MINIMAL + '[constants]\n"release.release_date_confidence" = "sure"\n'
    assert "release.release_date_confidence" in refusal(text)


def test_a_field_is_not_both_constant_and_mapped() -> None:
    text = MINIMAL + '[constants]\n"release.planned_release_date" = "2031-01-01"\n'
    assert "mapped from columns too" in refusal(text)


def test_every_code_of_a_table_must_fit_its_field() -> None:
    text = """
    [fields."needs.accommodation_need"]
    column = "home"
    conversion = "code"
    required = true
    table = { "yes" = "secured", "no" = "homeless" }
    """
    assert "'homeless' does not fit" in refusal(MINIMAL + text)


def test_a_table_without_codes_is_refused() -> None:
    text = """
    [fields."needs.accommodation_need"]
    column = "home"
    conversion = "code"
    required = true
    table = {}
    """
    assert "table" in refusal(MINIMAL + text)


def test_a_date_cannot_go_where_no_date_fits() -> None:
    assert "does not fit" in refusal(MINIMAL.replace("planned_release_date", "release_type"))


def test_a_column_is_not_both_mapped_and_ignored() -> None:
    assert "mapped too: release" in refusal(MINIMAL + '[ignored]\nrelease = "a slip"\n')


def test_an_ignored_column_needs_its_reason() -> None:
    assert "ignored" in refusal(MINIMAL + '[ignored]\nnote = ""\n')


@pytest.mark.parametrize(
    "text",
    [
        'format = "csv"\nreference = "number"\nsections = "sections"',
        'sections = "sections"\n' + MINIMAL.replace('"csv"', '"ndjson"'),
    ],
    ids=["csv", "with fields"],
)
def test_whole_sections_come_only_with_ndjson_and_alone(text: str) -> None:
    assert "sections" in refusal(text)
