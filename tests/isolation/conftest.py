"""A service whose decisions are held against the reference engine elsewhere, at length."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.exchange import Exchange
from tests.api.identity_provider import identity_provider
from tests.conftest import BOTH, empty_database
from tests.isolation.stage import Stage, set_up
from tests.world import World, running_world


@pytest.fixture(scope="module", params=BOTH)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A running service. Thousands of requests come to it, so that each has to be cheap."""
    folder = tmp_path_factory.mktemp("world")
    url = empty_database(request.param, request, folder)
    with running_world(url, folder, cross_check="off") as world:
        yield world


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    """An exchange whose connections are kept."""
    # A busy disk takes its time for a commit; who waits too long has a test that fails by chance.
    with httpx.Client(trust_env=False, timeout=60) as http:
        yield Exchange(world, http)


@pytest.fixture(scope="module")
def stage(exchange: Exchange) -> Iterator[Stage]:
    """Everybody, and where their officers sign in."""
    with identity_provider() as provider:
        yield set_up(exchange, provider)
