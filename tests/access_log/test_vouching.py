"""What vouches from outside: saved checkpoints narrow, receipts are kept, witnesses are counted."""

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.cosignature import Witness, cosign
from app.access_log.export import tile_line
from app.access_log.findings import Finding, Promises
from app.access_log.merkle import root, split_hashes
from app.access_log.note import Verifier
from app.access_log.receipt import Receipt, sign_receipt
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.crypto.log_signing import LogSigningKey

MakeExport = Callable[..., list[bytes]]
SIZE = 600
WITNESS_KEYS = [LogSigningKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3)]
NAMES = [f"witness-{number}.example" for number in (1, 2, 3)]
WITNESSES = [Witness.of(name, key) for name, key in zip(NAMES, WITNESS_KEYS, strict=True)]


@pytest.fixture(scope="module")
def lines(make_export: MakeExport) -> list[bytes]:
    return make_export(SIZE)


def hashes_of(lines: Sequence[bytes]) -> list[bytes]:
    tiles = [json.loads(line) for line in lines if b'"type":"tile"' in line]
    return list(split_hashes(b"".join(b64decode(tile["hashes"]) for tile in tiles)))


def own_note(lines: Sequence[bytes]) -> str:
    return str(json.loads(lines[0])["checkpoint"])


def rewritten(lines: list[bytes], index: int) -> list[bytes]:
    """The hash of an entry is another one, and no row is left to tell which."""
    hashes = hashes_of(lines)
    hashes[index] = bytes(32)
    tiles = [tile_line(n, hashes[n * 256 : (n + 1) * 256]) for n in range(3)]
    return [lines[0], *tiles]


@pytest.mark.parametrize(
    ("sizes", "between"),
    [((), (0, 599)), ((300,), (300, 599)), ((300, 400, 500), (400, 499)), ((500,), (0, 499))],
)
def test_a_finding_lies_behind_the_last_good_checkpoint_and_before_the_first_bad_one(
    lines: list[bytes],
    verifier: Verifier,
    log_key: LogSigningKey,
    origin: str,
    sizes: tuple[int, ...],
    between: tuple[int, int],
) -> None:
    hashes = hashes_of(lines)
    saved = [sign_checkpoint(Checkpoint(origin, n, root(hashes[:n])), log_key) for n in sizes]
    evidence = Evidence(verifiers=[verifier], saved_checkpoints=saved)
    report = verify_export(rewritten(lines, 450), evidence)
    assert report.finding is Finding.ROOT_MISMATCH
    assert (report.index, report.last) == between


def test_a_fork_lies_before_the_checkpoint_that_knows_other_entries(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey, origin: str
) -> None:
    hashes = hashes_of(lines)
    good = sign_checkpoint(Checkpoint(origin, 120, root(hashes[:120])), log_key)
    fork = sign_checkpoint(Checkpoint(origin, 130, bytes(32)), log_key)
    evidence = Evidence(verifiers=[verifier], saved_checkpoints=[fork, good])
    report = verify_export(lines, evidence)
    assert (report.finding, report.index, report.last) == (Finding.FORKED, 120, 129)


def test_two_checkpoints_of_one_size_are_a_fork_behind_the_last_one_that_both_extend(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey, origin: str
) -> None:
    """The log's key has signed two histories; each of them looks sound by itself."""
    hashes = hashes_of(lines)
    good = sign_checkpoint(Checkpoint(origin, 500, root(hashes[:500])), log_key)
    for size in (550, SIZE):
        fork = sign_checkpoint(Checkpoint(origin, size, bytes(32)), log_key)
        right = sign_checkpoint(Checkpoint(origin, size, root(hashes[:size])), log_key)
        evidence = Evidence(verifiers=[verifier], saved_checkpoints=[right, fork, good])
        report = verify_export(lines, evidence)
        assert (report.finding, report.index, report.last) == (Finding.FORKED, 500, size - 1)


# Receipts


