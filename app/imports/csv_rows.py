"""Rows of a CSV file (RFC 4180): a header, then records, which may span lines."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from app.imports.mapping import Mapping
from app.imports.outcomes import Row, RowError, Unfit, UnusableFile
from app.imports.text_files import check_characters, refuse_byte_order_mark

if TYPE_CHECKING:
    from _csv import Reader

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_csv(lines: Iterable[bytes], mapping: Mapping) -> Iterator[Row | RowError]:
    """The records after the header, each with the line of the file on which it begins.

    Raises:
        UnusableFile: empty, with a byte order mark, or a header that the mapping does not fit.
    """
    reader = csv.reader(_decoded(refuse_byte_order_mark(lines)), strict=True)
    header = _read_header(reader, mapping)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield RowError(line, _broken_record(reader.line_num))
            continue
        if cells:  # an empty line between records holds nothing
            yield _row(line, header, cells)


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    # What is not UTF-8 becomes surrogates, so that one bad cell costs only its own row.
    return (line.decode("utf-8", errors="surrogateescape") for line in lines)


def _read_header(reader: "Reader", mapping: Mapping) -> Sequence[str]:
    try:
        header = next(cells for cells in reader if cells)
        for name in header:
            check_characters(name)
    except StopIteration:
        raise UnusableFile("The file is empty") from None
    except csv.Error:
        raise UnusableFile("Expected a header whose quotes and line ends fit CSV") from None
    except Unfit as error:
        raise UnusableFile(f"In the header: {error}", line=reader.line_num) from None
    _check_header(header, mapping, line=reader.line_num)
    return header


def _check_header(header: Sequence[str], mapping: Mapping, *, line: int) -> None:
    missing = sorted(mapping.mapped - set(header))
    if missing:
        said = f"Expected a header with these columns too: {_named(missing)}"
        raise UnusableFile(said + _other_separator(header), line=line)
    # Every mapped column is there, so this is a header: its words are names, and no values.
    known = mapping.mapped | mapping.ignored.keys()
    if unknown := [name for name in dict.fromkeys(header) if name not in known]:
        said = f"Columns that are neither mapped nor ignored by the mapping: {_named(unknown)}"
        raise UnusableFile(said, line=line)
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        said = f"Columns that stand in the header more than once: {_named(repeated)}"
        raise UnusableFile(said, line=line)


def _named(columns: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in columns)


def _other_separator(header: Sequence[str]) -> str:
    for separator, called in OTHER_SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            return f". Columns are separated by commas; here {called} seem to do it"
    return ""


def _row(line: int, header: Sequence[str], cells: Sequence[str]) -> Row | RowError:
    if len(cells) != len(header):
        return RowError(line, f"Expected {len(header)} cells; found {len(cells)}")
    for column, cell in zip(header, cells, strict=True):
        try:
            check_characters(cell)
        except Unfit as error:
            return RowError(line, f"Column '{column}': {error}")
    return Row(line, dict(zip(header, cells, strict=True)))


def _broken_record(last_line: int) -> str:
    # An open quote swallows lines: whoever reads this must learn how far.
    return (
        "Expected a record of CSV: quotes that close before a comma, line ends outside quotes"
        f" as the others, cells of at most {csv.field_size_limit()} characters;"
        f" the record was read to line {last_line}"
    )
