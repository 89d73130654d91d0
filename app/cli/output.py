"""Where the command line writes: results to standard output, errors beside them."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

# A key or an id is copied from here: no line is broken at the width of a window.
screen = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show(content: dict[str, Any], *, as_json: bool) -> None:
    """Print a result as JSON, or as one line for each member."""
    if as_json:
        print(json.dumps(content, ensure_ascii=False))  # noqa: T201 - the result itself
        return
    for name, value in content.items():
        screen.print(f"{name}: {value}", markup=False)
