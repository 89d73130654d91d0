"""Message catalogues of GNU gettext, read as translators write them.

The standard library reads compiled catalogues (`.mo`). The texts themselves (`.po`) are what is
kept, reviewed and installed, so they are compiled here, in memory, when a language is first asked
for: no file can lag behind another.
"""

import gettext
import json
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
ENGLISH = "en"
# What a translator's header says once somebody who may has reviewed it.
REVIEWED = ("x-reviewed", "yes")

_MAGIC = 0x950412DE
_HEAD_BYTES = 28
# A length and an offset.
_PLACE_BYTES = 8
_LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr)(?:\[(\d)\])? )?(".*")')


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its translations: one, or one for each plural of the language."""

    text: str
    plural: str
    translations: tuple[str, ...]

    @property
    def is_translated(self) -> bool:
        """Whether nothing of it is missing."""
        return all(self.translations)


def path_of(language: str) -> Path:
    """Where the catalogue of a language is."""
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


# English first: it is the original, and what is given where nothing else is asked for.
LANGUAGES = (ENGLISH, *sorted(path.name for path in LOCALE.iterdir() if path.is_dir()))


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The messages of one of `LANGUAGES`. What is not translated is said in English."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    read = read_messages(path_of(language).read_text(encoding="utf-8"))
    return gettext.GNUTranslations(BytesIO(_compiled(one for one in read if one.is_translated)))


def is_reviewed(language: str) -> bool:
    """Whether somebody has reviewed the translation; English is the original."""
    name, value = REVIEWED
    return language == ENGLISH or translations(language).info().get(name) == value


def read_messages(text: str) -> Iterator[Message]:
    """The messages of a catalogue, its header first, whose text is empty.

    Those that are marked as fuzzy are left out. ValueError: a line that cannot be read.
    """
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        content = [line for line in lines if not line.startswith("#")]
        fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in lines)
        if content and not fuzzy:
            yield _message(content)


def _message(lines: Iterable[str]) -> Message:
    parts: dict[tuple[str, int], str] = {}
    place = ("", 0)
    for line in lines:
        found = _LINE.fullmatch(line.strip())
        if found is None or (found[1] is None and not parts):
            raise ValueError(f"not a line of a message catalogue: {line}")
        if found[1] is not None:
            place = (found[1], int(found[2] or 0))
        # Its escapes are those of JSON.
        parts[place] = parts.get(place, "") + str(json.loads(found[3]))
    return Message(
        text=parts["msgid", 0],
        plural=parts.get(("msgid_plural", 0), ""),
        translations=tuple(parts[key] for key in sorted(parts) if key[0] == "msgstr"),
    )


def _compiled(messages: Iterable[Message]) -> bytes:
    """The binary form of a catalogue (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = sorted((_joined(one.text, one.plural), _all(one.translations)) for one in messages)
    texts = [*(text for text, _ in pairs), *(translation for _, translation in pairs)]
    start = _HEAD_BYTES + _PLACE_BYTES * len(texts)
    table, content = bytearray(), bytearray()
    for text in texts:
        table += struct.pack("<II", len(text), start + len(content))
        content += text + b"\0"
    translations_at = _HEAD_BYTES + _PLACE_BYTES * len(pairs)
    head = (_MAGIC, 0, len(pairs), _HEAD_BYTES, translations_at, 0, 0)
    return struct.pack("<7I", *head) + bytes(table + content)


def _joined(text: str, plural: str) -> bytes:
    return _all((text, plural)) if plural else text.encode()


def _all(texts: Iterable[str]) -> bytes:
    return "\0".join(texts).encode()
