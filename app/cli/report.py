"""Reports over what the exchange did: how early a release was known, and a person's own report."""

import csv
import json
import sys
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.table import Table

from app.cli.lead_time_picture import picture
from app.cli.new_files import require_place, write_whole
from app.cli.output import Json, screen, show
from app.main import make_clock, opened, read_profile
from app.outbox import lead_times
from app.own_report.catalogues import LANGUAGES
from app.problems import InvalidInput
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.releases.lead_time import SMALLEST_GROUP, Report, Row
from app.settings import Settings

report = typer.Typer(help="Reports over what was done.", no_args_is_help=True)
YEAR = timedelta(days=365)
MEDIA_TYPES = {".pdf": "application/pdf", ".txt": "text/plain", ".json": "application/json"}


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(report, name="report")


@report.callback()
def about() -> None:
    """Over many releases, without the small groups; or a person's own. None names a person."""


@report.command("lead-time")
def lead_time(
    *,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    drawn: Annotated[
        Path | None, typer.Option("--picture", help="Also draw it into this SVG file.")
    ] = None,
) -> None:
    """How many days before a release its recipients knew, by role and establishment.

    Releases of the last year, by the day that was planned, unless other days are named.
    """
    settings = Settings.from_environment()
    profile = read_profile(settings)
    today = profile.local_date(make_clock(settings)())
    last = until.date() if until else today
    first = since.date() if since else last - YEAR
    if first > last:
        raise InvalidInput("the first day lies after the last one")
    with opened(settings) as database:
        found = database.read_blocking(
            partial(lead_times.read, profile=profile, since=first, until=last, today=today)
        )
    if drawn is not None:
        drawn.write_text(picture(found), encoding="utf-8")
    if as_json:
        period = {"since": first.isoformat(), "until": last.isoformat()}
        print(json.dumps({**period, "profile": profile.code, **found.to_json()}))  # noqa: T201 - the result
    elif as_csv:
        _write_csv(found)
    else:
        _show(found, first, last)


@report.command("person")
def person(
    reference: Annotated[str, typer.Argument(help="The custodian's reference for the person.")],
    *,
    configuration: Annotated[Path, typer.Option("--as", help="Configuration of the custodian.")],
    to: Annotated[Path, typer.Option(help="New file, as its ending says: pdf, txt or json.")],
    language: Annotated[
        str, typer.Option(help=f"The person's language, of {', '.join(LANGUAGES)}.")
    ] = "en",
    as_json: Json = False,
) -> None:
    """As the custodian: the person's own report, who received what of them, when and why."""
    if to.suffix not in MEDIA_TYPES:
        raise InvalidInput(f"expected a file that ends in one of: {' '.join(MEDIA_TYPES)}")
    require_place(to)
    if language not in LANGUAGES:
        raise InvalidInput(f"expected a language of: {' '.join(LANGUAGES)}")
    headers = {"Accept": MEDIA_TYPES[to.suffix], "Accept-Language": language}
    path = f"/v1/inmate-files/{quote(reference, safe='')}/own-report"
    with AgencyClient(AgencyConfiguration.from_file(configuration)) as client:
        answer = client.request("GET", path, headers=headers)
    write_whole(to, answer.content)
    said = {"file": str(to), "bytes": len(answer.content)}
    show({**said, "language": answer.headers["content-language"]}, as_json=as_json)


def _write_csv(found: Report) -> None:
    names = [field.name for field in fields(Row)]
    writer = csv.DictWriter(sys.stdout, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for row in found.rows:
        late = " ".join(f"{reason}={count}" for reason, count in row.late.items())
        writer.writerow({**asdict(row), "late": late})


def _show(found: Report, first: date, last: date) -> None:
    table = Table(title=f"Notice of releases from {first} to {last}, in days")
    for name in ("role", "establishment", "told", "due", "half had", "nine in ten", "on time"):
        table.add_column(name)
    for name in ("under 8", "none", "not answered", "avoidable"):
        table.add_column(name, justify="right")
    for row in found.rows:
        table.add_row(
            row.role,
            row.establishment,
            str(row.recipients),
            str(row.target_days),
            f"{row.median_days:g}",
            str(row.tenth_days),
            f"{row.on_time_share:.0%}",
            str(row.critical),
            str(row.zero_notice),
            str(row.unacknowledged),
            str(row.avoidable),
        )
    screen.print(table)
    for one in found.establishments:
        screen.print(
            f"{one.establishment}: {one.releases} releases, for {one.nobody_competent} of them "
            "nobody competent was to be told",
            markup=False,
        )
    screen.print(f"{found.suppressed} groups of fewer than {SMALLEST_GROUP} are not shown")
