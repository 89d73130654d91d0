"""A published cosigned checkpoint, bytes put together by hand, and what must not pass."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from app.access_log.cosignature import (
    Cosignature,
    QuorumMissing,
    Witness,
    cosign,
    cosignatures,
    require_quorum,
)
from app.access_log.note import NoteRefused, Verifier, open_note, sign_note
from app.crypto.log_signing import LogSigningKey
from throughcare_receiver import note as receiver_note

# A checkpoint of a public log, with five signatures, and the key of one of its witnesses.
REMORA = Witness.from_vkey("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
REMORA_LINE = (
    "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIob"
    "WX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n"
)
PUBLISHED = (
    "arche2025h1.staging.ct.transparency.dev\n"
    "1432088532\n"
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n"
    "\n"
    "— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGR"
    "EPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=\n"
    "— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzb"
    "C3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n"
    "— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ"
    "2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==\n"
    "— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEc"
    "xZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n" + REMORA_LINE
)
SEED = bytes(range(32))
KEY = LogSigningKey.from_seed(SEED)
WITNESS = Witness.of("agency.example/w1", KEY)
LOG_KEY = LogSigningKey.from_seed(bytes(32))
CHECKPOINT = Checkpoint("example.org/log", 5, sha256(b"root").digest())
NOTE = sign_checkpoint(CHECKPOINT, LOG_KEY)
LINE = cosign(CHECKPOINT.to_text(), name=WITNESS.name, key=KEY, time=1_679_315_147)


def test_a_published_cosignature_verifies() -> None:
    assert cosignatures(PUBLISHED, [REMORA]) == (
        Cosignature(REMORA, time=0x6A122120, line=REMORA_LINE),
    )


def test_a_published_key_is_written_as_published() -> None:
    assert REMORA.key_id.hex() == "da77ade7"
    assert Witness.from_vkey(REMORA.to_vkey()) == REMORA


def test_a_cosignature_is_made_of_the_bytes_that_the_specification_names() -> None:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    public = private.public_key().public_bytes_raw()
    root = base64.b64encode(sha256(b"root").digest())
    message = b"cosignature/v1\ntime 1679315147\nexample.org/log\n5\n" + root + b"\n"
    key_id = sha256(b"agency.example/w1\n\x04" + public).digest()[:4]
    blob = key_id + bytes.fromhex("00000000641850cb") + private.sign(message)
    assert LINE.encode() == b"\xe2\x80\x94 agency.example/w1 " + base64.b64encode(blob) + b"\n"


def test_a_cosigned_note_opens_as_before_here_and_at_a_receiver() -> None:
    log = Verifier.of(CHECKPOINT.origin, LOG_KEY)
    assert open_checkpoint(NOTE + LINE, [log]) == CHECKPOINT
    receivers_key = receiver_note.LogKey.from_vkey(log.to_vkey())
    assert receiver_note.open_checkpoint(NOTE + LINE, receivers_key).size == CHECKPOINT.size


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    with pytest.raises(NoteRefused, match="no known key"):
        open_note(CHECKPOINT.to_text() + "\n" + LINE, [Verifier(WITNESS.name, KEY.public_bytes)])


def test_signatures_of_others_are_no_cosignatures() -> None:
    stranger = cosign(CHECKPOINT.to_text(), name="agency.example/w1", key=LOG_KEY, time=1)
    plain = sign_note(CHECKPOINT.to_text(), name=WITNESS.name, key=KEY)
    assert cosignatures(NOTE + stranger, [WITNESS]) == ()
    assert cosignatures(plain, [WITNESS]) == ()


@given(at=st.integers(0, 75), flip=st.integers(1, 255))
def test_a_changed_byte_of_a_cosignature_is_refused_or_unknown(at: int, flip: int) -> None:
    name, encoded = LINE.split(" ")[1:]
    blob = bytearray(base64.b64decode(encoded))
    blob[at] ^= flip
    changed = f"{NOTE}— {name} {base64.b64encode(blob).decode()}\n"
    if at < 4:  # another key id: an unknown key
        assert cosignatures(changed, [WITNESS]) == ()
    else:
        with pytest.raises(NoteRefused):
            cosignatures(changed, [WITNESS])


def test_a_cosignature_on_another_checkpoint_is_refused() -> None:
    other = sign_checkpoint(Checkpoint("example.org/log", 6, CHECKPOINT.root), LOG_KEY)
    with pytest.raises(NoteRefused, match="wrong"):
        cosignatures(other + LINE, [WITNESS])


@pytest.mark.parametrize("time", [0, 2**63 - 1])
def test_a_time_within_the_bounds_is_read(time: int) -> None:
    line = cosign(CHECKPOINT.to_text(), name=WITNESS.name, key=KEY, time=time)
    assert [found.time for found in cosignatures(NOTE + line, [WITNESS])] == [time]


@pytest.mark.parametrize(
    "line",
    [
        cosign(CHECKPOINT.to_text(), name=WITNESS.name, key=KEY, time=2**63),
        LINE + LINE,  # one key twice
        "— agency.example/w1 " + base64.b64encode(WITNESS.key_id + bytes(64)).decode() + "\n",
    ],
)
def test_a_malformed_cosignature_is_refused(line: str) -> None:
    with pytest.raises(NoteRefused):
        cosignatures(NOTE + line, [WITNESS])


@pytest.mark.parametrize(
    "vkey",
    [
        Verifier.of("agency.example/w1", KEY).to_vkey(),  # of the log's type
        WITNESS.to_vkey().replace("w1", "w2"),  # an id that belongs to another name
        WITNESS.to_vkey()[:-4],
        "",
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        Witness.from_vkey(vkey)


def test_a_quorum_is_counted_by_keys() -> None:
    second = LogSigningKey.from_seed(bytes([7] * 32))
    twice = cosign(CHECKPOINT.to_text(), name="agency.example/again", key=KEY, time=2)
    other = cosign(CHECKPOINT.to_text(), name="other.example/w", key=second, time=3)
    witnesses = [
        WITNESS,
        Witness.of("agency.example/again", KEY),
        Witness.of("other.example/w", second),
    ]
    with pytest.raises(QuorumMissing, match="1 of the 3"):
        require_quorum(NOTE + LINE + twice, witnesses, quorum=2)
    found = require_quorum(NOTE + LINE + other, witnesses, quorum=2)
    assert [(mark.witness.name, mark.time) for mark in found] == [
        ("agency.example/w1", 1_679_315_147),
        ("other.example/w", 3),
    ]
