"""A running service, and short ways to speak to it."""

from collections.abc import Iterator

import pytest

from tests.api.exchange import Exchange, exchange_in
from tests.world import World


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    """The world of this module, on each of the two databases."""
    with exchange_in(world) as exchange:
        yield exchange
