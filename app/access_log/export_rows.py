"""Rows of an export: an entry, when it was recorded, and the proof of its place.

Each proof is a file of its own (C2SP tlog-proof), with the checkpoint that it leads to: whoever
holds one row of an export and the log's key can prove its leaf, in whatever format it came. What
the row says is proved by the salts, which the lines of JSON have and the other formats do not.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.access_log import query
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.opened_entry import EntryOpener, OpenedEntry
from app.access_log.proof import InclusionProof
from app.access_log.query import EntryFilter
from app.access_log.tiles import InclusionProofs

# Rows that are read, written and sealed in one go: at 10 kB each, those of a disclosure with all
# fields, what the writer stores beside its other work within some milliseconds.
PORTION = 64


@dataclass(frozen=True, slots=True)
class ExportedEntry:
    """An entry as an export holds it; `proof` is the text of a tlog-proof."""

    entry: OpenedEntry
    recorded_at: datetime
    proof: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Entries, how many rows were looked at for them, and the index to go on after."""

    entries: tuple[ExportedEntry, ...]
    looked_at: int
    next: int | None


def read_portion(
    connection: Connection,
    filters: EntryFilter,
    signed: SignedCheckpoint,
    *,
    after: int | None,
    opener: EntryOpener,
) -> Portion:
    """The next entries that match, in the log of a checkpoint.

    Run it on one snapshot, as `export.export`. Raises LogDamaged where hashes are lost.
    """
    size = signed.checkpoint.size
    rows = query.matching_rows(
        connection, filters, limit=PORTION, tree_size=size, after_index=after
    )
    proofs = InclusionProofs(connection, size)
    found = []
    for row in rows:
        entry = opener.open(row)
        if query.releases(entry, filters.field):
            proof = InclusionProof(entry.index, proofs.of(entry.index), signed.note)
            found.append(ExportedEntry(entry, row["recorded_at"], proof.to_text()))
    following = rows[-1]["log_index"] if len(rows) == PORTION else None
    return Portion(tuple(found), len(rows), following)
