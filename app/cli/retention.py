"""Commands around retention: what is due, and the erasure of what two officers approved."""

import json
from functools import partial
from typing import Annotated

import typer

from app.administration.retention import Candidate, candidates, run_due
from app.cli.offline import at_work
from app.cli.output import Json, screen
from app.database import empty_journal
from app.main import opened
from app.retention.requests import certificate as certificate_of
from app.settings import Settings

retention = typer.Typer(help="How long files are kept.", no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(retention, name="retention")


@retention.command()
def preview(*, as_json: Json = False) -> None:
    """Files whose term has ended, or whose release nobody recorded, and what stands in the way."""
    settings = Settings.from_environment()
    with at_work(settings) as (database, house, at):
        found = database.read_blocking(
            lambda connection: list(
                candidates(connection, house, term=settings.retention_days, at=at)
            )
        )
    if as_json:
        print(json.dumps([one.to_json() for one in found]))  # noqa: T201 - the result
        return
    for one in found:
        screen.print(_line(one), markup=False)
    screen.print(f"{len(found)} files")


@retention.command()
def run(*, as_json: Json = False) -> None:
    """Erase what two officers approved and nothing stands against; print each certificate."""
    settings = Settings.from_environment()
    with at_work(settings) as (database, house, at):
        made = run_due(database, house, term=settings.retention_days, at=at)
        if made:
            # What was overwritten in the database still stands in its journal.
            empty_journal(database.engine)
    if as_json:
        print(json.dumps({"erased": len(made), "certificates": made}))  # noqa: T201 - the result
        return
    for certificate in made:
        screen.print(certificate, markup=False, soft_wrap=True)
    screen.print(f"{len(made)} persons erased")


@retention.command()
def certificate(
    erasure_id: Annotated[str, typer.Argument(help="As the request of the erasure was numbered.")],
    *,
    as_json: Json = False,
) -> None:
    """Print the certificate of an erasure again."""
    settings = Settings.from_environment()
    with opened(settings) as database:
        found = database.read_blocking(partial(certificate_of, erasure_id=erasure_id))
    if as_json:
        print(json.dumps({"certificate": found}))  # noqa: T201 - the result
        return
    screen.print(found, markup=False, soft_wrap=True)


def _line(one: Candidate) -> str:
    obstacle = f", {one.obstacle}" if one.obstacle else ""
    return f"{one.custodian} {one.reference}: {one.due.value}, request {one.request}{obstacle}"
