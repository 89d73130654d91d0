"""Subscriptions: handshakes that are due, and gapless numbers."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from app.agencies import registry
from app.database import Database
from app.outbox import subscriptions
from app.problems import NotFound
from tests.outbox.conftest import Office


def due(office: Office, *, limit: int = 9) -> list[str]:
    found = subscriptions.handshakes_due(office.connection, at=office.at, limit=limit)
    return [row.subscription_id for row in found]


def test_a_new_subscription_is_greeted_until_it_is_active(office: Office) -> None:
    name = office.subscription(office.agency("probation", "probation_service"), active=False)
    assert due(office) == [name]
    later = office.at + timedelta(minutes=1)
    subscriptions.postpone_handshake(office.connection, name, handshakes=1, next_at=later)
    assert due(office) == []
    office.at = later
    assert due(office) == [name]
    subscriptions.activate(office.connection, name, at=office.at)
    assert due(office) == []
    row = subscriptions.get(office.connection, name, agency_id="probation")
    assert (row.status, row.verified_at, row.handshakes) == ("active", later, 1)


def test_those_who_wait_longest_are_greeted_first(office: Office) -> None:
    names = []
    for number in range(3):
        agency = office.agency(f"probation-{number}", "probation_service")
        names.append(office.subscription(agency, active=False))
        office.at += timedelta(seconds=1)
    assert due(office, limit=2) == names[:2]


def test_a_revoked_client_is_not_greeted(office: Office) -> None:
    office.subscription(office.agency("probation", "probation_service"), active=False)
    registry.revoke_client(office.connection, "probation-1")
    assert due(office) == []


def test_a_subscription_of_another_agency_is_not_there(office: Office) -> None:
    name = office.subscriber("probation", "probation_service")
    for agency, asked in (("prison", name), ("probation", "nothing")):
        with pytest.raises(NotFound, match="no such subscription"):
            subscriptions.get(office.connection, asked, agency_id=agency)


def test_numbers_are_gapless_though_a_transaction_fails(database: Database) -> None:
    def prepare(connection: Connection) -> None:
        office = Office(connection)
        office.subscriber("probation", "probation_service")

    database.run_blocking(prepare)
    numbers = []
    for attempt in range(6):

        def number(connection: Connection, attempt: int = attempt) -> int:
            taken = subscriptions.next_sequence(connection, "probation-endpoint")
            if attempt % 2:
                raise ZeroDivisionError
            return taken

        try:
            numbers.append(database.run_blocking(number))
        except ZeroDivisionError:
            continue
    assert numbers == [1, 2, 3]


def test_numbers_are_gapless_though_many_ask_at_once(database: Database) -> None:
    def prepare(connection: Connection) -> None:
        office = Office(connection)
        office.subscriber("probation", "probation_service")

    database.run_blocking(prepare)
    futures = [
        database.submit(lambda c: subscriptions.next_sequence(c, "probation-endpoint"))
        for _ in range(40)
    ]
    assert sorted(future.result() for future in futures) == list(range(1, 41))
