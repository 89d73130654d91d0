"""Entries of an export as CSV (RFC 4180): a head, then one row for each entry. Pure.

What a spreadsheet would take for a formula is written with an apostrophe in front.
"""

import csv
import io
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from app.access_log import canonical_json
from app.access_log.export_rows import ExportedEntry

# Column, and the section and member that it shows.
MEMBERS = (
    ("time", "circumstances", "time"),
    ("operation", "circumstances", "operation"),
    ("channel", "circumstances", "channel"),
    ("outcome", "circumstances", "outcome"),
    ("agency", "actor", "agency"),
    ("client", "actor", "client"),
    ("officer", "actor", "officer"),
    ("name", "actor", "name"),
    ("function", "actor", "function"),
    ("assurance", "actor", "assurance"),
    ("purpose", "grounds", "purpose"),
    ("legal_basis", "grounds", "legal_basis"),
    ("justification", "grounds", "justification"),
    ("case", "grounds", "case"),
    ("agreement", "grounds", "agreement"),
    ("emergency_override", "grounds", "emergency_override"),
    ("emergency_approver", "grounds", "emergency_approver"),
    ("person", "subject", "person"),
)
COLUMNS = (
    "index",
    "id",
    *(column for column, _, _ in MEMBERS),
    "released",
    "withheld",
    "details",
    "payload",
    "missing",
    "leaf",
    "proof",
)
# With these a spreadsheet begins a formula; tabs and ends of lines it passes over first.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_head() -> bytes:
    """The names of the columns."""
    return _lines([COLUMNS])


def csv_rows(exported: Iterable[ExportedEntry]) -> bytes:
    """A line for each entry."""
    return _lines(map(_cells, exported))


def _cells(exported: ExportedEntry) -> list[str]:
    entry, sections = exported.entry, exported.entry.sections
    fields = dict(sections.get("fields", {}))
    released, withheld = _named(fields, "released", "form"), _named(fields, "withheld", "reason")
    return [
        str(entry.index),
        entry.id,
        *(str(sections.get(section, {}).get(member, "")) for _, section, member in MEMBERS),
        released,
        withheld,
        _json(fields),
        _json(sections.get("payload", {})),
        _json(entry.missing),
        b64encode(entry.leaf).decode(),
        b64encode(exported.proof.encode()).decode(),
    ]


def _named(fields: dict[str, Any], member: str, beside: str) -> str:
    """`field:form` of each released field, or `field:reason`; what is not so stays in `fields`."""
    listed = fields.get(member, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return ""
    fields.pop(member, None)
    return " ".join(f"{one.get('field')}:{one.get(beside)}" for one in listed)


def _json(content: Mapping[str, Any]) -> str:
    return canonical_json.encode(content).decode() if content else ""


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(map(_guarded, row) for row in rows)
    return text.getvalue().encode()


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell
