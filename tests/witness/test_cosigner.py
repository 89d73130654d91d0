"""A witness cosigns what extends what it cosigned before; the rest it refuses, and keeps."""

import base64
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.access_log.add_checkpoint import RequestRefused
from app.access_log.checkpoint import Checkpoint
from app.access_log.cosignature import Witness, cosignatures
from app.problems import ThroughcareError
from app.receiver.errors import ConfigurationError
from app.witness import evidence as evidence_module
from app.witness import program
from app.witness.cosigner import Cosigner, NotProved, NotSigned, OtherHistory, UnknownLog
from app.witness.evidence import Evidence, EvidenceRefused, Kind, contradiction
from tests.witness.conftest import AT
from tests.witness.history import (
    FROM_2_TO_3,
    FROM_2_TO_4,
    FROM_3_TO_4,
    LOG,
    A,
    B,
    C,
    D,
    Log,
    X,
    encoded,
    node,
)

STRANGER = Log(private=Ed25519PrivateKey.from_private_bytes(bytes([9] * 32)))
OTHER_LOG = Log(origin="other.example/log")


def held(cosigner: Cosigner) -> str | None:
    """What a witness that starts now from the same files would remember."""
    file = cosigner.evidence.path.parent / "memory.json"
    notes: dict[str, str] = json.loads(file.read_bytes())
    return notes.get(LOG.origin)


def files(cosigner: Cosigner) -> list[Path]:
    """The evidence that is kept."""
    return sorted(cosigner.evidence.path.iterdir())


def refused(cosigner: Cosigner, body: bytes) -> ThroughcareError:
    """How a request is refused; what was remembered stays as it is."""
    before = held(cosigner)
    with pytest.raises(ThroughcareError) as caught:
        cosigner.add_checkpoint(body)
    assert held(cosigner) == before
    return caught.value


def the_evidence(cosigner: Cosigner) -> Evidence:
    """The one piece that is kept."""
    (file,) = files(cosigner)
    assert file.stat().st_mode & 0o077 == 0
    return Evidence.from_json(file.read_text())


def kind_of(cosigner: Cosigner) -> Kind:
    """What the one piece of evidence proves to whoever has the two keys."""
    kind, _, _ = the_evidence(cosigner).judge([LOG.verifier], cosigner.witness)
    return kind


def test_the_first_checkpoint_is_cosigned_at_whatever_size(cosigner: Cosigner) -> None:
    line = cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    public = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    dash, name, text = line.rstrip("\n").split(" ")
    blob = base64.b64decode(text)
    key_id = sha256(b"agency.example/w1\n\x04" + public.public_bytes_raw()).digest()[:4]
    assert (dash, name, blob[:4]) == ("—", "agency.example/w1", key_id)
    assert int.from_bytes(blob[4:12], "big") == AT.timestamp()
    message = f"cosignature/v1\ntime {int(AT.timestamp())}\n{LOG.text('abc')}"
    public.verify(blob[12:], message.encode())


def test_what_extends_the_last_one_is_cosigned_and_remembered_with_the_cosignature(
    cosigner: Cosigner,
) -> None:
    for old, proof, entries in (
        (0, (), "ab"),
        (2, FROM_2_TO_3, "abc"),
        (3, FROM_3_TO_4, "abcd"),
    ):
        line = cosigner.add_checkpoint(LOG.request(old, proof, entries))
        assert held(cosigner) == LOG.note(entries) + line
    assert files(cosigner) == []


def test_the_same_checkpoint_is_cosigned_again(cosigner: Cosigner) -> None:
    """As after an answer that was lost on its way."""
    first = cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    later = replace(cosigner, clock=lambda: AT.replace(hour=10))
    again = later.add_checkpoint(LOG.request(2, (), "ab"))
    assert again != first
    assert cosignatures(LOG.note("ab") + again, [cosigner.witness])


