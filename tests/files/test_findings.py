from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.files.findings import MAX_FINDINGS, field_errors, findings, pointer
from app.problems import FieldError


def test_a_pointer_escapes_as_rfc_6901_says() -> None:
    assert pointer(("a/b", "m~n", 0)) == "/a~1b/m~0n/0"
    assert pointer(()) == ""


def test_findings_hold_no_input() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(int).validate_python("a secret")
    assert "secret" not in str(field_errors(error.value))


def test_a_rule_of_our_own_is_told_as_it_is_written() -> None:
    error: dict[str, Any] = {"type": "value_error", "loc": (), "msg": "Value error, expected none"}
    assert findings([error]) == (FieldError("", "expected none"),)


def test_the_first_findings_are_told() -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(list[int]).validate_python(["x"] * 1000)
    told = field_errors(error.value)
    assert len(told) == MAX_FINDINGS
    assert told[0].pointer == "/0"


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("shoe_size", "/body/shoe_size"),
        ("Arben Krasniqi", "/body"),
        ("1234567890", "/body"),
        ("a" * 51, "/body"),
    ],
)
def test_an_unknown_member_is_named_only_as_a_word_of_a_schema(member: str, expected: str) -> None:
    error: dict[str, Any] = {"type": "extra_forbidden", "loc": ("body", member), "msg": "x"}
    assert findings([error]) == (FieldError(expected, "Not a member that the catalogue knows"),)
