"""When the entries of each full tile were recorded: where in the log to look for a time.

The order of the log is that of its indices; times follow it nearly, for transactions commit late
and clocks differ. So each full tile keeps the oldest and the newest time in it, and a search for
a time reads no tile that lies wholly before or behind it, and misses none.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select

from app.access_log.tables import AccessLogLookup, AccessLogPeriod
from app.access_log.tile_paths import TILE_HEIGHT, TILE_WIDTH
from app.rows import table_of
from app.statements import Prepared

LOOKUP = table_of(AccessLogLookup)
PERIOD = table_of(AccessLogPeriod)
_FIRST = Prepared(
    select(func.min(PERIOD.c.tile_index)).where(PERIOD.c.newest >= bindparam("since"))
)
_LAST = Prepared(select(func.max(PERIOD.c.tile_index)).where(PERIOD.c.oldest < bindparam("until")))


class Stretch(NamedTuple):
    """Indices of the log, from `start` on, below `stop`."""

    start: int
    stop: int


def store(connection: Connection, old_size: int, new_size: int) -> None:
    """Keep the periods of the tiles of leaves that became full as the log grew."""
    old, new = old_size >> TILE_HEIGHT, new_size >> TILE_HEIGHT
    if old == new:
        return
    tile = LOOKUP.c.log_index // TILE_WIDTH
    times = (func.min(LOOKUP.c.recorded_at), func.max(LOOKUP.c.recorded_at))
    grown = (
        LOOKUP.c.log_index >= old << TILE_HEIGHT,
        LOOKUP.c.log_index < new << TILE_HEIGHT,
    )
    made = select(tile, *times).where(*grown).group_by(tile)
    connection.execute(insert(PERIOD).from_select(list(PERIOD.c), made))


def stretches(
    connection: Connection, since: datetime | None, until: datetime | None, *, size: int
) -> list[Stretch]:
    """Where in the log of this size every entry of [since, until) stands, in its order.

    The last full tile and what stands behind it are looked at anyway.
    """
    tail = size >> TILE_HEIGHT << TILE_HEIGHT
    start, stop = 0, tail
    if since is not None:
        [found] = _FIRST.scalars(connection, since=since)
        start = tail if found is None else found << TILE_HEIGHT
    if until is not None:
        [found] = _LAST.scalars(connection, until=until)
        stop = 0 if found is None else (found + 1) << TILE_HEIGHT
    full = Stretch(min(start, tail), min(stop, tail))
    if full.stop == tail:
        return [Stretch(full.start, size)]
    return [full, Stretch(tail, size)]
