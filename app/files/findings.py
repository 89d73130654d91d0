"""From errors of validation to findings that repeat nothing of what was sent."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from app.problems import FieldError

# A body full of mistakes gets its first ones named.
MAX_FINDINGS = 50
# An unknown member is named only if it looks like a word of a schema: letters and underscores.
# Anything else may be personal data in the wrong place, so its parent is named instead.
SCHEMA_WORD = re.compile(r"[a-z]+(_[a-z]+)*")
LONGEST_WORD = 50
# What the validator puts before the message of a rule of our own.
OWN_RULE = "Value error, "
# Messages of the validator in our words; all others say what was expected already.
MESSAGES = {
    "extra_forbidden": "Not a member that the catalogue knows",
    "missing": "Required",
    "model_type": "Expected an object",
    "model_attributes_type": "Expected an object",
    "list_type": "Expected a list",
    "string_type": "Expected a string",
    "int_type": "Expected a whole number",
    "bool_type": "Expected true or false",
    "string_unicode": "Expected text in valid Unicode",
}


def pointer(location: Iterable[int | str]) -> str:
    """An RFC 6901 pointer: `/sections/identity`."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def findings(errors: Iterable[Mapping[str, Any]]) -> tuple[FieldError, ...]:
    """The first findings of pydantic's error list (`errors()`), without any input."""
    return tuple(
        FieldError(_where(error), message(error))
        for _, error in zip(range(MAX_FINDINGS), errors, strict=False)
    )


def message(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in our words, without any input."""
    said: str = error["msg"]
    return MESSAGES.get(error["type"], said.removeprefix(OWN_RULE))


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """The first findings of a validation, without any input."""
    return findings(error.errors(include_url=False, include_context=False, include_input=False))


def _where(error: Mapping[str, Any]) -> str:
    location = tuple(error["loc"])
    if error["type"] == "extra_forbidden" and not _is_schema_word(location[-1]):
        location = location[:-1]
    return pointer(location)


def _is_schema_word(member: int | str) -> bool:
    return len(str(member)) <= LONGEST_WORD and bool(SCHEMA_WORD.fullmatch(str(member)))
