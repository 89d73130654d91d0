"""Rules for strings: what a model checks, what OpenAPI says of it, and an example of it.

A rule stands as metadata in a type, `Annotated[str, PHONE]`. Its messages say what was
expected and never repeat what came.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# Controls, formats (bidi overrides are among them), surrogates, private use, unassigned
# code points, line and paragraph separators: none has a place in a name.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Line breaks and tabs lay out a text; the two joiners are spelling in Persian and Indic scripts.
ALLOWED_IN_TEXT = frozenset("\n\t\u200c\u200d")


def refuse(kind: str, message: str) -> PydanticCustomError:
    """An error of validation with a message of our own; braces would be read as a template."""
    return PydanticCustomError(kind, "{expected}", {"expected": message})


class StringRule(ABC):
    """Metadata of a `str` type. Subclasses are frozen dataclasses."""

    @abstractmethod
    def check(self, text: str) -> str:
        """The text as it is stored; PydanticCustomError when it does not fit."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """What OpenAPI says of it."""

    @abstractmethod
    def sample(self, random: Random) -> str:
        """A made-up value that fits."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **self.json_schema()}


def printable(text: str, *, allowed: frozenset[str] = frozenset()) -> bool:
    """Whether no character hides, reorders or breaks what a reader sees."""
    return all(c in allowed or unicodedata.category(c) not in UNPRINTABLE for c in text)


def bounded(text: str, *, max_length: int, allowed: frozenset[str]) -> str:
    """Trimmed, in NFC, not empty, printable, at most `max_length` code points."""
    if len(text) > 4 * max_length:  # NFC does not make it fit
        raise refuse("string_too_long", f"Expected at most {max_length} characters")
    # The characters first: trimming would drop a control at the end without a word.
    if not printable(text, allowed=allowed):
        raise refuse("string_characters", "Expected no control, bidi or unassigned characters")
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise refuse("string_empty", "Expected some text")
    if len(text) > max_length:
        raise refuse("string_too_long", f"Expected at most {max_length} characters")
    return text


@dataclass(frozen=True)
class Line(StringRule):
    """One line, such as a name: NFC, no control or bidi characters."""

    max_length: int
    examples: tuple[str, ...] = ("Example",)

    def check(self, text: str) -> str:
        """See StringRule."""
        return bounded(text, max_length=self.max_length, allowed=frozenset())

    def json_schema(self) -> dict[str, Any]:
        """See StringRule."""
        return {"minLength": 1, "maxLength": self.max_length}

    def sample(self, random: Random) -> str:
        """See StringRule."""
        return random.choice(self.examples)


@dataclass(frozen=True)
class Text(StringRule):
    """Some paragraphs: as a line, and line breaks, tabs and joiners besides."""

    max_length: int
    examples: tuple[str, ...] = ("An example.",)

    def check(self, text: str) -> str:
        """See StringRule."""
        return bounded(text, max_length=self.max_length, allowed=ALLOWED_IN_TEXT)

    def json_schema(self) -> dict[str, Any]:
        """See StringRule."""
        return {"minLength": 1, "maxLength": self.max_length}

    def sample(self, random: Random) -> str:
        """See StringRule."""
        number = random.randint(1, 9)
        return f"{random.choice(self.examples)} (Example {number}.)"[: self.max_length]


@dataclass(frozen=True)
class Format(StringRule):
    """A string of a fixed shape. `parse` raises ValueError for what has not that shape."""

    expected: str
    parse: Callable[[str], object] = field(repr=False)
    draw: Callable[[Random], str] = field(repr=False)
    schema: tuple[tuple[str, Any], ...] = ()

    def check(self, text: str) -> str:
        """See StringRule."""
        try:
            self.parse(text)
        except ValueError:
            raise refuse("string_format", f"Expected {self.expected}") from None
        return text

    def json_schema(self) -> dict[str, Any]:
        """See StringRule."""
        return {"description": self.expected, **dict(self.schema)}

    def sample(self, random: Random) -> str:
        """See StringRule."""
        return self.draw(random)
