"""Receipts on an agency's side: they are kept, and the log is held to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from app.cli.output import errors
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from throughcare_receiver.promises import BrokenPromise
from throughcare_receiver.sqlite_store import SqliteStore

# Exit status where something was disclosed to us and is not on record.
NOT_ON_RECORD = 3


@contextmanager
def kept_receipts(agency: AgencyConfiguration) -> Iterator[SqliteStore | None]:
    """Where receipts are kept; nowhere for an agency that knows no key of the log."""
    if not agency.log:
        yield None
        return
    with SqliteStore.open(agency.store) as store:
        yield store


def report_promises(client: AgencyClient, store: SqliteStore | None) -> None:
    """Hold the log to what is due by now; what it does not keep ends the command."""
    if store is not None:
        report_broken(client.broken_promises(store))


def report_broken(broken: Sequence[BrokenPromise]) -> None:
    """Say loudly what is not on record, and end with the status for that."""
    for one in broken:
        errors.print(f"DISCLOSED BUT NOT ON RECORD: {one}", style="bold red", markup=False)
    if broken:
        errors.print(
            "Keep the receipts (they are signed) and tell the supervisory authority.", style="red"
        )
        raise typer.Exit(NOT_ON_RECORD)
