"""Addresses of tiles as tlog-tiles writes them: one for each tile, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.tile_paths import Place, format_place, parse


def test_the_published_example_is_written_so() -> None:
    # C2SP tlog-tiles: "index 1234067 will be encoded as x001/x234/067"
    assert format_place(Place(1_234_067, 256)) == "x001/x234/067"
    assert format_place(Place(273, 112)) == "273.p/112"


@given(st.integers(0, 10**12 - 1), st.integers(1, 256))
def test_every_tile_is_found_by_its_address(index: int, width: int) -> None:
    place = Place(index, width)
    assert parse(format_place(place)) == place
    assert place.stop - place.start == width


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "00", "0000", "x000/000", "x001", "001/002", "x001/x002", "000.p/0", "000.p/256",
        "000.p/01", "000.p", "000.p/", "-01", "\uff10\uff100", "000\n", "x" * 400,
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_no_tile(path: str) -> None:
    assert parse(path) is None
