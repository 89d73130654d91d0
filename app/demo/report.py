"""What the demonstration found: the table, the lead times, the notes, and what was wrong."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from app.demo.cast import RECIPIENTS
from app.demo.expectations import forms_of
from app.files.catalogue import SECTIONS

# Why nothing is given, short enough for a cell. The reason depends on role and purpose only.
REASONS = {
    "not_for_this_role": "· role",
    "not_for_this_purpose": "· purpose",
    "conditions_not_met": "· condition",
}
SHOWN_ROWS = 10
# The floor of notice (domain: events 4.3).
CRITICAL_DAYS = 8
# The longest field name and four columns of forms; a narrower screen wraps lines.
WIDTH = 96


@dataclass(kw_only=True)
class Report:
    """Collected while the story is played."""

    screen: Console = field(default_factory=lambda: Console(highlight=False, width=WIDTH))
    log_key: str = ""
    source: str = ""
    import_outcome: dict[str, int] = field(default_factory=dict)
    refused_rows: list[dict[str, Any]] = field(default_factory=list)
    opened: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    lead_days: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def step(self, title: str) -> None:
        """Say what happens now."""
        self.screen.print(f"[dim]•[/dim] {title}")

    def say(self, text: str) -> None:
        """Say something of the step that happens now."""
        self.screen.print(f"  {text}", markup=False)

    def note(self, text: str) -> None:
        """Keep a finding for the end."""
        self.notes.append(text)

    def require(self, problems: Iterable[str]) -> None:
        """Keep what is wrong; anything makes the demonstration fail."""
        self.wrong.extend(problems)

    def imported(self, outcome: dict[str, int], refused: list[dict[str, Any]]) -> None:
        """Say what became of the rows."""
        self.import_outcome, self.refused_rows = outcome, refused
        counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.items()))
        self.say(f"{self.source}: {counts}")
        for row in refused[:SHOWN_ROWS]:
            self.say(f"  line {row['line']}: {row['detail']}")

    def audited(self, entries: list[dict[str, Any]]) -> None:
        """Note what the auditor saw of the police."""
        newest = entries[-1]["sections"]
        fields = len(newest["fields"]["released"])
        actor, purpose = newest["actor"], newest["grounds"]["purpose"]
        self.note(
            f"the auditor sees {len(entries)} disclosures to {actor['agency']}; the last: "
            f"{fields} fields, purpose {purpose}, by {actor['officer']}"
        )

    def show(self, views: Mapping[str, Mapping[str, Any]], part: str) -> None:
        """Print the table of what each recipient got, the lead times and the notes."""
        self.screen.print()
        self.screen.print(_table(views, part))
        self.screen.print(_lead_table(self.lead_days))
        for note in self.notes:
            self.screen.print(f"✓ {note}", markup=False)
        for problem in self.wrong:
            self.screen.print(f"✗ {problem}", style="red", markup=False)

    def write(self, path: Path, views: Mapping[str, Mapping[str, Any]]) -> None:
        """Leave the whole result as JSON."""
        summary = {
            "import": self.import_outcome,
            "refused_rows": self.refused_rows,
            "released": {id_: forms_of(view["released"]) for id_, view in views.items()},
            "withheld": {id_: view["withheld"] for id_, view in views.items()},
            "opened_notifications": {id_: forms_of(sent) for id_, sent in self.opened.items()},
            "lead_days": self.lead_days,
            "notes": self.notes,
            "wrong": self.wrong,
            "log_key": self.log_key,
        }
        path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _table(views: Mapping[str, Mapping[str, Any]], part: str) -> Table:
    """One row for each field of the catalogue, one column for each recipient."""
    table = Table(
        title=f"Person {part}: field by recipient", title_justify="left", box=SIMPLE, pad_edge=False
    )
    table.add_column("field", no_wrap=True)
    for player in RECIPIENTS:
        table.add_column(player.heading, no_wrap=True)
    cells = {player.id: _cells(views[player.id]) for player in RECIPIENTS}
    for name, section in SECTIONS.items():
        table.add_row(f"[bold]{name}[/bold]")
        for inner in section.fields:
            row = [cells[player.id][f"{name}.{inner}"] for player in RECIPIENTS]
            table.add_row(f"  {inner}", *row)
    table.caption = (
        "A form (full, summary, generalised, existence) is what the recipient got. “· role”: never "
        "for this role; “· purpose”: not for the stated purpose; “· condition”: a condition is "
        "not met, such as a consent."
    )
    table.caption_justify = "left"
    return table


def _cells(view: Mapping[str, Any]) -> dict[str, str]:
    withheld = {one["field"]: f"[dim]{REASONS[one['reason']]}[/dim]" for one in view["withheld"]}
    return withheld | {
        path: f"[green]{form}[/green]" for path, form in forms_of(view["released"]).items()
    }


def _lead_table(lead_days: Mapping[str, list[int]]) -> Table:
    """Days between notice and release; below 0 the release was past when it became known."""
    table = Table(title="Lead time: days from notice to release", title_justify="left", box=SIMPLE)
    table.add_column("agency")
    for heading in ("notices", "median", "shortest", "0 to 7 days", "after release"):
        table.add_column(heading, justify="right")
    for agency, days in lead_days.items():
        critical = sum(0 <= day < CRITICAL_DAYS for day in days)
        late = sum(day < 0 for day in days)
        cells = (len(days), median(days), min(days), critical, late)
        table.add_row(agency, *(f"{cell:g}" for cell in cells))
    return table
