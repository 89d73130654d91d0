"""The states of keys that the commands show, and what rotation, rewrap and removal change."""

import secrets
from typing import Any

from sqlalchemy import Connection, select

from app.crypto.key_ring import KeyRing
from app.files import store
from app.files.store import KEY
from app.house import House
from app.main import opened
from tests.cli.command_line import Installation, register
from tests.cli.conftest import Invoke
from tests.world import START


def test_a_rotation_moves_each_key_one_state_on(installation: Installation, invoke: Invoke) -> None:
    before = invoke("keys", "status", "--json").json
    assert before["next"]
    assert before["retired"] is None
    after = invoke("keys", "rotate", "--json").json
    assert (after["active"], after["retired"]) == (before["next"], before["active"])
    assert after["next"] not in before.values()
    assert invoke("keys", "status", "--json").json == after
    # What the service will sign with when it is started again.
    assert KeyRing.load(installation.settings.key_directory).token_signing.kid == after["active"]


def test_keys_that_cannot_be_read_are_told_in_a_sentence(
    installation: Installation, invoke: Invoke
) -> None:
    (installation.settings.key_directory / "token_signing.pem").chmod(0o644)
    for command in ("status", "rotate"):
        done = invoke("keys", command)
        assert done.code == 1
        assert "token_signing.pem" in done.err
        assert "Traceback" not in done.err


def data_keys(invoke: Invoke) -> dict[str, Any]:
    """The key-encryption keys by their states."""
    return {one["state"]: one for one in invoke("keys", "status", "data", "--json").json}


def test_a_data_key_is_rotated_its_keys_wrapped_anew_and_it_is_removed(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: open_file(c, house))
    before = data_keys(invoke)
    assert before.keys() == {"next", "active"}
    assert before["active"]["hanging"]["file keys"] == 1
    assert invoke("keys", "rotate", "data").code == 0
    rotated = data_keys(invoke)
    assert rotated["active"]["id"] == before["next"]["id"]
    assert rotated["retired"]["hanging"] == before["active"]["hanging"]
    for command in ("remove", "rotate"):
        refused = invoke("keys", command, *(["data"] if command == "rotate" else []))
        assert refused.code == 1
        assert "throughcare keys rewrap" in refused.err
    done = invoke("keys", "rewrap", "--json")
    assert (done.code, done.json) == (0, {"wrapped": 1, "damaged": 0, "left": 0})
    assert data_keys(invoke)["retired"]["removable"]
    assert invoke("keys", "remove", "--json").json == {"removed": before["active"]["id"]}
    assert data_keys(invoke).keys() == {"next", "active"}
    assert "0 file keys" in invoke("keys", "status", "data").out
    ring = KeyRing.load(installation.settings.key_directory)
    with opened(installation.settings) as database:
        file = database.read_blocking(lambda c: store.load(c, "person-1", ring=ring))
    assert file.custodian == "prison-1"


def open_file(connection: Connection, house: House) -> None:
    """A prison with a file."""
    register(connection, house, "prison-1", "correctional_service")
    new = store.StoredFile(person_id="person-1", custodian="prison-1")
    store.create(connection, new, ring=house.ring, at=START, random=secrets.token_bytes)


def test_wrapping_anew_leaves_no_older_wrapping_in_the_file_or_its_journal(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    file = installation.folder / "throughcare.db"
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: open_file(c, house))
        wrapped = database.read_blocking(
            lambda c: bytes(c.scalars(select(KEY.c.wrapped_key)).one())
        )
    assert wrapped in file.read_bytes()
    invoke("keys", "rotate", "data")
    assert invoke("keys", "rewrap").code == 0
    for path in installation.folder.glob("throughcare.db*"):
        assert wrapped not in path.read_bytes()


def test_the_service_does_not_start_without_a_key_that_rows_may_hang_on(
    installation: Installation, invoke: Invoke
) -> None:
    invoke("keys", "rotate", "data")
    retired = installation.settings.key_directory / "data_encryption.retired.key"
    retired.unlink()
    refused = invoke("serve")
    assert refused.code == 1
    assert "is missing, and data hang on it" in refused.err


def test_keys_before_there_are_tables_are_told_in_a_sentence(
    installation: Installation, invoke: Invoke
) -> None:
    (installation.folder / "throughcare.db").unlink()
    for command in (("status", "data"), ("rotate", "data"), ("rewrap",), ("remove",)):
        refused = invoke("keys", *command)
        assert refused.code == 1
        assert "throughcare init" in refused.err
    assert KeyRing.load(installation.settings.key_directory).data_encryption_retired is None
