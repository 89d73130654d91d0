"""Commands around the policy bundle."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import Json, screen
from app.policy.loader import load_bundle
from app.settings import Settings

policy = typer.Typer(help="The data-sharing policy.", no_args_is_help=True)


@policy.callback()
def commands() -> None:
    """Keeps `check` a command of its own, beside those to come."""


@policy.command()
def check(
    *,
    policies: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("policies"),
    as_json: Json = False,
) -> None:
    """Load a bundle with every check, and print its digest."""
    bundle = load_bundle(
        policies,
        at=datetime.now(UTC).date(),
        allow_illustrative=Settings.from_environment().allow_illustrative,
    )
    result = {"digest": bundle.digest, "policies": len(bundle.policies)}
    if as_json:
        print(json.dumps(result))  # noqa: T201 - the result
    else:
        screen.print(f"{result['policies']} policies, digest {result['digest']}")
