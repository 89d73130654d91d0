"""From the rows of a file to records of the native format, one answer for each row."""

from collections import abc
from collections.abc import Iterable, Iterator
from typing import Any

from app.files.formats import shape
from app.imports.conversions import Conversion, is_empty, read_text
from app.imports.csv_rows import read_csv
from app.imports.mapping import Mapping
from app.imports.ndjson_rows import read_ndjson
from app.imports.outcomes import Converted, Row, RowError, Unfit
from app.imports.targets import check_value, field_of

READERS = {"csv": read_csv, "ndjson": read_ndjson}
# A reference becomes a segment of a path, so it has no slash.
REFERENCE = shape(
    "a reference: 1 to 64 letters, digits, dots, colons, hyphens or underscores",
    r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}",
    lambda random: f"EX-{random.randrange(10**8):08}",
)


def convert(lines: Iterable[bytes], mapping: Mapping) -> Iterator[Converted | RowError]:
    """An answer for each row, in the order of the file; lines are counted from 1.

    `lines` are the file's lines as bytes, such as a file opened with "rb". A reference may
    stand in one row only: the second one is refused, whatever became of the first.

    Raises:
        UnusableFile: at the first answer, where the file as a whole makes no sense.
    """
    seen: dict[str, int] = {}
    for row in READERS[mapping.format](lines, mapping):
        yield row if isinstance(row, RowError) else _convert(row, mapping, seen)


def _convert(row: Row, mapping: Mapping, seen: dict[str, int]) -> Converted | RowError:
    findings: list[str] = []
    reference = _reference(row, mapping, seen, findings)
    if mapping.sections:
        sections = _whole_sections(row, mapping.sections, findings)
    else:
        sections = _sections(row, mapping, findings)
    if findings:
        return RowError(row.line, "; ".join(findings))
    return Converted(row.line, {"reference": reference, "sections": sections})


def _reference(row: Row, mapping: Mapping, seen: dict[str, int], findings: list[str]) -> str:
    try:
        reference = read_text(row.cells.get(mapping.reference, ""))
        REFERENCE.parse(reference)
    except (Unfit, ValueError):
        findings.append(_finding(mapping.reference, f"Expected {REFERENCE.expected}"))
        return ""
    first = seen.setdefault(reference, row.line)
    if first != row.line:
        findings.append(_finding(mapping.reference, f"Expected a reference unlike line {first}'s"))
    return reference


def _whole_sections(row: Row, member: str, findings: list[str]) -> dict[str, Any]:
    sections = row.cells.get(member)
    if isinstance(sections, dict):
        return sections
    findings.append(_finding(member, "Expected an object of sections"))
    return {}


def _sections(row: Row, mapping: Mapping, findings: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, source in mapping.fields.items():
        try:
            values |= _value(row, path, source)
        except Unfit as error:
            findings.append(_finding(source.column, str(error)))
    if findings:
        return {}
    said = {field_of(path) for path in values}
    unsaid = {field_of(path) for path in mapping.fields} - said
    for path, value in mapping.constants.items():
        # A constant member of a value of which the row says nothing would make one of its own.
        if field_of(path) not in unsaid:
            values[path] = value
    sections: dict[str, dict[str, Any]] = {}
    for field, value in _joined(values, findings).items():
        section, name = field.split(".")
        sections.setdefault(section, {})[name] = {"value": value}
    return sections


def _joined(values: abc.Mapping[str, Any], findings: list[str]) -> dict[str, Any]:
    """The values by their fields: members are put together, and held against the whole."""
    joined: dict[str, Any] = {}
    objects: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        field = field_of(path)
        if path == field:
            joined[field] = value
        else:
            objects.setdefault(field, {})[path.removeprefix(f"{field}.")] = value
    for field, value in objects.items():
        try:
            check_value(field, value)
        except Unfit as error:
            findings.append(f"Field '{field}': {error}")
    return joined | objects


def _value(row: Row, path: str, source: Conversion) -> dict[str, Any]:
    """The value of a field, or nothing where an optional cell is empty."""
    cell = row.cells.get(source.column)
    if is_empty(cell):
        if source.required:
            raise Unfit("Expected a value; found none")
        return {}
    value = source.convert(cell)
    check_value(path, value)
    return {path: value}


def _finding(column: str, expected: str) -> str:
    return f"Column '{column}': {expected}"
