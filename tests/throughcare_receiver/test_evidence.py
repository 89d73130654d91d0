"""Proofs and notes of the server's own log, judged by code that shares nothing with it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log import merkle as writer
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.note import Verifier, sign_note
from app.crypto.log_signing import LogSigningKey
from throughcare_receiver.errors import InclusionRefused, NoteRefused
from throughcare_receiver.merkle import leaf_hash, verify_inclusion
from throughcare_receiver.note import LogKey, open_checkpoint, open_note

ORIGIN = "exchange.example/log"
KEY = LogSigningKey.from_seed(bytes(range(32)))
VKEY = Verifier.of(ORIGIN, KEY).to_vkey()
LOG = [LogKey.from_vkey(VKEY)]
LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), KEY)


def test_every_entry_of_every_small_tree_is_proved() -> None:
    for size in range(1, len(LEAVES) + 1):
        leaves = LEAVES[:size]
        root = writer.root(leaves)
        for index in {0, size // 3, size // 2, size - 1}:
            proof = writer.inclusion_proof(leaves, index)
            verify_inclusion(leaves[index], index=index, size=size, proof=proof, root=root)


@given(st.integers(1, 70), st.data())
def test_no_other_place_is_proved(size: int, data: st.DataObject) -> None:
    leaves = LEAVES[:size]
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size).filter(lambda place: place != index))
    proof = writer.inclusion_proof(leaves, index)
    with pytest.raises(InclusionRefused):
        verify_inclusion(
            leaves[index], index=other, size=size, proof=proof, root=writer.root(leaves)
        )


def test_a_proof_of_other_lengths_is_refused() -> None:
    proof = [b"x" * 31]
    with pytest.raises(InclusionRefused, match="32 bytes"):
        verify_inclusion(LEAVES[0], index=0, size=2, proof=proof, root=bytes(32))


def test_the_root_is_no_entry_of_its_own_tree() -> None:
    root = writer.root(LEAVES[:2])
    with pytest.raises(InclusionRefused, match="root"):
        verify_inclusion(root, index=0, size=2, proof=(), root=root)


def test_a_checkpoint_of_the_log_opens() -> None:
    checkpoint = open_checkpoint(NOTE, LOG)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 3, bytes(32))


def test_signatures_of_witnesses_are_left_alone() -> None:
    witness = sign_note(NOTE.rpartition("\n\n")[0] + "\n", name="witness", key=KEY)
    line = witness.rpartition("\n\n")[2]
    assert open_checkpoint(NOTE + line, LOG).size == 3
    with pytest.raises(NoteRefused, match="no key that we know"):
        open_checkpoint(witness, LOG)


def test_while_the_log_changes_its_key_either_one_opens_its_checkpoints() -> None:
    following = LogSigningKey.from_seed(bytes(range(1, 33)))
    newer = LogKey.from_vkey(Verifier.of(ORIGIN, following).to_vkey())
    both = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), replace(KEY, successor=following))
    for known in (LOG, [newer], [*LOG, newer]):
        assert open_checkpoint(both, known).size == 3
    after = sign_checkpoint(Checkpoint(ORIGIN, 4, bytes(32)), following)
    assert open_checkpoint(after, [*LOG, newer]).size == 4
    with pytest.raises(NoteRefused):
        open_checkpoint(after, LOG)
    # A signature of a known key that does not fit is never outweighed by another one.
    spoiled = NOTE + sign_note("other\n", name=ORIGIN, key=following).rpartition("\n\n")[2]
    with pytest.raises(NoteRefused, match="does not fit"):
        open_checkpoint(spoiled, [*LOG, newer])


def test_two_signatures_of_the_log_are_refused() -> None:
    with pytest.raises(NoteRefused, match="two signatures"):
        open_note(NOTE + NOTE.rpartition("\n\n")[2], LOG)


@pytest.mark.parametrize(
    "note",
    [
        "",
        NOTE.removesuffix("\n"),
        NOTE.replace("\n3\n", "\n4\n"),
        NOTE.replace("\n3\n", "\n3\r\n"),
        NOTE + "\n",
        NOTE + "something\n",
        NOTE * 200,
        sign_note(f"{ORIGIN}\n", name=ORIGIN, key=KEY),
        sign_note(f"{ORIGIN}\n03\nAAAA\n", name=ORIGIN, key=KEY),
        sign_note(f"{ORIGIN}\n3\nAAAA\n", name=ORIGIN, key=KEY),
        sign_note(Checkpoint("other.example/log", 3, bytes(32)).to_text(), name=ORIGIN, key=KEY),
    ],
)
def test_what_is_no_checkpoint_of_the_log_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        open_checkpoint(note, LOG)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        ORIGIN,
        VKEY.replace("exchange", "other"),
        VKEY[:-4],
        VKEY + "=",
        f"two words{VKEY.removeprefix(ORIGIN)}",
        f"{ORIGIN}+00000000+{VKEY.rpartition('+')[2]}",
        f"{ORIGIN}+00000000+BAAA",
    ],
)
def test_what_is_no_key_of_a_log_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        LogKey.from_vkey(vkey)
