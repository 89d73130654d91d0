"""What comes of reading a file to import: rows, records and errors. No message echoes a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.problems import FieldError, InvalidInput

# Exit status of an import of which some rows were refused.
ROWS_REFUSED = 2


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read: its cells by column, from a line of the file (1-based)."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Converted:
    """A row as a record of the native format, `{"reference": ..., "sections": {...}}`."""

    line: int
    record: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """The name that the sender gives this person."""
        return str(self.record["reference"])


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that cannot be imported: the line where it begins, and what was expected.

    Nothing of such a row becomes a record.
    """

    line: int
    message: str


class Unfit(Exception):
    """A cell or value does not fit. The message is what was expected."""


class UnusableFile(InvalidInput):
    """Not one row of the file can be understood, so none is converted."""

    title = "The file cannot be imported"
    slug = "unusable-file"

    def __init__(self, message: str, *, line: int = 1) -> None:
        super().__init__(f"line {line}: {message}", errors=(FieldError(f"line {line}", message),))
