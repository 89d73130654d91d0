"""A witness is made once, and starts as a whole or not at all."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.access_log.cosignature import Witness, cosign
from app.access_log.note import NoteRefused
from app.crypto.log_signing import LogSigningKey
from app.receiver.errors import ConfigurationError
from app.witness import program
from tests.witness.history import LOG

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


def start(folder: Path) -> Witness:
    """Start and end a witness."""
    with program.opened(folder, [LOG.verifier], clock=lambda: AT) as cosigner:
        return cosigner.witness


def test_a_new_witness_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "witness"
    made = program.create(folder, "agency.example/w1", random=bytes)
    assert start(folder) == made
    assert folder.stat().st_mode & 0o077 == 0
    assert all(one.stat().st_mode & 0o077 == 0 for one in folder.iterdir())


def test_a_key_is_never_overwritten(folder: Path) -> None:
    before = (folder / "key.pem").read_bytes()
    with pytest.raises(ConfigurationError):
        program.create(folder, "agency.example/w1", random=lambda n: bytes([1] * n))
    assert (folder / "key.pem").read_bytes() == before


def test_a_name_that_no_signature_line_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="key name"):
        program.create(tmp_path / "witness", "the agency", random=bytes)
    assert not (tmp_path / "witness").exists()


def test_two_processes_are_not_one_witness(folder: Path) -> None:
    with (
        program.opened(folder, [LOG.verifier], clock=lambda: AT),
        pytest.raises(ConfigurationError, match="another process"),
    ):
        start(folder)
    start(folder)


def test_a_witness_that_lost_its_memory_does_not_start(folder: Path) -> None:
    (folder / "memory.json").unlink()
    with pytest.raises(ConfigurationError, match="would cosign a fork"):
        start(folder)


@pytest.mark.parametrize("written", ["", "{", "[]", '{"exchange.example/log": 3}', "[" * 100_000])
def test_a_damaged_memory_is_refused(folder: Path, written: str) -> None:
    (folder / "memory.json").write_text(written)
    with pytest.raises(ConfigurationError, match="not what this witness remembered"):
        start(folder)


def test_a_memory_of_what_it_did_not_cosign_is_refused(folder: Path) -> None:
    other = LogSigningKey.from_seed(bytes([7] * 32))
    line = cosign(LOG.text("ab"), name="agency.example/w1", key=other, time=1)
    for note in (LOG.note("ab"), LOG.note("ab") + line, "no note"):
        text = note.replace("\n", "\\n")
        (folder / "memory.json").write_text(f'{{"exchange.example/log": "{text}"}}')
        with pytest.raises(ConfigurationError, match="not what this witness remembered"):
            start(folder)


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "key.pem").chmod(0o644)
    with pytest.raises(ConfigurationError, match="0600"):
        start(folder)


def test_the_public_key_must_be_that_of_the_private_one(folder: Path, tmp_path: Path) -> None:
    other = program.create(tmp_path / "o", "agency.example/w1", random=lambda n: bytes([1] * n))
    (folder / "witness.vkey").write_text(other.to_vkey())
    with pytest.raises(ConfigurationError, match="not the public part"):
        start(folder)
    (folder / "witness.vkey").write_text("nonsense")
    with pytest.raises(NoteRefused):
        start(folder)
