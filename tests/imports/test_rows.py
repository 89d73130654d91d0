"""One answer for each row: a record of the native format, or what was expected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imports.mapping import Mapping
from app.imports.outcomes import Converted, RowError, UnusableFile
from app.imports.rows import convert
from tests.imports.conftest import FIELDS, Convert

HEADER = b"number,release,home,note\n"


def test_a_row_becomes_a_record_of_the_native_format(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"A1,01/02/2031,homeless,secret\n")
    assert isinstance(answer, Converted)
    assert answer.reference == "A1"
    assert answer.record == {
        "reference": "A1",
        "sections": {
            "release": {
                "release_date_confidence": {"value": "projected"},
                "planned_release_date": {"value": "2031-01-02"},
            },
            "needs": {"accommodation_need": {"value": "none"}},
        },
    }


def test_an_empty_cell_of_an_optional_field_says_nothing(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"A1,01/02/2031, ,\n")
    assert isinstance(answer, Converted)
    assert "needs" not in answer.record["sections"]


def test_a_missing_required_value_refuses_the_row(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"A1,,homeless,\n")
    assert answer == RowError(2, "Column 'release': Expected a value; found none")


def test_a_date_long_past_is_history(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"A1,01/02/1999,,\n")
    assert isinstance(answer, Converted)


def test_a_date_that_the_catalogue_does_not_take_refuses_the_row(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"A1,01/02/9999,,\n")
    assert isinstance(answer, RowError)
    assert answer.message.startswith("Column 'release': Expected a date")


def test_every_finding_of_a_row_is_named_and_no_value_repeated(convert_csv: Convert) -> None:
    (answer,) = convert_csv(HEADER + b"Arben K.,13/13/2031,a barn,\n")
    assert isinstance(answer, RowError)
    assert [part.split(":")[0] for part in answer.message.split("; ")] == [
        "Column 'number'",
        "Column 'release'",
        "Column 'home'",
    ]
    assert not any(value in answer.message for value in ("Arben", "13/13", "barn"))


@pytest.mark.parametrize("reference", [b"", b" ", b"a b", b"a/b", b"-a", b"x" * 65, "é".encode()])
def test_a_reference_that_cannot_stand_in_a_path_refuses_the_row(
    convert_csv: Convert, reference: bytes
) -> None:
    (answer,) = convert_csv(HEADER + reference + b",01/02/2031,,\n")
    assert isinstance(answer, RowError)
    assert "Column 'number': Expected a reference" in answer.message


def test_a_reference_stands_in_one_row_only(convert_csv: Convert) -> None:
    rows = b"A1,,,\nA2,01/02/2031,,\nA1,01/02/2031,,\nA1,01/02/2031,,\n"
    answers = convert_csv(HEADER + rows)
    assert isinstance(answers[1], Converted)
    assert answers[2] == RowError(4, "Column 'number': Expected a reference unlike line 2's")
    assert isinstance(answers[3], RowError)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n")))
def test_whatever_the_lines_hold_each_answer_has_a_line_of_the_file(lines: list[bytes]) -> None:
    mapping = Mapping.from_toml('format = "csv"' + FIELDS)
    answers = list(convert([HEADER, *lines], mapping))
    numbers = [answer.line for answer in answers]
    assert numbers == sorted(set(numbers))
    assert all(2 <= number <= len(lines) + 1 for number in numbers)


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ") + b"\n")))
def test_whatever_the_lines_hold_ndjson_answers_or_the_file_is_unusable(
    lines: list[bytes],
) -> None:
    mapping = Mapping.from_toml('format = "ndjson"' + FIELDS)
    try:
        answers = list(convert(lines, mapping))
    except UnusableFile:
        return
    assert len(answers) == sum(1 for line in lines if line.strip())


def test_texts_and_whole_numbers_are_held_against_their_fields() -> None:
    mapping = Mapping.from_toml(
        """
        format = "csv"
        reference = "number"
        [fields."children.children_count"]
        column = "children"
        conversion = "integer"
        required = false
        [fields."children.children_age_bands"]
        column = "ages"
        conversion = "list"
        separator = ";"
        required = false
        """
    )
    good, negative, ages = convert(
        [b"number,children,ages\n", b"A1,2,\n", b"A2,-1,\n", b"A3,,old;\n"], mapping
    )
    assert isinstance(good, Converted)
    assert good.record["sections"] == {"children": {"children_count": {"value": 2}}}
    assert isinstance(negative, RowError)
    assert negative.message.startswith("Column 'children'")
    assert isinstance(ages, RowError)
    assert ages.message.startswith("Column 'ages': Expected")


NAMES = """
format = "csv"
reference = "number"
[fields."identity.full_name.family"]
column = "family name"
conversion = "text"
required = false
[fields."identity.full_name.given"]
column = "first names"
conversion = "list"
separator = " "
required = false
[constants]
"identity.full_name.script" = "Latn"
"""


def names(row: str) -> Converted | RowError:
    lines = ["number,family name,first names\n", f"A1,{row}\n"]
    (answer,) = convert([line.encode() for line in lines], Mapping.from_toml(NAMES))
    return answer


def test_members_of_a_value_become_one_object() -> None:
    answer = names("Krasniqi,Ana  Marija ")
    assert isinstance(answer, Converted)
    assert answer.record["sections"] == {
        "identity": {
            "full_name": {
                "value": {"family": "Krasniqi", "given": ["Ana", "Marija"], "script": "Latn"}
            }
        }
    }


def test_a_constant_member_alone_makes_no_value() -> None:
    answer = names(",")
    assert isinstance(answer, Converted)
    assert answer.record["sections"] == {}


def test_a_value_that_lacks_a_member_refuses_the_row() -> None:
    assert names("Krasniqi,") == RowError(2, "Field 'identity.full_name': given: Required")


def test_codes_can_be_true_or_false() -> None:
    mapping = Mapping.from_toml(
        """
        format = "csv"
        reference = "number"
        [fields."residence_contact.preferred_language.language"]
        column = "language"
        conversion = "text"
        required = true
        [fields."residence_contact.preferred_language.interpreter_needed"]
        column = "interpreter"
        conversion = "code"
        table = { "yes" = true, "no" = false }
        required = true
        """
    )
    (answer,) = convert([b"number,language,interpreter\n", b"A1,sq,no\n"], mapping)
    assert isinstance(answer, Converted)
    assert answer.record["sections"]["residence_contact"]["preferred_language"]["value"] == {
        "language": "sq",
        "interpreter_needed": False,
    }
