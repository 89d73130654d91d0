"""The log is held to its receipts: what is due is asked for, until it is proved."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.note import Verifier
from app.access_log.proof import InclusionProof
from app.crypto.log_signing import LogSigningKey
from tests.throughcare_receiver.notices import AT, RECEIPT
from throughcare_receiver.note import LogKey
from throughcare_receiver.promises import check_promises
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.store import MemoryStore

KEY = LogSigningKey.from_seed(bytes(range(32)))
ORIGIN = "log.example/access"
LOG = LogKey.from_vkey(Verifier.of(ORIGIN, KEY).to_vkey())
LEAVES = [RECEIPT.leaf_hash, b"\1" * 32]
NOTE = sign_checkpoint(Checkpoint(ORIGIN, 2, merkle.root(LEAVES)), KEY)
PROOF = InclusionProof(0, merkle.inclusion_proof(LEAVES, 0), NOTE).to_text()
DUE = RECEIPT.due_at


class Unreachable(Exception):
    """The service gives no answer."""


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path) as store:
        yield store


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.keep_receipt(RECEIPT)
    return store


def test_what_is_proved_is_asked_for_once_and_its_checkpoint_is_kept(
    sqlite_store: SqliteStore,
) -> None:
    sqlite_store.keep_receipt(RECEIPT)
    asked: list[str] = []

    def proof_of(entry_id: str) -> str:
        asked.append(entry_id)
        return PROOF

    for at in (AT, DUE, DUE, DUE):
        assert check_promises(sqlite_store, log=[LOG], proof_of=proof_of, at=at) == ()
    assert asked == [RECEIPT.entry_id]
    assert sqlite_store.checkpoints() == (NOTE,)
    assert sqlite_store.receipts() == (RECEIPT.note,)


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (None, "no proof"),
        (PROOF.replace("index 0", "index 1"), "refused"),
        (PROOF.replace("index 0", "index 2"), "refused"),
        ("nothing", "refused"),
    ],
)
def test_what_is_not_proved_is_a_broken_promise_each_time(
    store: MemoryStore, proof: str | None, reason: str
) -> None:
    for at in (DUE, DUE + timedelta(days=9)):
        [broken] = check_promises(store, log=[LOG], proof_of=lambda _: proof, at=at)
        assert broken.receipt == RECEIPT
        assert RECEIPT.entry_id in str(broken)
        assert reason in str(broken)
    # Late is late, but then it is on record.
    assert check_promises(store, log=[LOG], proof_of=lambda _: PROOF, at=DUE) == ()


def test_a_service_that_gives_no_answer_is_no_broken_promise(store: MemoryStore) -> None:
    def proof_of(_: str) -> str:
        raise Unreachable

    with pytest.raises(Unreachable):
        check_promises(store, log=[LOG], proof_of=proof_of, at=DUE)
    [owed] = store.due_receipts(at=DUE)
    assert owed == RECEIPT


def test_one_answer_that_does_not_come_hides_no_broken_promise(store: MemoryStore) -> None:
    other = replace(RECEIPT, entry_id="0" * 32, leaf_hash=b"\2" * 32)
    store.keep_receipt(other)

    def proof_of(entry_id: str) -> str | None:
        if entry_id == RECEIPT.entry_id:
            raise Unreachable
        return None

    [broken] = check_promises(store, log=[LOG], proof_of=proof_of, at=DUE)
    assert broken.receipt == other
