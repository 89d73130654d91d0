"""What holds for every file to import: UTF-8 without byte order mark, no NUL, not empty."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from app.imports.outcomes import Unfit, UnusableFile

# The mark of UTF-32 in the usual order begins like that of UTF-16.
BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def refuse_byte_order_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines.

    Raises:
        UnusableFile: there is no line, or the first one begins with a mark.
    """
    remaining = iter(lines)
    first = list(islice(remaining, 1))
    if not first:
        raise UnusableFile("The file is empty")
    if first[0].startswith(BYTE_ORDER_MARKS):
        raise UnusableFile("Expected UTF-8 without byte order mark; found a byte order mark")
    return chain(first, remaining)


def check_characters(cell: str) -> None:
    """Hold a decoded cell against what text may be.

    Raises:
        Unfit: bytes that are not UTF-8 (they were decoded to surrogates), or a NUL character.
    """
    if "\0" in cell:
        raise Unfit("Expected text without NUL characters")
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        raise Unfit("Expected text in UTF-8") from None
