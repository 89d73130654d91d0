"""The whole log up to a checkpoint as lines of JSON that can be verified without the server.

    {"checkpoint", "format", "origin", "size", "type": "header", "version"}
    {"hashes", "index", "level": 0, "type": "tile"}                     256 leaf hashes, base64
    {"index", "leaf", "missing", "sections", "type": "entry"}

Every line is canonical JSON and a newline, so that each byte counts. The leaf is text: its bytes
are hashed as they stand. Sections hold `content` (text, committed to as it stands) and `salt`.
`missing` says why sections that the leaf commits to do not show: {"personal": "erased"} (a later
entry, that of the erasure, names this one among its `erased_entries`),
{"inputs": "withheld", "reference": "withheld"} (what a decision was made from holds values of
the file; an agency's name for a person is its own), or "damaged", for
what should open and does not.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from app.access_log import canonical_json, tiles
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.merkle import HASH_BYTES
from app.access_log.opened_entry import LOOKUP, EntryOpener, OpenedEntry, rows_query
from app.access_log.sealing import LogKeys
from app.access_log.tile_paths import TILE_WIDTH

FORMAT = "throughcare access log"
VERSION = 1


def header_line(signed: SignedCheckpoint) -> bytes:
    """The first line: which log, how large, and the note that vouches for it."""
    return _line(header_members(signed))


def header_members(signed: SignedCheckpoint) -> canonical_json.JsonObject:
    """The members of the first line."""
    return {
        "type": "header",
        "format": FORMAT,
        "version": VERSION,
        "origin": signed.checkpoint.origin,
        "size": signed.checkpoint.size,
        "checkpoint": signed.note,
    }


def tile_line(index: int, hashes: Sequence[bytes]) -> bytes:
    """A tile of leaf hashes; the last one may be shorter than the others."""
    encoded = b64encode(b"".join(hashes)).decode()
    return _line({"type": "tile", "level": 0, "index": index, "hashes": encoded})


def entry_line(entry: OpenedEntry) -> bytes:
    """An entry with the sections that open."""
    return _line(entry_members(entry))


def entry_members(entry: OpenedEntry) -> canonical_json.JsonObject:
    """The members of an entry's line."""
    return {
        "type": "entry",
        "index": entry.index,
        # A leaf that is no text any more was altered; what shows of it does not verify.
        "leaf": entry.leaf.decode(errors="replace"),
        "sections": {name: opening.to_json() for name, opening in entry.openings.items()},
        "missing": entry.missing,
    }


def export(connection: Connection, signed: SignedCheckpoint, *, keys: LogKeys) -> Iterator[bytes]:
    """The lines of an export, read in portions.

    It shows what is stored, damaged or not; judging is the verifier's work. A lost row makes no
    line. Run it on one snapshot (REPEATABLE READ on PostgreSQL): an erasure that commits between
    a row and its key would look like damage.
    """
    starts = range(0, signed.checkpoint.size, TILE_WIDTH)
    yield header_line(signed)
    for start in starts:
        yield stored_tile_line(connection, start, size=signed.checkpoint.size)
    opener = EntryOpener(connection, keys)
    for start in starts:
        stop = min(start + TILE_WIDTH, signed.checkpoint.size)
        yield from entry_lines(connection, start, stop, opener=opener)


def stored_tile_line(connection: Connection, start: int, *, size: int) -> bytes:
    """The tile that begins at `start`, as it is stored."""
    stop = min(start + TILE_WIDTH, size)
    return tile_line(start // TILE_WIDTH, _leaf_hashes(connection, start, stop))


def entry_lines(
    connection: Connection, start: int, stop: int, *, opener: EntryOpener
) -> Iterator[bytes]:
    """The entries [start, stop)."""
    part = rows_query().where(LOOKUP.c.log_index >= start, LOOKUP.c.log_index < stop)
    for row in connection.execute(part).mappings().all():
        if row["leaf"] is not None:
            yield entry_line(opener.open(row))


def _leaf_hashes(connection: Connection, start: int, stop: int) -> Sequence[bytes]:
    """The stored leaf hashes [start, stop) of a tile; zeros where one is lost."""
    try:
        return tiles.read_hashes(connection, 0, start, stop)
    except tiles.LogDamaged:
        query = select(LOOKUP.c.log_index, LOOKUP.c.leaf_hash).where(
            LOOKUP.c.log_index >= start, LOOKUP.c.log_index < stop
        )
        found = {row.log_index: row.leaf_hash for row in connection.execute(query)}
        return [found.get(index, bytes(HASH_BYTES)) for index in range(start, stop)]


def _line(value: canonical_json.JsonObject) -> bytes:
    return canonical_json.encode(value) + b"\n"
