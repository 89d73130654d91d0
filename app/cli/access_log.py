"""Commands around the access log: export, verification without the server, and witnesses."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from app.access_log.note import Verifier
from app.access_log.verifier import verify_export
from app.cli import witness
from app.cli.output import Json, screen, show
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration

access_log = typer.Typer(
    help="The access log: export, verify and witness it.", no_args_is_help=True
)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    witness.add_to(access_log)
    cli.add_typer(access_log, name="access-log")


# Exit status of a log that is published without its quorum: a script must notice.
NOT_AS_AGREED = 2
# An export of a large log; the client holds it in memory before it is written.
LARGEST_EXPORT = 2 * 1024**3


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
        lost = sum(one.lost for one in report.successions)
        counts = {"size": report.size, "erased": report.erased, "lost": lost}
        print(json.dumps({**result, **counts}))  # noqa: T201 - the result
    elif finding is None:
        screen.print(
            f"sound: {report.size} entries of {report.origin}", style="green", markup=False
        )
        for one in report.successions:
            screen.print(
                f"{one.origin} from entry {one.kept} on, after {one.previous.origin}: "
                f"{one.lost} entries of that are declared lost",
                markup=False,
            )
    else:
        place = "" if report.index is None else f" at entry {report.index}"
        screen.print(f"{finding}{place}: {report.detail}", style="red", markup=False)
    raise typer.Exit(report.exit_code)


@access_log.command()
def export(
    file: Annotated[Path, typer.Argument(help="File to write.")],
    *,
    configuration: Annotated[Path, typer.Option("--as", help="Configuration of an auditor.")],
    as_json: Json = False,
) -> None:
    """As an auditor: fetch the whole log up to its newest checkpoint."""
    with AgencyClient(AgencyConfiguration.from_file(configuration)) as client:
        answer = client.request("GET", "/v1/access-log/exports", max_bytes=LARGEST_EXPORT)
    _write_privately(file, answer.content)
    show({"file": str(file), "bytes": len(answer.content)}, as_json=as_json)


@access_log.command()
def recover(
    *,
    origin: Annotated[str, typer.Option(help="New name of the log, never used before.")],
    replace_key: Annotated[
        str | None,
        typer.Option(help="The log's key (vkey) from the agreement, if lost or stolen."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Go on under a new name: the newest database is lost, or the checkpoint, or the log's key.

    The service must be stopped. docs/runbook.md says what to try before, and whom to tell.
    """
    from app.cli import log_recovery  # noqa: PLC0415 - verification does without an installation

    lost_key = None if replace_key is None else Verifier.from_vkey(replace_key)
    log_recovery.recover(origin, lost_key=lost_key, sure=yes, as_json=as_json)


@access_log.command()
def checkpoint(*, as_json: Json = False) -> None:
    """Show the newest checkpoint, who has cosigned it, and whether enough witnesses do.

    The exit status is 2 where the quorum is missing, or a witness knows another history.
    """
    # It loads the installation, which verification without the server does without.
    from app.cli.checkpoint_status import read_status  # noqa: PLC0415

    status, as_agreed = read_status()
    if as_json:
        show(status, as_json=True)
    else:
        standings = status.pop("witnesses")
        show({name: value for name, value in status.items() if value is not None}, as_json=False)
        for one in standings:
            screen.print("  ".join(f"{k} {v}" for k, v in one.items() if v), markup=False)
    if not as_agreed:
        raise typer.Exit(NOT_AS_AGREED)


def _write_privately(file: Path, content: bytes) -> None:
    """Write what says who asked about whom: for nobody but its owner."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, 0o600)
        opened.write(content)
