"""Entries of an export as lines of JSON, each with its proof. Pure.

    {"checkpoint", "format", "origin", "size", "type": "header", "version"}
    {"index", "leaf", "missing", "proof", "sections", "type": "entry"}

Lines are as those of the whole log (app/access_log/export.py), which has tiles for its proofs.
"""

from collections.abc import Iterable

from app.access_log import canonical_json
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.export import entry_members, header_members
from app.access_log.export_rows import ExportedEntry

FORMAT = "throughcare access log entries"


def json_head(signed: SignedCheckpoint) -> bytes:
    """Which log, how large, and the checkpoint that every proof leads to."""
    return _line({**header_members(signed), "format": FORMAT})


def json_rows(exported: Iterable[ExportedEntry]) -> bytes:
    """A line for each entry."""
    return b"".join(_line({**entry_members(one.entry), "proof": one.proof}) for one in exported)


def _line(members: canonical_json.JsonObject) -> bytes:
    return canonical_json.encode(members) + b"\n"
