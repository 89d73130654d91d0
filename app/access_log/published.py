"""The log as it is published: tiles, entries and proofs, up to what a checkpoint has signed."""

from sqlalchemy import Connection, select

from app.access_log import tiles
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.opened_entry import LOOKUP, rows_query
from app.access_log.proof import InclusionProof
from app.access_log.tile_paths import LEVELS, TILE_HEIGHT, Place
from app.access_log.tiles import LogDamaged

LENGTH_BYTES = 2


def hash_tile(connection: Connection, level: int, place: Place, size: int) -> bytes | None:
    """The hashes of a tile, 32 bytes each; None where a log of this size has no such tile.

    Raises LogDamaged where stored hashes are lost.
    """
    if not 0 <= level < LEVELS or place.stop > size >> (TILE_HEIGHT * level):
        return None
    return b"".join(tiles.read_hashes(connection, level, place.start, place.stop))


def entry_bundle(connection: Connection, place: Place, size: int) -> bytes | None:
    """The leaves of a tile of level 0, each behind its length in two bytes, big-endian.

    Raises LogDamaged where an entry is lost.
    """
    if place.stop > size:
        return None
    query = rows_query().where(LOOKUP.c.log_index >= place.start, LOOKUP.c.log_index < place.stop)
    leaves = [row.leaf for row in connection.execute(query)]
    if len(leaves) != place.width or None in leaves:
        raise LogDamaged("entries of the log are lost")
    return b"".join(len(leaf).to_bytes(LENGTH_BYTES) + leaf for leaf in leaves)


def proof_of(
    connection: Connection, entry_id: str, signed: SignedCheckpoint
) -> InclusionProof | None:
    """The proof that an entry stands in the log of a checkpoint; None where it does not yet."""
    index = connection.scalar(select(LOOKUP.c.log_index).where(LOOKUP.c.entry_id == entry_id))
    size = signed.checkpoint.size
    if index is None or index >= size:
        return None
    return InclusionProof(index, tiles.inclusion_proof(connection, index, size), signed.note)
