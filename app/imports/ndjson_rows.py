"""Rows of an NDJSON file: one JSON object a line, read strictly (I-JSON, RFC 7493)."""

from collections.abc import Iterable, Iterator

from app.crypto.encoding import read_json_object
from app.crypto.errors import Malformed
from app.imports.mapping import Mapping
from app.imports.outcomes import Row, RowError, UnusableFile
from app.imports.text_files import refuse_byte_order_mark

# Longer than any inmate file; a line without an end must not fill the memory of the parser.
MAX_LINE_BYTES = 1024 * 1024


def read_ndjson(lines: Iterable[bytes], mapping: Mapping) -> Iterator[Row | RowError]:
    """The objects with their lines; empty lines are passed over.

    Raises:
        UnusableFile: nothing but empty lines, a byte order mark, or a first line that begins no
            object: it is a file of another format.
    """
    found = False
    for line, text in enumerate(refuse_byte_order_mark(lines), start=1):
        if text.strip():
            if not found and not text.lstrip().startswith(b"{"):
                raise UnusableFile("This is no NDJSON: expected one JSON object a line", line=line)
            found = True
            yield _row(line, text, mapping)
    if not found:
        raise UnusableFile("The file is empty")


def _row(line: int, text: bytes, mapping: Mapping) -> Row | RowError:
    if len(text) > MAX_LINE_BYTES:
        return RowError(line, f"Expected at most {MAX_LINE_BYTES} bytes in a line")
    try:
        members = read_json_object(text)
    except Malformed:
        return RowError(
            line,
            "Expected one JSON object in UTF-8, with each member once, without NaN,"
            " without numbers beyond 2**53, and not nested deeper than 32 levels",
        )
    known = mapping.mapped | mapping.ignored.keys()
    for position, name in enumerate(members, start=1):
        # By position: an unknown name may be personal data in the wrong place.
        if name not in known:
            return RowError(line, f"Member {position} is neither mapped nor ignored by the mapping")
    return Row(line, members)
