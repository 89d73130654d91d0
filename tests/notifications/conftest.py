"""A mailroom for a whole module, and a town of its own for each test."""

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import BOTH, empty_database
from tests.notifications.mailroom import Mailroom, mailroom
from tests.notifications.play import Prison, Town, open_http
from tests.world import ASLEEP, World, running_world


@pytest.fixture(scope="module")
def post() -> Iterator[Mailroom]:
    with mailroom() as room:
        yield room


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with open_http() as client:
        yield client


@pytest.fixture(scope="module", params=BOTH)
def still_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A running service whose dispatcher sleeps: a test says when it looks."""
    folder = tmp_path_factory.mktemp("still")
    url = empty_database(request.param, request, folder)
    with running_world(url, folder, dispatch_interval=ASLEEP, inbox_wait_seconds=1.5) as world:
        yield world


@pytest.fixture
def town(still_world: World, post: Mailroom, http: httpx.Client) -> Town:
    """A municipality that no other test knows. Nothing is sent before `settle` or `advance`."""
    town = Town(still_world, post, http)
    town.dispatcher = town.another_dispatcher()
    return town


@pytest.fixture
def lively_town(world: World, post: Mailroom, http: httpx.Client) -> Town:
    """A municipality of a service whose dispatcher is at work by itself."""
    return Town(world, post, http)


@pytest.fixture
def prison(town: Town) -> Prison:
    """The custodian of this test's persons."""
    return Prison(town.join("correctional_service", purpose="release_preparation"), town)


@pytest.fixture
def lively_prison(lively_town: Town) -> Prison:
    """The same where the dispatcher is at work by itself."""
    custodian = lively_town.join("correctional_service", purpose="release_preparation")
    return Prison(custodian, lively_town)