def test_whoever_does_not_know_the_size_is_told_it(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    for body in (
        LOG.request(0, (), "abc"),
        LOG.request(1, (B, C), "abc"),
        LOG.request(3, FROM_3_TO_4, "abcd"),
        LOG.request(0, (), "ab"),  # the same one, asked for as if it were the first
    ):
        refusal = refused(cosigner, body)
        assert isinstance(refusal, OtherHistory)
        assert refusal.size == 2
    assert files(cosigner) == []


def test_a_fork_is_refused_and_two_notes_prove_it(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    refusal = refused(cosigner, LOG.request(3, (), "abx"))
    assert isinstance(refusal, OtherHistory)
    assert refusal.size == 3
    assert kind_of(cosigner) is Kind.FORK
    found = the_evidence(cosigner)
    assert found.offered == LOG.note("abx")
    assert found.held == held(cosigner)


@pytest.mark.parametrize("old", [0, 2, 3])
def test_a_fork_is_kept_whatever_the_log_says_it_knew(cosigner: Cosigner, old: int) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    refused(cosigner, LOG.request(old, (), "abx"))
    assert kind_of(cosigner) is Kind.FORK


def test_a_rewrite_is_refused_and_its_own_proof_proves_it(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    # The log goes on as if its third entry had been another one.
    rewritten = (X, D, node(A, B))
    assert isinstance(refused(cosigner, LOG.request(3, rewritten, "abxd")), NotProved)
    assert kind_of(cosigner) is Kind.REWRITE


def test_a_rewrite_that_keeps_its_proof_to_itself_is_a_question(cosigner: Cosigner) -> None:
    """The proof from a complete tree does not name its root, so it names no other one either."""
    cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    assert isinstance(refused(cosigner, LOG.request(2, (C,), "axc")), NotProved)
    assert kind_of(cosigner) is Kind.UNPROVED


@pytest.mark.parametrize("old", [0, 2, 4])
def test_a_rollback_is_refused_and_kept_as_a_question(cosigner: Cosigner, old: int) -> None:
    """An honest old checkpoint, which anybody may send, looks the same."""
    cosigner.add_checkpoint(LOG.request(0, (), "abcd"))
    refusal = refused(cosigner, LOG.request(old, (), "ab"))
    assert isinstance(refusal, OtherHistory if old <= 2 else RequestRefused)
    assert kind_of(cosigner) is Kind.ROLLBACK


def test_a_question_is_settled_by_the_proof_that_fits(cosigner: Cosigner) -> None:
    """Somebody sent an honest checkpoint with a proof of nonsense, to put the log in the wrong."""
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    refused(cosigner, LOG.request(3, (X, X, X), "abcd"))
    refused(cosigner, LOG.request(3, (), "abcd"))
    assert kind_of(cosigner) is Kind.UNPROVED
    cosigner.add_checkpoint(LOG.request(3, FROM_3_TO_4, "abcd"))
    assert files(cosigner) == []


def test_what_the_log_did_not_sign_is_refused_and_leaves_nothing(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    assert isinstance(refused(cosigner, STRANGER.request(3, (), "abx")), NotSigned)
    forged = LOG.request(3, (), "abc").replace(encoded(C).encode(), encoded(X).encode())
    wrong = forged.replace(LOG.text("abc").encode(), LOG.text("abx").encode())
    assert isinstance(refused(cosigner, wrong), NotSigned)
    assert isinstance(refused(cosigner, OTHER_LOG.request(0, (), "a")), UnknownLog)
    assert files(cosigner) == []


def test_a_first_checkpoint_needs_no_proof_and_takes_none(cosigner: Cosigner) -> None:
    assert isinstance(refused(cosigner, LOG.request(0, (A,), "ab")), NotProved)
    assert files(cosigner) == []


def test_lines_that_others_added_are_neither_remembered_nor_kept(
    cosigner: Cosigner,
) -> None:
    added = STRANGER.note("ab").split("\n\n")[1]
    line = cosigner.add_checkpoint(LOG.request(0, (), "ab") + added.encode())
    assert held(cosigner) == LOG.note("ab") + line
    refused(cosigner, LOG.request(2, (), "ax") + added.encode())
    assert the_evidence(cosigner).offered == LOG.note("ax")


def test_of_requests_from_one_state_at_once_one_passes(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    bodies = [LOG.request(2, (leaf,), f"ab{name}") for name, leaf in (("c", C), ("x", X))] * 4

    def ask(body: bytes) -> str | None:
        try:
            return cosigner.add_checkpoint(body)
        except OtherHistory:
            return None

    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = list(threads.map(ask, bodies))
    ((passed, line),) = [(body, line) for body, line in zip(bodies, answers, strict=True) if line]
    assert held(cosigner) == passed.decode().partition("\n\n")[2] + line


def test_what_cannot_be_remembered_is_not_cosigned(cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    folder = cosigner.evidence.path.parent
    shutil.move(folder, folder.with_name("away"))
    with pytest.raises(ConfigurationError):
        cosigner.add_checkpoint(LOG.request(2, FROM_2_TO_3, "abc"))
    shutil.move(folder.with_name("away"), folder)
    # And nothing is taken for remembered that is not on the disk.
    refusal = refused(cosigner, LOG.request(3, FROM_3_TO_4, "abcd"))
    assert isinstance(refusal, OtherHistory)
    assert refusal.size == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from app.witness import program
from app.witness.cosigner import Cosigner
from app.witness.evidence import EvidenceFolder
from dataclasses import replace
from tests.witness.conftest import AT
from tests.witness.history import FROM_2_TO_3, LOG

class LastThing(EvidenceFolder):
    def settle(self, note):
        os.kill(os.getpid(), signal.SIGKILL)

with program.opened(Path(sys.argv[1]), [LOG.verifier], clock=lambda: AT) as cosigner:
    dying = replace(cosigner, evidence=LastThing(cosigner.evidence.path))
    dying.add_checkpoint(LOG.request(2, FROM_2_TO_3, "abc"))
"""


def test_a_witness_that_is_killed_before_its_answer_remembers_what_it_cosigned(
    folder: Path,
) -> None:
    with program.opened(folder, [LOG.verifier], clock=lambda: AT) as cosigner:
        cosigner.add_checkpoint(LOG.request(0, (), "ab"))
    command = [sys.executable, "-c", KILLED, str(folder)]
    assert subprocess.run(command, check=False).returncode == -9  # noqa: S603 - our own text
    # What a kill in the middle of writing leaves behind is no hindrance.
    (folder / ".memory.json.new").write_text("{")
    with program.opened(folder, [LOG.verifier], clock=lambda: AT) as again:
        refusal = refused(again, LOG.request(2, FROM_2_TO_3, "abc"))
        assert isinstance(refusal, OtherHistory)
        assert refusal.size == 3
        assert cosignatures(
            LOG.note("abc") + again.add_checkpoint(LOG.request(3, (), "abc")), [again.witness]
        )
        refused(again, LOG.request(2, (X,), "abx"))
        assert kind_of(again) is Kind.FORK


def test_not_more_is_kept_than_there_is_room_for(
    cosigner: Cosigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_module, "MOST_FILES", 2)
    cosigner.add_checkpoint(LOG.request(0, (), "abcd"))
    for entries in ("a", "ab", "abc", "abc"):
        refused(cosigner, LOG.request(0, (), entries))
    assert len(files(cosigner)) == 2
    # A proof has its place whatever is asked, and so has each kind of question.
    refused(cosigner, LOG.request(0, (), "abcx"))
    refused(cosigner, LOG.request(4, (A,), "abcdx"))
    assert len(files(cosigner)) == 4


def fork(cosigner: Cosigner) -> Evidence:
    """Evidence of a fork."""
    cosigner.add_checkpoint(LOG.request(0, (), "abc"))
    refused(cosigner, LOG.request(3, (), "abx"))
    return the_evidence(cosigner)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: replace(found, offered=STRANGER.note("abx")),
        lambda found: replace(found, held=STRANGER.note("abc")),
        lambda found: replace(found, held=LOG.note("abc")),  # nobody cosigned it
        lambda found: replace(found, offered=LOG.note("abc")),  # the two agree
        lambda found: replace(found, offered=LOG.note("abcd"), proof=FROM_3_TO_4),
        lambda found: replace(found, offered="no note"),
    ],
)
def test_what_does_not_hold_is_no_evidence(
    cosigner: Cosigner, spoil: Callable[[Evidence], Evidence]
) -> None:
    with pytest.raises(EvidenceRefused):
        spoil(fork(cosigner)).judge([LOG.verifier], cosigner.witness)


def test_evidence_is_judged_with_the_keys_of_whoever_checks_it(cosigner: Cosigner) -> None:
    found = fork(cosigner)
    with pytest.raises(EvidenceRefused):
        found.judge([STRANGER.verifier], cosigner.witness)
    with pytest.raises(EvidenceRefused, match="has not cosigned"):
        found.judge([LOG.verifier], Witness("agency.example/w1", STRANGER.key))


def checkpoint(entries: str) -> Checkpoint:
    """The checkpoint over these entries."""
    return Checkpoint.from_text(LOG.text(entries))


def test_nothing_that_an_honest_log_signed_can_be_made_a_proof() -> None:
    """Whatever hashes somebody puts into the proof."""
    hashes = (A, C, X, node(A, B), node(A, X), *FROM_2_TO_4)
    for old, new in itertools.product(("ab", "abc"), ("abcd", "abcdx")):
        for proof in itertools.chain(*(itertools.product(hashes, repeat=n) for n in (1, 2, 3))):
            found = contradiction(checkpoint(old), checkpoint(new), proof)
            assert found in {None, Kind.UNPROVED}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"held": 1, "offered": 2, "proof": 3}', "[" * 100_000]
)
def test_another_file_is_no_evidence(text: str) -> None:
    with pytest.raises(EvidenceRefused):
        Evidence.from_json(text)
