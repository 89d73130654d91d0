"""Commands around the policy bundle."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.output import Json, screen
from app.main import make_clock
from app.policy.loader import load_bundle
from app.settings import Settings

policy = typer.Typer(help="The data-sharing policy.", no_args_is_help=True)


@policy.callback()
def commands() -> None:
    """Keeps `check` a command of its own, beside those to come."""


@policy.command()
def check(
    *,
    policies: Annotated[
        Path | None, typer.Option(help="Folder of the bundle; that of the settings if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a bundle with every check, and print its digest."""
    settings = Settings.from_environment()
    bundle = load_bundle(
        policies or settings.policies_directory,
        at=make_clock(settings)().date(),
        allow_illustrative=settings.allow_illustrative,
    )
    result = {"digest": bundle.digest, "policies": len(bundle.policies)}
    if as_json:
        print(json.dumps(result))  # noqa: T201 - the result
    else:
        screen.print(f"{result['policies']} policies, digest {result['digest']}")
