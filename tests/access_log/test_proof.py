"""Proof files: read, written, verified; held against the example of the specification."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.merkle import ProofRefused
from app.access_log.note import NoteRefused, Verifier
from app.access_log.proof import InclusionProof, ProofFileRefused, verify_proof
from app.crypto.log_signing import LogSigningKey

ORIGIN = "exchange.example/log"
KEY = LogSigningKey.from_seed(bytes(32))
LOG = Verifier.of(ORIGIN, KEY)
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(70)]


def proof(index: int, size: int) -> InclusionProof:
    root = merkle.root(LEAVES[:size])
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root), KEY)
    return InclusionProof(index, merkle.inclusion_proof(LEAVES[:size], index), note)


@given(st.data())
def test_every_proof_leads_from_its_leaf_to_the_signed_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    found = InclusionProof.from_text(proof(index, size).to_text())
    assert found == proof(index, size)
    assert verify_proof(found, LEAVES[index], [LOG]).size == size
    with pytest.raises(ProofRefused):
        verify_proof(found, merkle.leaf_hash(b"another"), [LOG])


def test_the_file_is_written_as_the_specification_has_it() -> None:
    lines = proof(2, 5).to_text().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert [len(base64.b64decode(line)) for line in lines[2:5]] == [32, 32, 32]
    assert lines[5:8] == ["", ORIGIN, "5"]


def test_extra_data_is_passed_over() -> None:
    text = proof(2, 5).to_text().replace("index", "extra b3BhcXVl\nindex", 1)
    assert InclusionProof.from_text(text) == proof(2, 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n\n",
        proof(2, 5).to_text().replace("@v1", "@v2"),
        proof(2, 5).to_text().replace("index 2", "index 02"),
        proof(2, 5).to_text().replace("index 2", "index two"),
        proof(2, 5).to_text().replace("index 2\n", ""),
        proof(2, 5).to_text().replace("\n\n", "\n", 1),
        proof(2, 5).to_text().replace("=", "", 1),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        verify_proof(InclusionProof.from_text(text), LEAVES[2], [LOG])


def test_a_proof_without_its_checkpoint_s_signature_proves_nothing() -> None:
    stranger = Verifier.of(ORIGIN, LogSigningKey.from_seed(b"\1" * 32))
    with pytest.raises(NoteRefused):
        verify_proof(proof(2, 5), LEAVES[2], [stranger])
    assert issubclass(ProofFileRefused, NoteRefused)
