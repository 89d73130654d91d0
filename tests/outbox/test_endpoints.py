"""How long an endpoint rests, and what is counted."""

from datetime import timedelta

import pytest

from app.outbox import endpoints, subscriptions
from app.outbox.endpoints import LONGEST_ASKED, LONGEST_REST, PATIENCE, rest
from app.outbox.subscriptions import SUBSCRIPTION
from tests.outbox.conftest import Office

BASE = timedelta(seconds=30)


def test_rests_double_up_to_the_longest() -> None:
    waits = [rest(PATIENCE + number, base=BASE) for number in range(5)]
    assert waits == [BASE * 2**number for number in range(5)]
    assert rest(PATIENCE + 5, base=BASE) == LONGEST_REST
    assert rest(10**6, base=BASE) == LONGEST_REST


@pytest.fixture
def endpoint(office: Office) -> str:
    return office.subscriber("probation", "probation_service")


def fail(office: Office, endpoint: str, *, asked: timedelta | None = None) -> None:
    endpoints.note_failure(
        office.connection, endpoint, problem="no answer", base=BASE, asked=asked, at=office.at
    )


def state(office: Office, endpoint: str) -> str:
    return endpoints.state(subscriptions.find(office.connection, endpoint), at=office.at)


def test_failures_in_a_row_are_counted_and_what_was_under_way_is_not(
    office: Office, endpoint: str
) -> None:
    for _ in range(PATIENCE - 1):
        fail(office, endpoint)
        assert state(office, endpoint) == "open"
    for _ in range(9):
        fail(office, endpoint)
    row = subscriptions.find(office.connection, endpoint)
    assert (row.failures, row.rests_until) == (PATIENCE, office.at + BASE)
    assert state(office, endpoint) == "resting"
    office.at += BASE
    assert state(office, endpoint) == "open"
    fail(office, endpoint)
    assert state(office, endpoint) == "resting"
    endpoints.note_success(office.connection, endpoint)
    row = subscriptions.find(office.connection, endpoint)
    assert (row.failures, row.rests_until, row.problem) == (0, None, None)


def test_an_endpoint_gets_the_rest_that_it_asks_for_within_a_bound(
    office: Office, endpoint: str
) -> None:
    fail(office, endpoint, asked=timedelta(days=9))
    row = subscriptions.find(office.connection, endpoint)
    assert row.rests_until == office.at + LONGEST_ASKED


def test_a_success_does_not_open_what_was_disabled(office: Office, endpoint: str) -> None:
    connection = office.connection
    assert endpoints.disable(connection, endpoint, problem="answered 410", at=office.at)
    assert not endpoints.disable(connection, endpoint, problem="again", at=office.at)
    endpoints.note_success(connection, endpoint)
    assert state(office, endpoint) == "disabled"
    assert subscriptions.find(connection, endpoint).problem == "answered 410"
    endpoints.clear(connection, endpoint)
    assert state(office, endpoint) == "open"


def test_the_query_and_the_row_say_the_same(office: Office, endpoint: str) -> None:
    connection, at = office.connection, office.at
    healthy = {"rests_until": None, "paused": False, "disabled_at": None, "status": "active"}
    for values in (
        {},
        {"rests_until": at},
        {"rests_until": at + BASE},
        {"paused": True},
        {"disabled_at": at},
        {"status": "ended"},
        {"endpoint": None},
    ):
        subscriptions.change(connection, endpoint, {**healthy, **values})
        row = subscriptions.find(connection, endpoint)
        query = SUBSCRIPTION.select().where(endpoints.can_be_sent_to(at))
        found = connection.execute(query).all() != []
        assert found == endpoints.is_sent_to(row, at=at)
        assert found == (values in ({}, {"rests_until": at}))
