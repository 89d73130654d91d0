"""Cedar text cut into its statements, each with its line, so that an error can name its place.

The engine parses; this only looks for the semicolons that end a policy (outside of strings
and comments, Cedar grammar) because the engine tells no positions.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.policy.errors import Finding

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|;|[^\s"/;]+|["/]')
_ID = re.compile(r'@id\s*\(\s*"([^"\n]*)"')


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as it stands in a file; `line` is that of its first word, from 1."""

    file: str
    line: int
    text: str

    @property
    def written_id(self) -> str:
        """The `@id` as far as it can be read before parsing, else empty. For error messages."""
        found = _ID.search(self.text)
        return found.group(1) if found else ""

    def finding(self, message: str) -> Finding:
        """Something wrong with this statement."""
        return Finding(self.file, self.line, self.written_id, message)


def cut(file: str, text: str) -> Iterator[Statement]:
    """The statements of a file; a last one without its semicolon too, for the engine to refuse."""
    start: int | None = None
    end = 0
    for token in _TOKEN.finditer(text):
        if token.group().startswith("//"):
            continue
        start, end = token.start() if start is None else start, token.end()
        if token.group() == ";":
            yield _statement(file, text, start, end)
            start = None
    if start is not None:
        yield _statement(file, text, start, end)


def _statement(file: str, text: str, start: int, end: int) -> Statement:
    return Statement(file, text.count("\n", 0, start) + 1, text[start:end])


def unreadable_characters(file: str, text: str) -> Iterator[Finding]:
    """Characters that a reader does not see, or sees as others (UAX 15, UTS 39): none is wanted."""
    for number, line in enumerate(text.split("\n"), start=1):
        for character in line:
            if not character.isprintable():
                name = f"U+{ord(character):04X}"
                yield Finding(file, number, "", f"the character {name} cannot be seen in print")
        if not unicodedata.is_normalized("NFC", line):
            yield Finding(file, number, "", "the text is not in Unicode normalisation form C")
