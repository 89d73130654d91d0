"""Commands around the access log: export, verification, witnesses, recovery."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from app.access_log.cosignature import Witness
from app.access_log.findings import Finding, Promises, Report, Watch
from app.access_log.note import Verifier
from app.access_log.tile_verifier import verify_published
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.cli import witness as witnesses
from app.cli.log_evidence import read_checkpoints, read_keys, read_receipts
from app.cli.log_export import export
from app.cli.output import Json, errors, screen, show
from app.problems import InvalidInput
from app.receiver.configuration import AgencyConfiguration
from app.receiver.published_log import PublishedLog

access_log = typer.Typer(
    help="The access log: export, verify and witness it.", no_args_is_help=True
)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    access_log.command("export")(export)
    witnesses.add_to(access_log)
    cli.add_typer(access_log, name="access-log")


# Exit status of a log that is published without its quorum: a script must notice.
NOT_AS_AGREED = 2
# Of a log that is sound, and yet not all that was signed: a script that looks at nothing else must
# not take it for the whole.
DECLARED_LOST = 9
STATUSES = (
    "Exit status: 0 sound, 1 it could not be verified, 2 wrong usage, "
    f"{DECLARED_LOST} sound but more is declared lost than --lost says, "
    + ", ".join(f"{int(finding)} {finding.name.lower()}" for finding in Finding)
)
# In a report for people; a script reads all of them with --json.
MOST_NAMED = 20


@access_log.command(epilog=STATUSES)
def verify(  # noqa: PLR0913 - options by name
    log: Annotated[str, typer.Argument(help="An export of the log, or the service's address.")],
    *,
    key: Annotated[list[str], typer.Option(help="The log's key (vkey) from the agreement.")],
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that was saved, a folder, or a receiver's store."),
    ] = None,
    receipt: Annotated[
        list[Path] | None,
        typer.Option(help="A receipt that came with a disclosure, a folder, or a store."),
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="A witness's key (vkey) from the agreement.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(min=1, help="How many witnesses must have signed; else all.")
    ] = None,
    lost: Annotated[
        int,
        typer.Option(min=0, help="So many entries are known to be lost, as the log declares."),
    ] = 0,
    configuration: Annotated[
        Path | None, typer.Option("--as", help="At an address: an auditor, who reads leaves too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a log, from an export or from its address, without the server's word for anything.

    Options that name evidence can be given more than once.
    """
    named = read_keys("--witness", witness or (), Witness.from_vkey)
    if quorum is not None and quorum > len(named):
        raise InvalidInput("expected as many witnesses as the quorum, at least")
    evidence = Evidence(
        verifiers=read_keys("--key", key, Verifier.from_vkey),
        saved_checkpoints=read_checkpoints(checkpoint or ()),
        receipts=read_receipts(receipt or ()),
        at=datetime.now(UTC),
        witnesses=named,
        quorum=len(named) if quorum is None else quorum,
    )
    with Progress(
        console=errors, transient=True, disable=as_json or not errors.is_terminal
    ) as progress:
        bar = progress.add_task("verifying", total=None)
        report = _verify(
            log,
            evidence,
            configuration,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
    _show(report, as_json=as_json)
    raise typer.Exit(DECLARED_LOST if _lost(report) > lost else report.exit_code)


def _verify(log: str, evidence: Evidence, configuration: Path | None, watch: Watch) -> Report:
    if not log.startswith(("https://", "http://")):
        if configuration is not None:
            raise InvalidInput("an export is verified without a configuration")
        with Path(log).open("rb") as lines:
            return verify_export(lines, evidence, watch=watch)
    auditor = None if configuration is None else AgencyConfiguration.from_file(configuration)
    with PublishedLog(log, auditor=auditor) as published:
        return verify_published(
            published.fetch, evidence, with_entries=auditor is not None, watch=watch
        )


def _lost(report: Report) -> int:
    """How many entries a sound log declares lost."""
    return sum(one.lost for one in report.successions)


def _show(report: Report, *, as_json: bool) -> None:
    finding = None if report.finding is None else report.finding.name.lower()
    if as_json:
        result = {
            "finding": finding,
            "index": report.index,
            "last": report.last,
            "detail": report.detail,
            "origin": report.origin,
            "size": report.size,
            "erased": report.erased,
            "erasures": [
                {"erased_by": by, "entries": list(entries)}
                for by, entries in report.erasures.items()
            ],
            "receipts": {
                "kept": report.promises.kept,
                "not_yet_due": report.promises.not_yet_due,
                "lost": report.promises.lost,
            },
            "lost": _lost(report),
            "names": [
                {
                    "origin": one.origin,
                    "from": one.kept,
                    "after": one.previous.origin,
                    "lost": one.lost,
                }
                for one in report.successions
            ],
            "witnessed": report.witnessed,
        }
        print(json.dumps(result))  # noqa: T201 - the result
    elif finding is None:
        _show_sound(report)
    else:
        screen.print(f"{finding}{_place(report)}: {report.detail}", style="red", markup=False)


def _show_sound(report: Report) -> None:
    screen.print(f"sound: {report.size} entries of {report.origin}", style="green", markup=False)
    for by, entries in report.erasures.items():
        named = ", ".join(map(str, entries[:MOST_NAMED]))
        more = len(entries) - MOST_NAMED
        screen.print(
            f"  erased by entry {by}: {named}{f' and {more} more' if more > 0 else ''}",
            markup=False,
        )
    for one in report.successions:
        screen.print(
            f"  {one.origin} from entry {one.kept} on, after {one.previous.origin}: "
            f"{one.lost} entries of that are declared lost",
            # Sound, and yet not the whole of it.
            style="bold red" if one.lost else "",
            markup=False,
        )
    promises = report.promises
    if promises != Promises():
        screen.print(
            f"  receipts: {promises.kept} kept, {promises.not_yet_due} not yet due, "
            f"{promises.lost} of an earlier name for entries that are lost"
        )
    if report.witnessed is not None:
        screen.print(f"  cosigned by enough witnesses: the first {report.witnessed} entries")


def _place(report: Report) -> str:
    if report.index is None:
        return ""
    if report.last is None or report.last == report.index:
        return f" at entry {report.index}"
    return f" between entries {report.index} and {report.last}"


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
