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


FAMILY_NAME = """
[fields."identity.full_name.family"]
column = "family name"
conversion = "text"
required = true
"""
GIVEN_NAMES = """
[fields."identity.full_name.given"]
column = "first names"
conversion = "list"
separator = " "
required = true
"""


def test_the_members_of_a_value_are_mapped_one_by_one() -> None:
    mapping = Mapping.from_toml(MINIMAL + FAMILY_NAME + GIVEN_NAMES)
    assert mapping.mapped == {"number", "release", "family name", "first names"}


def test_a_value_with_members_takes_no_text_and_its_members_are_named() -> None:
    said = refusal(MINIMAL + FAMILY_NAME.replace(".family", ""))
    assert "identity.full_name: the conversion text cannot give it: Expected an object" in said
    assert "mapped by its members: identity.full_name.family, identity.full_name.given" in said


def test_a_member_that_the_value_does_not_have_is_refused() -> None:
    said = refusal(MINIMAL + FAMILY_NAME.replace(".family", ".surname"))
    assert "no field identity.full_name.surname; identity.full_name is mapped by" in said


def test_a_member_that_the_others_need_is_not_left_out() -> None:
    said = refusal(MINIMAL + FAMILY_NAME)
    assert said.endswith("identity.full_name cannot do without identity.full_name.given")


def test_a_value_does_not_stand_as_a_whole_and_by_its_members() -> None:
    whole = '[constants]\n"identity.full_name" = { family = "Example", given = ["First"] }\n'
    assert "as a whole and by its members" in refusal(MINIMAL + FAMILY_NAME + GIVEN_NAMES + whole)


@pytest.mark.parametrize(
    ("path", "conversion", "expected"),
    [
        ("identity.nationality_codes", "text", "Expected a list"),
        ("custody.disciplinary_sanctions", "list", "Expected an object"),
        ("release.release_type", "integer", "Expected a string"),
        ("needs.identity_documents_status", "list", "Expected a string"),
    ],
)
def test_a_conversion_that_can_never_fit_is_refused(
    path: str, conversion: str, expected: str
) -> None:
    separator = 'separator = ";"' if conversion == "list" else ""
    text = f"""
    [fields."{path}"]
    column = "any"
    conversion = "{conversion}"
    required = false
    {separator}
    """
    said = refusal(MINIMAL + text)
    assert said.endswith(f"{path}: the conversion {conversion} cannot give it: {expected}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "required = true",
            "",
            'fields."release.planned_release_date".required: expected this key, which is missing',
        ),
        (
            'conversion = "date"',
            "",
            (
                'fields."release.planned_release_date": expected a conversion: '
                "text, code, date, integer or list"
            ),
        ),
        ("planned_release_date", "date", "fields: the catalogue has no field release.date"),
        ('reference = "number"', "", "reference: expected this key, which is missing"),
    ],
    ids=["required", "conversion", "field", "reference"],
)
def test_a_refusal_names_the_key_as_the_file_has_it(old: str, new: str, said: str) -> None:
    assert refusal(MINIMAL.replace(old, new)) == f"the mapping cannot be used: {said}"
