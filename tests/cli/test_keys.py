"""Keys of access tokens: the states that the commands show, and what a rotation changes."""

from app.crypto.key_ring import KeyRing
from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke


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
