"""`throughcare feed`: settings, states, and the operator's decision about a hold."""

from sqlalchemy import Connection

from app.house import House
from app.main import make_clock, opened
from app.outbox import feeds
from tests.cli.command_line import Installation, register, register_client
from tests.cli.conftest import Invoke

FEED = "prison-1-1"


def put_in(installation: Installation, house: House, *, held: bool = False) -> None:
    """A prison with a client, whose feed has spoken."""
    at = make_clock(installation.settings)()

    def work(connection: Connection) -> None:
        register(connection, house, "prison-1", "correctional_service")
        jwks = installation.equip("prison-1", "correctional_service").jwks
        register_client(connection, house, "prison-1", "correctional_service", jwks)
        feeds.seen(connection, FEED, "prison-1", at=at)
        if held:
            feeds.hold(connection, FEED, at=at)

    with opened(installation.settings) as database:
        database.run_blocking(work)


def test_a_feed_is_shown_as_it_stands(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    assert "0 feeds" in invoke("feed", "list").out
    put_in(installation, house)
    [one] = invoke("feed", "list", "--json").json["feeds"]
    assert (one["feed"], one["custodian"], one["state"]) == (FEED, "prison-1", "live")
    assert f"{FEED} of prison-1: live" in invoke("feed", "list").out


def test_limits_are_set_for_a_custodian_s_client_alone(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    put_in(installation, house)
    assert invoke("feed", "set", FEED, "--least-count", "7", "--largest-share", "0.2").code == 0
    with opened(installation.settings) as database:
        found = database.read_blocking(lambda c: feeds.get(c, FEED))
    assert (found.least_count, found.largest_share) == (7, 0.2)
    assert "no such client" in invoke("feed", "set", "nobody-1").err
    assert invoke("feed", "set", FEED, "--largest-share", "2").code == 2


def test_a_hold_is_decided_once(installation: Installation, house: House, invoke: Invoke) -> None:
    put_in(installation, house, held=True)
    assert "held since" in invoke("feed", "list").out
    made = invoke("feed", "release", FEED, "--json").json
    assert made == {"feed": FEED, "decision": "released", "notices": 0}
    for command in ("release", "discard"):
        assert "not held" in invoke("feed", command, FEED).err
    assert "no such feed" in invoke("feed", "discard", "nobody-1").err
