from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from app.access_log import merkle, tiles
from app.access_log.ledger import AppendedEntry
from app.access_log.merkle import leaf_hash
from app.access_log.tiles import LOOKUP, TILE, LogDamaged
from tests.effort import EFFORT

Record = Callable[..., AppendedEntry]
SIZE = 3 * 256 + 40
HASHES = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZE)]


@pytest.fixture
def grown(connection: Connection, at: object) -> Connection:
    """A log of three full tiles and a part, grown in uneven steps."""
    size = 0
    for step in (1, 254, 1, 300, SIZE):
        new_size = min(size + step, SIZE)
        connection.execute(
            insert(LOOKUP), [row(number, HASHES[number], at) for number in range(size, new_size)]
        )
        tiles.store_full_tiles(connection, size, new_size)
        size = new_size
    return connection


def row(number: int, leaf: bytes, at: object) -> dict[str, object]:
    return {
        "log_index": number,
        "entry_id": str(number),
        "leaf_hash": leaf,
        "recorded_at": at,
        "operation": "disclosure",
        "channel": "read",
        "outcome": "released",
    }


def test_full_tiles_are_stored_and_no_others(grown: Connection) -> None:
    stored = grown.execute(select(TILE).order_by(TILE.c.tile_index)).all()
    assert [(tile.level, tile.tile_index) for tile in stored] == [(0, 0), (0, 1), (0, 2)]
    assert stored[1].hashes == b"".join(HASHES[256:512])
    assert stored[1].root == merkle.root(HASHES[256:512])


def test_a_tile_of_tiles_is_stored_when_256_are_full(connection: Connection) -> None:
    roots = [leaf_hash(bytes([number])) for number in range(256)]
    below = [
        {"level": 0, "tile_index": number, "hashes": b"", "root": one}
        for number, one in enumerate(roots)
    ]
    connection.execute(insert(TILE), below)
    tiles.store_full_tiles(connection, 255, 256, level=1)
    stored = connection.execute(select(TILE).where(TILE.c.level == 1)).one()
    assert (stored.tile_index, stored.hashes) == (0, b"".join(roots))
    assert stored.root == merkle.root(roots)
    assert tiles.root_at(connection, 256 * 256) == merkle.root(roots)


@settings(
    max_examples=10 * EFFORT,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_every_root_and_proof_is_that_of_the_leaves(grown: Connection, data: st.DataObject) -> None:
    """The fixture is only read, so examples may share it."""
    size = data.draw(st.integers(1, SIZE))
    part = data.draw(st.integers(0, size - 1))
    assert tiles.root_at(grown, size) == merkle.root(HASHES[:size])
    inclusion = tiles.inclusion_proof(grown, part, size)
    assert inclusion == merkle.inclusion_proof(HASHES[:size], part)
    many = tiles.InclusionProofs(grown, size)
    others = range(part, min(part + 3, size))
    assert [many.of(one) for one in others] == [
        tiles.inclusion_proof(grown, one, size) for one in others
    ]
    consistency = tiles.consistency_proof(grown, part, size)
    assert consistency == merkle.consistency_proof(HASHES[:size], part)


def test_the_root_of_nothing_is_the_empty_root(connection: Connection) -> None:
    assert tiles.root_at(connection, 0) == merkle.EMPTY_ROOT


def test_a_lost_hash_is_noticed(grown: Connection) -> None:
    grown.execute(delete(LOOKUP).where(LOOKUP.c.log_index == SIZE - 1))
    with pytest.raises(LogDamaged):
        tiles.root_at(grown, SIZE)
    assert tiles.root_at(grown, 768) == merkle.root(HASHES[:768])
