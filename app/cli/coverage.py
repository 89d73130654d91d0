"""`throughcare coverage`: who would be told of which event where, and where nobody would."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated

import typer

from app.administration.coverage import Cell, How, OpenAlarm, coverage, open_alarms
from app.administration.escalations import OpenEscalation, open_escalations
from app.cli.offline import at_work
from app.cli.output import Json, screen
from app.settings import Settings

# No table: names of roles are longer than its columns would be.
TITLES = {How.COMPETENT: "told", How.FALLBACK: "told, standing in", How.NOBODY: "nobody"}
COLUMNS = ("event", "municipality", "role", "how", "agencies", "reachable")


def add_to(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("coverage")(show_coverage)


def show_coverage(
    *,
    event: Annotated[str | None, typer.Option(help="Only this event.")] = None,
    municipality: Annotated[str | None, typer.Option(help="Only this municipality.")] = None,
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a row for each role as CSV.")
    ] = False,
) -> None:
    """Show who would be told of each event in each municipality, and what is open.

    A notice that went to nobody is named with the roles that nobody has there, although another
    role, which is told at a step of its own, may have somebody. On SQLite the service is to be
    stopped first.
    """
    with at_work(Settings.from_environment()) as (database, house, at):
        cells, alarms, silent = database.read_blocking(
            lambda connection: (
                [*coverage(connection)],
                open_alarms(connection, house),
                open_escalations(connection, house, at=at),
            )
        )
    cells = [
        cell
        for cell in cells
        if event in (None, cell.event) and municipality in (None, cell.municipality)
    ]
    if as_json:
        content = {
            "coverage": [cell.to_json() for cell in cells],
            "alarms": [alarm.to_json() for alarm in alarms],
            "escalations": [one.to_json() for one in silent],
        }
        print(json.dumps(content))  # noqa: T201 - the result
    elif as_csv:
        _write_csv(cells)
    else:
        _show(cells, alarms, silent)


def _write_csv(cells: Iterable[Cell]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for cell in cells:
        row = {**cell.to_json(), "agencies": " ".join(cell.agencies)}
        writer.writerow([row[name] for name in COLUMNS])


def _show(
    cells: Sequence[Cell], alarms: Sequence[OpenAlarm], silent: Sequence[OpenEscalation]
) -> None:
    for (name, place), found in groupby(cells, key=lambda cell: (cell.event, cell.municipality)):
        roles = [*found]
        screen.print(f"{name}, {place}", style="bold", markup=False)
        for how, title in TITLES.items():
            if named := _named(roles, how):
                screen.print(f"  {title}: {named}", markup=False)
    for alarm in alarms:
        screen.print(_line(alarm), markup=False)
    for one in silent:
        screen.print(_unanswered(one), markup=False)
    screen.print(f"{len(alarms)} open alarms, {len(silent)} unanswered notices")


def _named(cells: Iterable[Cell], how: How) -> str:
    return ", ".join(
        f"{cell.role} {' '.join(cell.agencies)}{'' if cell.reachable else ' (no endpoint)'}"
        if cell.agencies
        else cell.role
        for cell in cells
        if cell.how is how
    )


def _unanswered(one: OpenEscalation) -> str:
    called = " ".join((one.second_contact or {}).values())
    line = f"unanswered, to {one.contact}: {one.event}, {one.agency}, {one.custodian}"
    return f"{line} {one.reference}{f', second contact {called}' if called else ''}"


def _line(alarm: OpenAlarm) -> str:
    place = alarm.municipality or "no municipality"
    line = f"{alarm.reason}: {alarm.event}, {place}, {alarm.custodian} {alarm.reference}"
    return (
        f"{line}, without an agency there: {', '.join(alarm.nobody_is)}"
        if alarm.nobody_is
        else line
    )
