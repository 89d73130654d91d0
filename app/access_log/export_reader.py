"""Reading the lines of an export, strictly: what is not to the byte as it must be is refused.

Independent of the code that writes them. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from app.access_log.findings import Finding, LogRefused
from app.access_log.merkle import HASH_BYTES
from app.access_log.note import NoteRefused, decode_base64

FORMAT = "throughcare access log"
VERSION = 1
TILE_WIDTH = 256


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export."""

    origin: str
    size: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry line. Sections are (content, salt) by name."""

    index: int
    leaf: bytes
    sections: dict[str, tuple[bytes, bytes]]
    missing: dict[str, str]


class ExportReader:
    """The lines of an export, one after another; each read says which kind it expects."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines: Iterator[bytes] = iter(lines)

    def header(self) -> Header:
        """The first line."""
        line = next(self._lines, b"")
        members = _parse(line, index=None)
        if set(members) != {"type", "format", "version", "origin", "size", "checkpoint"}:
            raise _malformed("a header has other members", index=None)
        # Compared as bytes: in Python 1, 1.0 and True are equal.
        fixed = [members["type"], members["format"], members["version"]]
        if orjson.dumps(fixed) != orjson.dumps(["header", FORMAT, VERSION]):
            raise _malformed("this is no export that this version reads", index=None)
        return Header(
            _expect(members["origin"], str, None),
            _expect(members["size"], int, None),
            _expect(members["checkpoint"], str, None),
        )

    def tile(self, number: int, width: int) -> bytes:
        """The tile of this number: `width` leaf hashes, one after another."""
        first = number * TILE_WIDTH
        line = next(self._lines, None)
        if line is None:
            raise LogRefused(Finding.TRUNCATED, "the export ends in its tiles", index=first)
        members = _parse(line, index=first)
        expected = {"type": "tile", "level": 0, "index": number, "hashes": members.get("hashes")}
        if orjson.dumps(members, option=orjson.OPT_SORT_KEYS) != orjson.dumps(
            expected, option=orjson.OPT_SORT_KEYS
        ):
            raise LogRefused(Finding.BAD_TILE, f"tile {number} is not here", index=first)
        hashes = _decode(members["hashes"], first)
        if len(hashes) != width * HASH_BYTES:
            raise LogRefused(Finding.BAD_TILE, f"tile {number} is cut", index=first)
        return hashes

    def row(self, position: int) -> Row | None:
        """The next entry line, expected at this index of the log; None at the end."""
        line = next(self._lines, None)
        return None if line is None else _parse_row(line, position)

    def rest(self, position: int) -> Iterator[Row]:
        """Whatever further entry lines can be read, to tell what happened to a row."""
        for line in self._lines:
            try:
                yield _parse_row(line, position)
            except LogRefused:
                continue


def _parse_row(line: bytes, position: int) -> Row:
    members = _parse(line, index=position)
    if set(members) != {"type", "index", "leaf", "sections", "missing"}:
        raise _malformed("an entry has other members", index=position)
    if members["type"] != "entry":
        raise _malformed("expected an entry", index=position)
    sections = _expect(members["sections"], dict, position)
    missing = _expect(members["missing"], dict, position)
    return Row(
        _expect(members["index"], int, position),
        _expect(members["leaf"], str, position).encode(),
        {name: _parse_section(section, position) for name, section in sections.items()},
        {name: _expect(reason, str, position) for name, reason in missing.items()},
    )


def _parse_section(section: object, position: int) -> tuple[bytes, bytes]:
    members = _expect(section, dict, position)
    if set(members) != {"content", "salt"}:
        raise _malformed("a section has other members", index=position)
    content = _expect(members["content"], str, position)
    return content.encode(), _decode(members["salt"], position)


def _parse(line: bytes, *, index: int | None) -> dict[str, Any]:
    """A line as a JSON object. Refused unless it is written in the one canonical way."""
    if not line.endswith(b"\n"):
        raise LogRefused(Finding.TRUNCATED, "a line is cut off", index=index)
    try:
        members = orjson.loads(line)
        canonical = orjson.dumps(members, option=orjson.OPT_SORT_KEYS) + b"\n"
    except (ValueError, TypeError):  # TypeError: too deep to be written
        raise _malformed("a line is no JSON", index=index) from None
    if not isinstance(members, dict) or canonical != line:
        raise _malformed("a line is no canonical JSON object", index=index)
    return members


def _decode(value: object, index: int) -> bytes:
    try:
        return decode_base64(_expect(value, str, index))
    except NoteRefused as error:
        raise _malformed(error.detail, index=index) from None


def _expect(value: Any, kind: type, index: int | None) -> Any:  # noqa: ANN401 - the type is the argument
    """The value, if it is exactly of this type: True is no number here."""
    if type(value) is not kind:
        raise _malformed(f"expected {kind.__name__}", index=index)
    return value


def _malformed(detail: str, *, index: int | None) -> LogRefused:
    return LogRefused(Finding.MALFORMED_LINE, detail, index=index)
