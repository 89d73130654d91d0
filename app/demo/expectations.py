"""What each recipient has to get: a table written by hand, held to what came."""

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from app.demo.cast import Player

LETTERS = {"F": "full", "S": "summary", "G": "generalised", "E": "existence"}
# Shorter texts, such as a code, may stand in a payload for another reason.
TELLING_LENGTH = 8

Table = Mapping[str, Mapping[str, str | None]]


def expected() -> Table:
    """{role: {field path: form, or None for nothing}} for the person thirty days ahead."""
    text = files("app.demo").joinpath("expected.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    roles = [name for name in rows[0] if name != "field"]
    return {role: {row["field"]: LETTERS.get(row[role]) for row in rows} for role in roles}


def forms_of(released: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{field path: form} of what was released."""
    return {
        f"{section}.{name}": field["form"]
        for section, fields in released.items()
        for name, field in fields.items()
    }


def differences(player: Player, view: Mapping[str, Any]) -> Iterator[str]:
    """Where a whole view differs from the table."""
    given = forms_of(view["released"])
    for path, form in expected()[player.role].items():
        if given.get(path) != form:
            yield f"{player.role} {path}: expected {form}, got {given.get(path)}"


def excess(player: Player, released: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What a notification holds that the table does not give. It may hold less than a read."""
    table = expected()[player.role]
    for path, form in forms_of(released).items():
        if table[path] != form:
            yield f"{player.role} was sent {path}: expected {table[path]}, got {form}"


def leaks(
    player: Player, sections: Mapping[str, Any], released: Mapping[str, Any]
) -> Iterator[str]:
    """Withheld values of the file that stand in what a recipient got, in whatever place."""
    table = expected()[player.role]
    given = "\n".join(_texts(released))
    for section, fields in sections.items():
        for name, envelope in fields.items():
            if table[f"{section}.{name}"] is None:
                for value in _texts(envelope["value"]):
                    if value in given:
                        yield f"{player.role} got the value of {section}.{name}"


def _texts(value: object) -> Iterator[str]:
    """The telling texts inside a value."""
    if isinstance(value, str) and len(value) >= TELLING_LENGTH:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
