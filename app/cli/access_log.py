"""Commands around the access log: export, checkpoint, and verification without the server."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.access_log.note import Verifier
from app.access_log.verifier import verify_export
from app.cli.log_export import export
from app.cli.output import Json, screen

access_log = typer.Typer(help="The access log: export it, verify it.", no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    access_log.command("export")(export)
    cli.add_typer(access_log, name="access-log")


@access_log.command()
def verify(
    export: Annotated[Path, typer.Argument(help="An export of the log.")],
    *,
    key: Annotated[list[str], typer.Option(help="The log's key (vkey) from the agreement.")],
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that was saved before; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify an export. The exit status tells the kind of finding; 0 is a sound log."""
    with export.open("rb") as lines:
        report = verify_export(
            lines,
            verifiers=[Verifier.from_vkey(text) for text in key],
            saved_checkpoints=[path.read_bytes().decode() for path in checkpoint or ()],
        )
    finding = None if report.finding is None else report.finding.name.lower()
    if as_json:
        result = {"finding": finding, "index": report.index, "detail": report.detail}
        print(json.dumps({**result, "size": report.size, "erased": report.erased}))  # noqa: T201 - the result
    elif finding is None:
        screen.print(
            f"sound: {report.size} entries of {report.origin}", style="green", markup=False
        )
    else:
        place = "" if report.index is None else f" at entry {report.index}"
        screen.print(f"{finding}{place}: {report.detail}", style="red", markup=False)
    raise typer.Exit(report.exit_code)
