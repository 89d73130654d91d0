"""`throughcare alerts`: the alerts, as an auditor finds them, and what a file of rules means."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from app.access_log.vocabulary import Operation
from app.alerts.rules import Rules
from app.cli.output import Json, screen
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration

PAGE = "50"

alerts = typer.Typer(help="Alerts on misuse (docs/alerts.md).", no_args_is_help=True)


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_alerts(
    *,
    configuration: Annotated[Path, typer.Option("--as", help="Configuration of an auditor.")],
    as_json: Json = False,
) -> None:
    """As an auditor: every alert, the oldest first."""
    with AgencyClient(AgencyConfiguration.from_file(configuration)) as client:
        found = [*_entries(client)]
    if as_json:
        print(json.dumps(found))  # noqa: T201 - the result
        return
    for one in found:
        screen.print(_line(one), markup=False)
    screen.print(f"{len(found)} alerts")


@alerts.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="Rules; without it the shipped ones.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say in words what a file of rules looks for; refuse what no rule can mean."""
    rules = Rules.from_file(file)
    shown = [
        {"id": rule.id, "severity": rule.severity, "told": sorted(rule.told), "means": rule.meaning}
        for rule in rules.all
    ]
    if as_json:
        print(json.dumps({"rules": shown, "digest": rules.digest}))  # noqa: T201 - the result
        return
    for one in shown:
        told = " and ".join(one["told"])
        screen.print(f"{one['id']} ({one['severity']}, {told}): {one['means']}", markup=False)


def _entries(client: AgencyClient) -> Iterator[dict[str, Any]]:
    """All alerts, page by page, of the log as it was at the first page."""
    query = {"operation": Operation.ALERT.value, "limit": PAGE}
    while True:
        page = client.request("GET", "/v1/access-log/entries", query=query).json()
        for entry in page["entries"]:
            said = entry["sections"].get("fields", {"missing": entry["missing"]})
            yield {"index": entry["index"], "id": entry["id"], **said}
        if page["next"] is None:
            return
        query |= {"after": str(page["next"]), "tree_size": str(page["tree_size"])}


def _line(one: dict[str, Any]) -> str:
    if "missing" in one:
        return f"{one['index']} cannot be read: {', '.join(one['missing'].values())}"
    who = " ".join(one[name] for name in ("agency", "officer") if name in one) or "the log itself"
    return (
        f"{one['index']} {one['severity']} {one['alert']}: {who}, {one['count']}, "
        f"{one['since']} to {one['until']}"
    )
