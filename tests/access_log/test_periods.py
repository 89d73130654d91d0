"""Whatever the times, a stretch leaves out no entry of a time."""

from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest
from sqlalchemy import Connection, insert, select

from app.access_log import periods
from app.access_log.periods import LOOKUP, PERIOD
from app.access_log.tile_paths import TILE_WIDTH

BEGIN = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
# Four full tiles and some entries behind them.
SIZE = 4 * TILE_WIDTH + 40
SECONDS = timedelta(seconds=1)
SINCE = (None, -500, 0, 300, 700, 1_060, 2_000)
UNTIL = (None, -500, 1, 520, 1_050, 2_000)
SIZES = (SIZE, 3 * TILE_WIDTH, 700, 100, 0)


@pytest.fixture
def times(connection: Connection) -> list[datetime]:
    """An entry a second, and now and then one that is minutes late or early."""
    chance = Random(1)  # noqa: S311 - a play of chance, not a secret
    late = [chance.choice((0, 0, 0, -400, 300)) for _ in range(SIZE)]
    times = [BEGIN + (number + late[number]) * SECONDS for number in range(SIZE)]
    rows = [
        {
            "log_index": number,
            "entry_id": f"{number:032x}",
            "leaf_hash": bytes(32),
            "recorded_at": time,
            "operation": "disclosure",
            "channel": "read",
            "outcome": "released",
        }
        for number, time in enumerate(times)
    ]
    connection.execute(insert(LOOKUP), rows)
    # As the log grows: within a tile, over one edge, over several at once.
    for old, new in ((0, 100), (100, 300), (300, SIZE)):
        periods.store(connection, old, new)
    return times


def test_each_full_tile_has_one_period(connection: Connection, times: list[datetime]) -> None:
    stored = connection.execute(select(PERIOD).order_by(PERIOD.c.tile_index)).all()
    tiles = [times[start : start + TILE_WIDTH] for start in range(0, 4 * TILE_WIDTH, TILE_WIDTH)]
    assert [(one.oldest, one.newest) for one in stored] == [(min(t), max(t)) for t in tiles]


def test_every_entry_of_a_time_lies_within_and_none_twice(
    connection: Connection, times: list[datetime]
) -> None:
    for since, until, size in product(SINCE, UNTIL, SIZES):
        first, last = (None if one is None else BEGIN + one * SECONDS for one in (since, until))
        found = periods.stretches(connection, first, last, size=size)
        covered = [index for start, stop in found for index in range(start, stop)]
        assert covered == sorted(set(covered))
        assert all(0 <= index < size for index in covered)
        wanted = {
            index
            for index, time in enumerate(times[:size])
            if (first is None or time >= first) and (last is None or time < last)
        }
        assert wanted <= set(covered)


def test_what_lies_before_and_behind_is_not_looked_at(
    connection: Connection, times: list[datetime]
) -> None:
    assert len(times) == SIZE
    tail = (4 * TILE_WIDTH, SIZE)
    middle = periods.stretches(
        connection, BEGIN + 1_020 * SECONDS, BEGIN + 1_021 * SECONDS, size=SIZE
    )
    assert middle == [(2 * TILE_WIDTH, SIZE)]
    early = periods.stretches(connection, None, BEGIN - 390 * SECONDS, size=SIZE)
    assert early == [(0, TILE_WIDTH), tail]
