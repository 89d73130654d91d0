"""A service whose dispatcher sleeps, with a town, as whoever looks after it sees it."""

from collections.abc import Iterator

import httpx
import pytest

from app.monitoring.page import Page
from app.monitoring.readings import Reader
from tests.conftest import BOTH, empty_database
from tests.notifications.mailroom import Mailroom, mailroom
from tests.notifications.play import Prison, Town, open_http
from tests.world import World, running_world


@pytest.fixture(scope="module")
def post() -> Iterator[Mailroom]:
    with mailroom() as room:
        yield room


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with open_http() as client:
        yield client


@pytest.fixture(scope="module", params=BOTH)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("operated")
    url = empty_database(request.param, request, folder)
    with running_world(url, folder, dispatch_interval=86_400.0) as world:
        yield world


@pytest.fixture(scope="module")
def town(world: World, post: Mailroom, http: httpx.Client) -> Town:
    """One for the whole module: to have agencies join costs more than all that is looked at."""
    town = Town(world, post, http)
    town.dispatcher = town.another_dispatcher()
    return town


@pytest.fixture(scope="module")
def prison(town: Town) -> Prison:
    return Prison(town.join("correctional_service", purpose="release_preparation"), town)


def reader_of(world: World) -> Reader:
    service = world.service
    return Reader(
        witnesses=service.witnesses, clock=world.clock, legal_date=service.house.legal_date
    )


@pytest.fixture
def page(world: World) -> Iterator[Page]:
    """The page of this service."""
    page = Page(process="serve", in_force=world.service.in_force, reader=reader_of(world))
    yield page
    page.close()
