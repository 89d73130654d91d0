"""One store, one subscription: whatever command or port it is used with."""

import logging

import pytest

from app.receiver.client import AgencyClient
from app.receiver.errors import ConfigurationError, ServiceRefused
from app.receiver.subscribing import INBOX, Wanted, keep_subscription
from tests.receiver.service_stand_in import ServiceStandIn
from throughcare_receiver.sqlite_store import SqliteStore

KEY = {"kty": "RSA", "kid": "key-1", "n": "AQ", "e": "AQAB"}
HERE = Wanted(address="http://127.0.0.1:8443/notifications", encryption_jwk=KEY)
THERE = Wanted(address="http://127.0.0.1:8444/notifications", encryption_jwk=KEY)
POLLED = Wanted(address=None, encryption_jwk=KEY)


def test_another_port_changes_the_endpoint_of_the_one_there_is(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn
) -> None:
    for wanted in (HERE, HERE, THERE, THERE):
        assert keep_subscription(store, client, wanted).subscription_id == "sub-1"
    assert [one["endpoint"] for one in service.subscriptions] == [HERE.address]
    assert service.changes == [{"endpoint": THERE.address}]
    assert [one.endpoint for one in store.subscriptions()] == [THERE.address]


def test_whoever_polls_keeps_to_the_one_that_is_pushed(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn
) -> None:
    keep_subscription(store, client, HERE)
    assert keep_subscription(store, client, POLLED).is_pushed
    keep_subscription(store, client, HERE)
    assert (len(service.subscriptions), service.changes) == (1, [])


def test_one_that_is_polled_is_given_an_endpoint(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn
) -> None:
    assert not keep_subscription(store, client, POLLED).is_pushed
    assert [one.endpoint for one in store.subscriptions()] == [INBOX]
    assert keep_subscription(store, client, HERE).is_pushed
    assert service.subscriptions == [{"delivery": "poll", "encryption_jwk": KEY}]
    assert service.changes == [{"endpoint": HERE.address}]


def test_another_key_is_made_known_to_the_one_there_is(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn
) -> None:
    keep_subscription(store, client, HERE)
    other = {**KEY, "kid": "key-2"}
    keep_subscription(store, client, Wanted(address=HERE.address, encryption_jwk=other))
    assert service.changes == [{"encryption_jwk": other}]


def test_the_others_of_an_older_program_are_named_with_what_ends_them(
    store: SqliteStore,
    client: AgencyClient,
    service: ServiceStandIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.remember_subscription("old-1", endpoint=str(HERE.address), encryption_kid="key-1")
    store.remember_subscription("old-2", endpoint=INBOX, encryption_kid="key-1")
    with caplog.at_level(logging.WARNING):
        assert keep_subscription(store, client, HERE).subscription_id == "old-1"
    assert "DELETE /v1/subscriptions/old-2" in caplog.text
    assert (service.subscriptions, service.changes) == ([], [])


@pytest.mark.parametrize("wanted", [HERE, THERE, POLLED])
def test_one_that_has_ended_is_not_replaced_in_its_store(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn, wanted: Wanted
) -> None:
    keep_subscription(store, client, HERE)
    service.subscription_status = "ended"
    service.refusals["/v1/subscriptions/sub-1"] = [409] if wanted is THERE else []
    with pytest.raises(ConfigurationError, match="needs an empty store"):
        keep_subscription(store, client, wanted)
    assert len(service.subscriptions) == 1


def test_a_refused_endpoint_names_the_setting(
    store: SqliteStore, client: AgencyClient, service: ServiceStandIn
) -> None:
    service.refusals["/v1/subscriptions"] = [422, 422, 503]
    with pytest.raises(ConfigurationError, match=r'expected https.*endpoint = "https://'):
        keep_subscription(store, client, HERE)
    with pytest.raises(ConfigurationError, match="refused the subscription: 422"):
        keep_subscription(store, client, POLLED)
    with pytest.raises(ServiceRefused):
        keep_subscription(store, client, HERE)
    assert store.subscriptions() == ()
