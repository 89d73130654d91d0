"""Commands around retention: what is due, and the erasure of what two officers approved."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from app.access_log.note import Verifier
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.administration import repeated_erasures
from app.administration.retention import Candidate, candidates, run_due
from app.cli.log_evidence import read_keys
from app.cli.offline import at_work
from app.cli.output import Json, screen
from app.engines import empty_journal
from app.main import opened
from app.problems import Conflict
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
    _show_erased(made, as_json=as_json)


@retention.command()
def repeat(
    log: Annotated[Path, typer.Argument(help="A newer export of the whole log.")],
    *,
    key: Annotated[list[str], typer.Option(help="The log's key (vkey) from the agreement.")],
    as_json: Json = False,
) -> None:
    """After a restore: erase again whom a newer export of the log says was erased.

    The export is verified first. An export made before an erasure knows nothing of it.
    """
    verifiers = read_keys("--key", key, Verifier.from_vkey)
    verified, read = sha256(), sha256()
    with log.open("rb") as lines:
        report = verify_export(_shown(lines, verified.update), Evidence(verifiers=verifiers))
    if report.finding is not None:
        raise Conflict(f"{log}: does not verify: {report.detail}")
    with log.open("rb") as lines:
        erasures = list(repeated_erasures.in_export(_shown(lines, read.update)))
    # Nobody is erased on the word of another file than that which was verified.
    if read.digest() != verified.digest():
        raise Conflict(f"{log}: was changed while it was read")
    with at_work(Settings.from_environment()) as (database, house, at):
        known = database.read_blocking(lambda c: repeated_erasures.persons(c, house))
        made = [
            certificate
            for past in erasures
            for certificate in database.run_blocking(
                partial(repeated_erasures.repeat, house=house, past=past, known=known, at=at)
            )
        ]
        if made:
            empty_journal(database.engine)
    _show_erased(made, as_json=as_json)


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


def _shown(lines: Iterable[bytes], show: Callable[[bytes], object]) -> Iterator[bytes]:
    """The same lines; each is shown before."""
    for line in lines:
        show(line)
        yield line


def _show_erased(certificates: list[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"erased": len(certificates), "certificates": certificates}))  # noqa: T201 - the result
        return
    for one in certificates:
        screen.print(one, markup=False, soft_wrap=True)
    screen.print(f"{len(certificates)} persons erased")


def _line(one: Candidate) -> str:
    obstacle = f", {one.obstacle}" if one.obstacle else ""
    return f"{one.custodian} {one.reference}: {one.due.value}, request {one.request}{obstacle}"
