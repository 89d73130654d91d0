"""Where the command line writes: results to standard output, errors beside them."""

import json
import unicodedata
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

# Of the characters that a terminal obeys, what divides lines is left.
LAYOUT = "\n\t"


class Plain(Console):
    """Writes what may come from anybody: what a terminal would obey is written out."""

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - those of its base
        """A text as it is shown."""
        return super().render_str(_harmless(text), **options)


def _harmless(text: str) -> str:
    return "".join(
        one.encode("unicode_escape").decode()
        if unicodedata.category(one) in {"Cc", "Cf", "Cs"} and one not in LAYOUT
        else one
        for one in text
    )


# A key or an id is copied from here: no line is broken at the width of a window.
screen = Plain(highlight=False, soft_wrap=True)
errors = Plain(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(content: dict[str, Any], *, as_json: bool) -> None:
    """Print a result as JSON, or as one line for each member; of a list, for each in it."""
    if as_json:
        print(json.dumps(content, ensure_ascii=False))  # noqa: T201 - the result itself
        return
    for name, value in content.items():
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            screen.print(f"{name}:", markup=False)
            for one in value:
                members = "  ".join(f"{member} {_said(of_it)}" for member, of_it in one.items())
                screen.print(f"  {members}", markup=False)
        else:
            screen.print(f"{name}: {_said(value)}", markup=False)


def _said(value: object) -> str:
    """A value as people read it."""
    match value:
        case None | () | []:
            return "none"
        case bool():
            return "yes" if value else "no"
        case dict():
            return f"({', '.join(f'{name} {_said(one)}' for name, one in value.items())})"
        case list() | tuple():
            return ", ".join(map(_said, value))
        case _:
            return str(value)
