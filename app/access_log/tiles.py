"""Hash tiles (C2SP tlog-tiles): any root and any proof of the log from a few rows.

A tile of level n holds 256 hashes, each the root of 256**n leaves. Full tiles are stored as
soon as the log has grown over them and never change; what stands behind the last full tile is
read from the look-up rows (level 0) or from the roots of the tiles below.
"""

from collections.abc import Callable
from functools import lru_cache, partial

from sqlalchemy import Connection, bindparam, insert, select

from app.access_log import merkle
from app.access_log.merkle import HASH_BYTES, Frontier, Range
from app.access_log.tables import AccessLogLookup, AccessLogTile
from app.access_log.tile_paths import TILE_HEIGHT, TILE_WIDTH
from app.problems import ThroughcareError
from app.rows import table_of

LOOKUP = table_of(AccessLogLookup)
TILE = table_of(AccessLogTile)

# From level, start and stop to those hashes of the level; they lie within one tile.
ReadHashes = Callable[[int, int, int], tuple[bytes, ...]]
# Of proofs in the order of the log: nodes that the next ones share, and the tiles they are of.
KEPT_NODES = 4_096
KEPT_TILES = 64
# The hashes of tiles by level and index; None where the tile is not full yet.
Known = dict[tuple[int, int], bytes | None]
_TILE = select(TILE.c.hashes).where(
    TILE.c.level == bindparam("at_level"), TILE.c.tile_index == bindparam("at_index")
)


class LogDamaged(ThroughcareError):
    """The stored log lacks hashes that it must have."""


def store_full_tiles(connection: Connection, old_size: int, new_size: int, level: int = 0) -> None:
    """Store the tiles that became full as a level grew, then those above them.

    Sizes are numbers of hashes in the level: leaves in level 0, tiles of the level below above.
    """
    old, new = old_size >> TILE_HEIGHT, new_size >> TILE_HEIGHT
    if old == new:
        return
    for index in range(old, new):
        hashes = _gather(connection, level, index << TILE_HEIGHT, (index + 1) << TILE_HEIGHT)
        tile = {"level": level, "tile_index": index}
        data = {"hashes": b"".join(hashes), "root": merkle.root(hashes)}
        connection.execute(insert(TILE), tile | data)
    store_full_tiles(connection, old, new, level + 1)


def root_at(connection: Connection, size: int) -> bytes:
    """The root that the log had at an earlier size. Raises LogDamaged."""
    return _subtree(_reader(connection), (0, size))


def inclusion_proof(connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
    """The proof that the entry at `index` stands in the log of `size`. Raises LogDamaged."""
    read = _reader(connection)
    return tuple(_subtree(read, part) for part in merkle.inclusion_ranges(index, size))


class InclusionProofs:
    """Many proofs in the log of one size: what they share is read and hashed once."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._size = size

        @lru_cache(KEPT_TILES)
        def tile(level: int, index: int) -> tuple[bytes, ...]:
            first = index << TILE_HEIGHT
            stop = min(first + TILE_WIDTH, size >> (TILE_HEIGHT * level))
            return read_hashes(connection, level, first, stop)

        def read(level: int, start: int, stop: int) -> tuple[bytes, ...]:
            index, offset = divmod(start, TILE_WIDTH)
            return tile(level, index)[offset : offset + stop - start]

        @lru_cache(KEPT_NODES)
        def node(part: Range) -> bytes:
            return _subtree(read, part)

        self._node = node

    def of(self, index: int) -> tuple[bytes, ...]:
        """The proof that the entry at `index` stands in the log. Raises LogDamaged."""
        return tuple(self._node(part) for part in merkle.inclusion_ranges(index, self._size))


def consistency_proof(connection: Connection, old_size: int, new_size: int) -> tuple[bytes, ...]:
    """The proof that the log of `new_size` extends the one of `old_size`. Raises LogDamaged."""
    parts = merkle.consistency_ranges(old_size, new_size)
    read = _reader(connection)
    return tuple(_subtree(read, part) for part in parts)


def read_hashes(
    connection: Connection, level: int, start: int, stop: int, known: Known | None = None
) -> tuple[bytes, ...]:
    """Hashes [start, stop) of a level; they lie within one tile. Raises LogDamaged.

    `known` are tiles that were read before, and gets this one: most parts of a proof lie in a few.
    """
    known = {} if known is None else known
    tile_index, offset = divmod(start, TILE_WIDTH)
    place = (level, tile_index)
    if place not in known:
        known[place] = connection.scalar(_TILE, {"at_level": level, "at_index": tile_index})
    tile = known[place]
    if tile is None:
        return _gather(connection, level, start, stop)
    part = tile[offset * HASH_BYTES : (offset + stop - start) * HASH_BYTES]
    return merkle.split_hashes(part)


def _gather(connection: Connection, level: int, start: int, stop: int) -> tuple[bytes, ...]:
    """Hashes [start, stop) of a level from the rows below it."""
    if level == 0:
        query = (
            select(LOOKUP.c.leaf_hash)
            .where(LOOKUP.c.log_index >= start, LOOKUP.c.log_index < stop)
            .order_by(LOOKUP.c.log_index)
        )
    else:
        query = (
            select(TILE.c.root)
            .where(TILE.c.level == level - 1)
            .where(TILE.c.tile_index >= start, TILE.c.tile_index < stop)
            .order_by(TILE.c.tile_index)
        )
    hashes = tuple(connection.scalars(query))
    if len(hashes) != stop - start:
        raise LogDamaged(f"expected {stop - start} hashes of level {level}, found {len(hashes)}")
    return hashes


def _reader(connection: Connection) -> ReadHashes:
    """Reads each full tile once: most parts of a proof lie in a few."""
    return partial(read_hashes, connection, known={})


def _subtree(read: ReadHashes, part: Range) -> bytes:
    """The root over leaves [start, stop), as they occur in roots and proofs.

    Such a part begins at a multiple of a power of two not smaller than itself. So in each level
    what stands behind the last full tile lies within one tile, and is read at once.
    """
    start, stop = part
    peaks: tuple[bytes, ...] = ()
    level = 0
    while start < stop:
        first = stop & -TILE_WIDTH if stop - start >= TILE_WIDTH else start
        if first < stop:
            hashes = read(level, first, stop)
            peaks = (*Frontier().extend(hashes).peaks, *peaks)
        if first == start:
            break
        level, start, stop = level + 1, start >> TILE_HEIGHT, first >> TILE_HEIGHT
    return merkle.join_peaks(peaks)
