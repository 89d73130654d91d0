"""The template of the catalogues, and every catalogue with all its messages: `make messages`.

Translations are kept. A new message waits for its translation and is said in English meanwhile;
one that nothing says any more goes.
"""

import json
import re
from collections.abc import Iterator, Mapping

from app.audit.own_report import NAMED_FIELDS
from app.own_report.catalogues import ENGLISH, LANGUAGES, LOCALE, Message, path_of, read_messages
from app.own_report.words import Counted, messages

TEMPLATE = LOCALE / "messages.pot"
HEADER = Message("", "", ("Content-Type: text/plain; charset=UTF-8\n",))


def template() -> str:
    """All messages, without a translation."""
    return "\n".join(_written(one) for one in (HEADER, *_messages({}, plurals=2)))


def refreshed(catalogue: str) -> str:
    """A catalogue with its header and translations, and the messages of now in their order."""
    head, _, _ = catalogue.partition("\n\n")
    known = {one.text: one for one in read_messages(catalogue)}
    plurals = int(re.findall(r"nplurals=(\d)", head)[0])
    return "\n".join([head + "\n", *(_written(one) for one in _messages(known, plurals=plurals))])


def _messages(known: Mapping[str, Message], *, plurals: int) -> Iterator[Message]:
    for one in messages(NAMED_FIELDS):
        text, plural = one if isinstance(one, Counted) else (one, "")
        empty = ("",) * (plurals if plural else 1)
        yield Message(text, plural, known[text].translations if text in known else empty)


def _written(message: Message) -> str:
    lines = [f"msgid {_quoted(message.text)}"]
    if not message.plural:
        return "\n".join([*lines, f"msgstr {_quoted(message.translations[0])}", ""])
    lines.append(f"msgid_plural {_quoted(message.plural)}")
    numbered = enumerate(message.translations)
    return "\n".join([*lines, *(f"msgstr[{n}] {_quoted(text)}" for n, text in numbered), ""])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def main() -> None:
    """Write them all anew."""
    TEMPLATE.write_text(template(), encoding="utf-8")
    for language in LANGUAGES:
        if language != ENGLISH:
            path = path_of(language)
            path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
