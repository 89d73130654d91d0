"""Commands that show and change what is registered; each change is on record."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SigningKey
from app.house import House
from app.main import opened
from tests.cli.command_line import Installation, register, register_client
from tests.cli.conftest import Invoke

KEY, NEW_KEY = SigningKey.generate(), SigningKey.generate()
OF = ("--agency", "police-1")


@pytest.fixture
def registered(installation: Installation, house: House) -> None:
    """A police station with its officer and its client."""

    def enter(connection: Connection) -> None:
        register(connection, house, "police-1", "police_local")
        register_client(connection, house, "police-1", "police_local", public_jwks([KEY]))

    with opened(installation.settings) as database:
        database.run_blocking(enter)


@pytest.mark.usefixtures("registered")
def test_an_agency_is_changed_reached_shown_and_ended(invoke: Invoke) -> None:
    changed = invoke(
        "agency", "change", "police-1", "--name", "Police One", "--municipality", "XK-VITI",
        "--standing-acceptance", "--json",
    )  # fmt: skip
    desk = ("--unit", "duty desk", "--email", "desk@police.example")
    invoke("agency", "contact", "police-1", "--unit", "front office", "--phone", "+38344000002")
    invoke("agency", "contact", "police-1", *desk)
    lead = ("--unit", "lead", "--phone", "+38344000001")
    reached = invoke("agency", "contact", "police-1", "--second", *lead, "--json")
    expected = {
        **changed.json,
        "contact_points": [
            {"unit": "front office", "phone": "+38344000002"},
            {"unit": "duty desk", "email": "desk@police.example"},
        ],
        "second_contact": {"unit": "lead", "phone": "+38344000001"},
    }
    assert reached.json == expected
    assert (changed.json["name"], changed.json["municipalities"]) == ("Police One", ["XK-VITI"])
    gone = ("agency", "contact", "police-1", "--unit", "front office", "--remove")
    assert invoke(*gone).code == 0
    assert "no contact point" in invoke(*gone).err
    alone = invoke("agency", "contact", "police-1", "--second", "--remove", "--json").json
    assert (len(alone["contact_points"]), alone["second_contact"]) == (1, None)
    assert invoke("agency", "revoke", "police-1").code == 0
    listed = invoke("agency", "list", "--json").json["agencies"]
    assert listed == [{**alone, "status": "revoked"}]
    assert invoke("agency", "show", "police-1", "--json").json == listed[0]
    assert "has ended is not changed" in invoke("agency", "change", "police-1", "--name", "X").err


@pytest.mark.usefixtures("registered")
def test_a_key_is_added_and_the_old_one_removed_but_never_the_last(
    invoke: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "new.json"
    file.write_text(json.dumps(public_jwks([NEW_KEY])))
    both = invoke("client", "add-key", "police-1-1", "--jwks", str(file), "--json").json
    assert both["jwks"] == public_jwks([KEY, NEW_KEY])
    left = invoke("client", "remove-key", "police-1-1", KEY.kid, "--json").json
    assert left["jwks"] == public_jwks([NEW_KEY])
    assert invoke("client", "show", "police-1-1", "--json").json == left
    assert "no key of this id" in invoke("client", "remove-key", "police-1-1", KEY.kid).err
    assert "cannot be used" in invoke("client", "remove-key", "police-1-1", NEW_KEY.kid).err
    changed = invoke(
        "client", "change", "police-1-1", "--ground", "welfare_check=basis=1", "--bearer", "--json"
    ).json
    assert changed["grounds"] == [{"purpose": "welfare_check", "legal_basis": "basis=1"}]
    assert changed["bearer_allowed"]
    assert changed["jwks"] == left["jwks"]
    assert invoke("client", "list", *OF, "--json").json == {"clients": [changed]}


@pytest.mark.usefixtures("registered")
def test_an_officer_is_listed_changed_and_ended(invoke: Invoke) -> None:
    name = ("police-1-officer", *OF)
    changed = invoke("officer", "change", *name, "--function", "head of unit", "--json").json
    assert changed == {
        "agency": "police-1",
        "officer": "police-1-officer",
        "function": "head of unit",
        "status": "active",
    }
    assert invoke("officer", "end", *name).code == 0
    assert invoke("officer", "show", *name, "--json").json == {**changed, "status": "ended"}
    assert len(invoke("officer", "list", *OF, "--json").json["officers"]) == 1


@pytest.mark.usefixtures("registered")
def test_what_is_not_there_or_says_nothing_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    for command in (
        ("agency", "show", "x"),
        ("client", "show", "x"),
        ("officer", "show", "x", *OF),
    ):
        done = invoke(*command)
        assert (done.code, "nothing of this id is registered" in done.err) == (1, True)
    for command in (("agency", "change", "police-1"), ("client", "change", "police-1-1")):
        assert "expected something to change" in invoke(*command).err
    assert "cannot be used" in invoke("agency", "contact", "police-1", "--unit", "desk").err
    file = tmp_path / "none.json"
    file.write_text("{}")
    added = invoke("client", "add-key", "police-1-1", "--jwks", str(file))
    assert "expected a JWK Set" in added.err


def test_an_agency_that_received_nothing_is_told_by_the_status(
    installation: Installation, invoke: Invoke
) -> None:
    path = str(installation.equip("police-1", "police_local").path)
    done = invoke("receive", "--as", path, "--list", "--json")
    assert (done.code, done.json) == (2, {"notifications": []})
