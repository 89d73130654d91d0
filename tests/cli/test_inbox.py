"""`throughcare inbox`: an agency that hosts nothing polls, opens, keeps and answers."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.house import House
from app.main import make_clock, opened
from app.outbox import subscriptions
from app.outbox.deliveries import DELIVERY
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from tests.cli.command_line import Installation, register, register_client
from tests.cli.conftest import InvokeIn

ROLES = {"prison-1": "correctional_service", "probation-1": "probation_service"}
PLACE = "XK-GJILAN"


@pytest.fixture
def exchange(installation: Installation, house: House) -> Installation:
    """An installation with a prison and a probation service."""

    def enter(connection: Connection) -> None:
        for name, role in ROLES.items():
            register(connection, house, name, role, PLACE)
            register_client(connection, house, name, role, installation.equip(name, role).jwks)

    with opened(installation.settings) as database:
        database.run_blocking(enter)
    return installation


def configuration(installation: Installation, agency_id: str) -> Path:
    return installation.folder / agency_id / "agency.toml"


def admit(installation: Installation) -> None:
    """Somebody who returns to the place in forty days."""
    today = make_clock(installation.settings)().date()
    content = {
        "identity": {"full_name": {"value": {"family": "Wexample", "given": ["Testor"]}}},
        "residence_contact": {"return_municipality_code": {"value": PLACE}},
        "release": {"planned_release_date": {"value": (today + timedelta(days=40)).isoformat()}},
    }
    with AgencyClient(
        AgencyConfiguration.from_file(configuration(installation, "prison-1"))
    ) as prison:
        prison.request("PUT", "/v1/inmate-files/P-1", json={"sections": content})


def test_what_waits_is_printed_once_kept_and_answered(
    exchange: Installation, invoke_in: InvokeIn
) -> None:
    mine = str(configuration(exchange, "probation-1"))
    with exchange.served():
        first = invoke_in(exchange, "inbox", "--as", mine, "--json")
        assert (first.code, first.out) == (0, ""), first.said
        admit(exchange)
        lines: list[str] = []
        for _ in range(100):
            done = invoke_in(exchange, "inbox", "--as", mine, "--json")
            assert done.code == 0, done.said
            lines += done.out.splitlines()
            if lines:
                break
        again = invoke_in(exchange, "inbox", "--as", mine)
        assert (again.code, again.out) == (0, ""), again.said
    [notice] = map(json.loads, lines)
    assert notice["event"] == "release_planned"
    assert notice["content"]["released"]["release"]
    with opened(exchange.settings) as database:
        [row] = database.read_blocking(lambda c: c.execute(DELIVERY.select()).all())
    assert (row.status, row.acknowledgement) == ("sent", "accepted")
    [listed] = invoke_in(exchange, "subscription", "list", "--json").json["subscriptions"]
    assert (listed["client"], listed["told_at"]) == ("probation-1-1", "inbox")


def test_an_operator_sees_subscriptions_and_reopens_and_replays(
    exchange: Installation, invoke_in: InvokeIn
) -> None:
    def invoke(*words: str) -> object:
        done = invoke_in(exchange, "subscription", *words, "--json")
        assert done.code == 0, done.said
        return done.json

    assert invoke("list") == {"subscriptions": []}
    new = subscriptions.NewSubscription(
        subscription_id="0" * 32,
        agency_id="probation-1",
        client_id="probation-1-1",
        officer_id="probation-1-officer",
        purpose="supervision",
        legal_basis="illustrative:probation_service",
        endpoint="https://receiver.example/path",
        encryption_jwk={},
    )
    at = make_clock(exchange.settings)()

    def disabled(connection: Connection) -> None:
        subscriptions.add(connection, new, at=at)
        subscriptions.activate(connection, new.subscription_id, at=at)
        values = {"disabled_at": at, "problem": "answered 410"}
        subscriptions.change(connection, new.subscription_id, values)

    with opened(exchange.settings) as database:
        database.run_blocking(disabled)
    shown = {"subscription": "0" * 32, "agency": "probation-1", "status": "active"}
    shown |= {"client": "probation-1-1", "told_at": "receiver.example"}
    errors = {"endpoint_state": "disabled", "problem": "answered 410", "last_sequence": 0}
    assert invoke("list") == {"subscriptions": [{**shown, **errors}]}
    assert invoke("deliveries", "0" * 32, "--status", "dead") == {"deliveries": []}
    assert invoke("replay", "0" * 32, "--since", "0") == {"replayed": 0}
    invoke("reopen", "0" * 32)
    healthy = {"endpoint_state": "open", "problem": None, "last_sequence": 0}
    assert invoke("list") == {"subscriptions": [{**shown, **healthy}]}


def test_a_subscription_that_is_none_is_refused(
    exchange: Installation, invoke_in: InvokeIn
) -> None:
    done = invoke_in(exchange, "subscription", "reopen", "1" * 32)
    assert (done.code, "no such subscription" in done.err) == (1, True)
    mine = str(configuration(exchange, "probation-1"))
    assert invoke_in(exchange, "inbox", "--as", mine).code == 1  # nobody serves
