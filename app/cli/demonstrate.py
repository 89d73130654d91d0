"""The demonstration as a command."""

import os
import time
from pathlib import Path

import typer

from app.cli.output import errors
from app.demo.script import NEAR
from app.demo.stage import DemoFailed
from app.demo.story import played
from app.settings import PREFIX


def add_to(cli: typer.Typer) -> None:
    """Add this command."""
    cli.command()(demo)


def demo() -> None:
    """Show the whole way on a fresh database: put in, decide, notify, read, audit, tamper.

    `THROUGHCARE_DEMO_INPUT` and `THROUGHCARE_DEMO_MAPPING` name a file to import instead of
    a generated population. The result is left as JSON in `demo-summary.json`.
    """
    started = time.monotonic()
    summary = Path(os.environ.get(f"{PREFIX}DEMO_SUMMARY", "demo-summary.json"))
    try:
        with played() as story:
            story.report.show(story.views, NEAR.name)
            story.report.write(summary, story.views)
            wrong = story.report.wrong
    except DemoFailed as failure:
        errors.print(f"the demonstration failed: {failure}", style="red", markup=False)
        raise typer.Exit(1) from None
    errors.print(f"{time.monotonic() - started:.1f} s; the whole result is in {summary}")
    if wrong:
        raise typer.Exit(1)
