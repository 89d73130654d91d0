"""The states of keys that the commands show, and what rotation, rewrap and removal change."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from app.access_log import checkpoints
from app.access_log.checkpoint import open_checkpoint
from app.access_log.note import NoteRefused, Verifier
from app.access_log.query import EntryFilter, entries
from app.access_log.vocabulary import Operation
from app.crypto.key_ring import KeyRing
from app.files import store
from app.files.store import KEY
from app.house import House
from app.main import opened
from tests.cli.command_line import Installation, register, sign
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


def test_the_key_of_the_log_changes_in_two_steps_with_both_signing_between(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    def signed() -> str:
        assert invoke("init").code == 0
        with opened(installation.settings) as database:
            note = database.run_blocking(lambda c: sign(c, replace(house, ring=ring())))
        checkpoints.write_checkpoint_file(installation.settings.checkpoint_file, note)
        return note

    def ring() -> KeyRing:
        return KeyRing.load(installation.settings.key_directory)

    before = invoke("keys", "status", "log", "--json").json
    assert (before["next"], before["retired"]) == (None, None)
    first = invoke("keys", "rotate", "log", "--json").json
    assert first["active"] == before["active"]
    # Nobody has seen a signature of the next key, so it cannot take over yet.
    refused = invoke("keys", "rotate", "log")
    assert refused.code == 1
    assert "start the service again" in refused.err
    both = signed()
    for key in (first["active"], first["next"]):
        open_checkpoint(both, [Verifier.from_vkey(key)])
    second = invoke("keys", "rotate", "log", "--json").json
    assert second == {"next": None, "active": first["next"], "retired": first["active"]}
    assert invoke("keys", "status", "log", "--json").json == second
    after = signed()
    open_checkpoint(after, [Verifier.from_vkey(second["active"])])
    with pytest.raises(NoteRefused):
        open_checkpoint(after, [Verifier.from_vkey(second["retired"])])
    with opened(installation.settings) as database:
        events = database.read_blocking(lambda c: key_events(c, house))
    assert [(one["status"], one["id"]) for one in events] == [
        ("rotation", first["active"]),
        ("next", first["next"]),
        ("rotation", first["next"]),
        ("active", first["next"]),
    ]


def test_a_checkpoint_that_only_the_retired_key_signed_still_lets_the_service_start(
    installation: Installation, invoke: Invoke
) -> None:
    """A copy of the file on a machine that was off while the key changed."""
    ring = KeyRing.load(installation.settings.key_directory)
    for _ in range(2):
        KeyRing.rotate_log_key(installation.settings.key_directory, random=secrets.token_bytes)
    changed = KeyRing.load(installation.settings.key_directory)
    assert changed.log_signing.public_bytes != ring.log_signing.public_bytes
    assert invoke("init").code == 0


def key_events(connection: Connection, house: House) -> list[Any]:
    """What the log says of its own key, the oldest first."""
    found = entries(
        connection,
        EntryFilter(operation=Operation.KEY_EVENT),
        keys=house.log_keys(),
        limit=99,
        tree_size=99,
    )
    return [one.sections["fields"] for one in found if one.sections["fields"]["fact"] == "log-key"]