@pytest.fixture(scope="module")
def promise(log_key: LogSigningKey, origin: str, at: datetime) -> Callable[..., str]:
    """The receipt of an entry with this leaf, due an hour after `at`."""

    def make(leaf: bytes, *, origin: str = origin, key: LogSigningKey = log_key) -> str:
        receipt = Receipt(
            origin=origin,
            entry_id="0" * 32,
            leaf_hash=leaf,
            body_sha256=bytes(32),
            expected_by=at + timedelta(hours=1),
        )
        return sign_receipt(receipt, key)

    return make


def test_a_promise_that_is_kept_is_told_from_one_that_is_not_yet_due(
    lines: list[bytes], verifier: Verifier, promise: Callable[..., str], at: datetime
) -> None:
    receipts = [promise(hashes_of(lines)[300]), promise(bytes(32))]
    evidence = Evidence(verifiers=[verifier], receipts=receipts, at=at)
    report = verify_export(lines, evidence)
    assert (report.finding, report.promises) == (None, Promises(kept=1, not_yet_due=1))


def test_a_disclosure_that_was_left_out_of_the_log_is_found_by_its_receipt(
    lines: list[bytes], verifier: Verifier, promise: Callable[..., str], at: datetime
) -> None:
    receipts = [promise(bytes(32)), promise(hashes_of(lines)[300])]
    late = at + timedelta(hours=1)
    report = verify_export(lines, Evidence(verifiers=[verifier], receipts=receipts, at=late))
    assert report.finding is Finding.BROKEN_PROMISE
    assert "0" * 32 in report.detail


def test_a_receipt_must_itself_be_rightly_signed_by_this_log(
    lines: list[bytes], verifier: Verifier, promise: Callable[..., str], log_key: LogSigningKey
) -> None:
    other = Verifier.of("other.example", log_key)
    for receipt in (
        "nothing",
        own_note(lines),
        promise(bytes(32), key=WITNESS_KEYS[0]),
        promise(bytes(32), origin="other.example"),
    ):
        evidence = Evidence(verifiers=[verifier, other], receipts=[receipt])
        assert verify_export(lines, evidence).finding is Finding.RECEIPT_REFUSED


# Witnesses


def cosigned(note: str, *witnesses: int) -> str:
    text = note.partition("\n\n")[0] + "\n"
    return note + "".join(
        cosign(text, name=NAMES[one], key=WITNESS_KEYS[one], time=1_800_000_000)
        for one in witnesses
    )


def test_the_largest_checkpoint_with_a_quorum_says_how_far_witnesses_have_seen(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey, origin: str
) -> None:
    hashes = hashes_of(lines)
    older = [
        cosigned(sign_checkpoint(Checkpoint(origin, n, root(hashes[:n])), log_key), *by)
        for n, by in ((100, (0, 1, 2)), (200, (0, 2)), (300, (1,)))
    ]
    for quorum, size in ((1, 300), (2, 200), (3, 100)):
        evidence = Evidence(
            verifiers=[verifier], saved_checkpoints=older, witnesses=WITNESSES, quorum=quorum
        )
        report = verify_export(lines, evidence)
        assert (report.finding, report.witnessed) == (None, size)


def test_a_log_that_too_few_have_cosigned_is_not_sound(
    lines: list[bytes], verifier: Verifier
) -> None:
    evidence = Evidence(verifiers=[verifier], witnesses=WITNESSES[:1], quorum=1)
    assert verify_export(lines, evidence).finding is Finding.NOT_COSIGNED


def test_a_wrong_cosignature_of_a_named_witness_is_a_wrong_signature(
    lines: list[bytes], verifier: Verifier
) -> None:
    note = own_note(lines)
    wrong = cosigned("another text\n\n", 0).removeprefix("another text\n\n")
    members = json.loads(lines[0]) | {"checkpoint": note + wrong}
    header = json.dumps(members, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    evidence = Evidence(verifiers=[verifier], witnesses=WITNESSES, quorum=1)
    report = verify_export([header.encode() + b"\n", *lines[1:]], evidence)
    assert report.finding is Finding.BAD_SIGNATURE
