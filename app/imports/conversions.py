"""Conversions of one cell: text, a code by a table, a date, a whole number, a list of texts.

Each is strict: what does not read in exactly one way is refused, never guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from app.imports.outcomes import Unfit

# Names of months depend on the machine's language, and two digits of a year on the century.
DATE_DIRECTIVES = ["%Y", "%d", "%m"]
EXAMPLE_DATE = date(2031, 12, 30)
INTEGER = re.compile(r"[+-]?[0-9]{1,15}")

Name = Annotated[str, Field(min_length=1)]


def is_empty(cell: Any) -> bool:  # noqa: ANN401 - a cell of CSV or a member of JSON
    """Whether the cell says nothing: absent, null, or only spaces."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def read_text(cell: Any) -> str:  # noqa: ANN401 - a cell of CSV or a member of JSON
    """The text of a cell without the spaces around it.

    Raises:
        Unfit: a number, list, object, true or false.
    """
    if not isinstance(cell, str):
        raise Unfit("Expected a string")
    return cell.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Which column feeds the field, and whether a row without it is refused."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    # Of a conversion whose values are not known before the rows are read: what they look like.
    example: ClassVar[Any] = None

    column: Name
    required: Annotated[bool, Field(strict=True)]

    def possible_values(self) -> tuple[Any, ...]:
        """What the conversion can give, as far as that is known before the rows are read."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn(Column):
    """The text as it stands."""

    example = "text"

    conversion: Literal["text"]

    def convert(self, cell: Any) -> str:  # noqa: ANN401 - a cell of CSV or a member of JSON
        """The text of the cell; Unfit for anything else."""
        return read_text(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeColumn(Column):
    """A code by a table, or true or false. What the table does not list is refused."""

    conversion: Literal["code"]
    table: Annotated[Mapping[str, str | bool], Field(min_length=1)]

    def convert(self, cell: Any) -> str | bool:  # noqa: ANN401 - a cell of CSV or a member of JSON
        """The code of the cell's text; Unfit where the table does not list it."""
        try:
            return self.table[read_text(cell)]
        except KeyError:
            raise Unfit(f"Expected one of the {len(self.table)} texts of its table") from None

    def possible_values(self) -> tuple[str | bool, ...]:
        """The codes of the table."""
        return tuple(self.table.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DateColumn(Column):
    """A date in one stated `strptime` format of %Y, %m and %d. Becomes YYYY-MM-DD."""

    conversion: Literal["date"]
    format: str

    def __post_init__(self) -> None:
        if sorted(re.findall(r"%.", self.format)) != DATE_DIRECTIVES:
            raise ValueError("format: expected each of %Y, %m and %d once, and nothing else of %")

    def convert(self, cell: Any) -> str:  # noqa: ANN401 - a cell of CSV or a member of JSON
        """The date of the cell; Unfit for another format or a day that is in no calendar."""
        text = read_text(cell)
        try:
            day = datetime.strptime(text, self.format).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            raise self._unfit() from None
        # strptime forgives missing zeros and other digits than ours; the way back does not.
        if day.strftime(self.format) != text:
            raise self._unfit()
        return day.isoformat()

    def possible_values(self) -> tuple[str, ...]:
        """An example, so that a field that takes no dates is found at once."""
        return (EXAMPLE_DATE.isoformat(),)

    def _unfit(self) -> Unfit:
        example = EXAMPLE_DATE.strftime(self.format)
        return Unfit(f"Expected a date of the calendar, written like {example}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerColumn(Column):
    """A whole number, in digits."""

    example = 1

    conversion: Literal["integer"]

    def convert(self, cell: Any) -> int:  # noqa: ANN401 - a cell of CSV or a member of JSON
        """The number; Unfit for anything but digits (or, in JSON, a whole number)."""
        if isinstance(cell, int) and not isinstance(cell, bool):
            return cell
        if not isinstance(cell, str) or not INTEGER.fullmatch(cell.strip()):
            raise Unfit("Expected a whole number")
        return int(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumn(Column):
    """The texts between the separators, such as several given names in one cell."""

    example: ClassVar[Any] = ["text"]

    conversion: Literal["list"]
    separator: Name

    def convert(self, cell: Any) -> list[str]:  # noqa: ANN401 - a cell of CSV or a member of JSON
        """The texts without the spaces around them; Unfit for none, or anything but text."""
        parts = [part.strip() for part in read_text(cell).split(self.separator)]
        if not any(parts):
            raise Unfit("Expected texts between the separators; found none")
        return [part for part in parts if part]


Conversion = Annotated[
    TextColumn | CodeColumn | DateColumn | IntegerColumn | ListColumn,
    Field(discriminator="conversion"),
]
