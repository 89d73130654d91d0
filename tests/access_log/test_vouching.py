"""What vouches from outside: saved checkpoints narrow, receipts are kept, witnesses are counted."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.access_log import canonical_json
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.cosignature import Witness, cosign
from app.access_log.export import tile_line
from app.access_log.findings import Finding, LogRefused, Promises
from app.access_log.leaf_hashes import LeafHashes
from app.access_log.merkle import root, split_hashes
from app.access_log.note import Verifier
from app.access_log.receipt import Receipt, sign_receipt
from app.access_log.succession import Names, Reason, Succession
from app.access_log.verifier import verify_export
from app.access_log.vouching import (
    Evidence,
    Vouched,
    check_predecessors,
    check_promises,
    find_disagreement,
    open_evidence,
    witnessed,
)
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


def test_a_fork_before_the_last_good_checkpoint_does_not_narrow_what_lies_behind_it(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey, origin: str
) -> None:
    good = Checkpoint(origin, 400, root(hashes_of(lines)[:400]))
    forks = [Checkpoint(origin, size, bytes(32)) for size in (300, 400)]
    saved = [sign_checkpoint(one, log_key) for one in (good, *forks)]
    evidence = Evidence(verifiers=[verifier], saved_checkpoints=saved)
    report = verify_export(rewritten(lines, 450), evidence)
    assert report.finding is Finding.ROOT_MISMATCH
    assert (report.index, report.last) == (400, 599)


def test_each_hash_is_read_once_however_many_checkpoints_disagree(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey, origin: str
) -> None:
    class Counted(LeafHashes):
        read = 0

        def part(self, start: int, stop: int) -> Iterator[bytes]:
            self.read += stop - start
            return super().part(start, stop)

    hashes = Counted()
    hashes.extend(b"".join(hashes_of(lines)))
    forks = [Checkpoint(origin, size, bytes(32)) for size in range(100, SIZE, 100)]
    saved = [sign_checkpoint(one, log_key) for one in forks]
    evidence = Evidence(verifiers=[verifier], saved_checkpoints=saved)
    refused = find_disagreement(hashes, open_evidence(own_note(lines), evidence))
    assert refused is not None
    assert (refused.finding, refused.last) == (Finding.FORKED, 99)
    assert hashes.read == SIZE


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

    def make(
        leaf: bytes,
        *,
        origin: str = origin,
        key: LogSigningKey = log_key,
        due: datetime = at + timedelta(hours=1),
    ) -> str:
        receipt = Receipt(
            origin=origin,
            entry_id="0" * 32,
            leaf_hash=leaf,
            body_sha256=bytes(32),
            expected_by=due,
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


# A log that goes on under a new name: sixty entries of before are here, forty are declared lost

OLD, KEPT, SIGNED = "log.example/before", 60, 100


@dataclass(frozen=True)
class Renamed:
    """What a log is held to once it goes on under a new name."""

    key: LogSigningKey
    name: str
    hashes: LeafHashes
    names: Names

    @classmethod
    def after(cls, previous: Checkpoint, *, name: str, key: LogSigningKey, note: str) -> "Renamed":
        """The log whose first entry under its new name states this of the one of before."""
        hashes = LeafHashes()
        hashes.extend(b"".join(bytes([number]) * 32 for number in range(KEPT + 1)))
        succession = Succession(origin=name, kept=KEPT, previous=previous, note=note)
        fields = canonical_json.encode(succession.to_json(reasons=[Reason.RESTORED], key=""))
        names = Names()
        assert all(names.follow(index, OLD, None) for index in range(KEPT))
        assert names.follow(KEPT, name, fields)
        return cls(key, name, hashes, names)

    def old(self, size: int, root_hash: bytes = bytes(32), *, by: Sequence[int] = ()) -> str:
        """A checkpoint of before, of this root where it is lost."""
        found = root(self.hashes.part(0, size)) if size <= KEPT else root_hash
        return cosigned(sign_checkpoint(Checkpoint(OLD, size, found), self.key), *by)

    def opened(self, **evidence: Any) -> Vouched:  # noqa: ANN401 - members of Evidence
        """The newest checkpoint and what is held against it."""
        whole = Checkpoint(self.name, len(self.hashes), root(self.hashes))
        verifiers = [Verifier.of(name, self.key) for name in (self.name, OLD)]
        opened = Evidence(verifiers=verifiers, **evidence)
        return open_evidence(sign_checkpoint(whole, self.key), opened)

    def finding(self, *saved: str) -> Finding | None:
        """What the saved checkpoints find."""
        try:
            check_predecessors(self.hashes, self.opened(saved_checkpoints=saved), self.names)
        except LogRefused as refused:
            return refused.finding
        return None


@pytest.fixture(scope="module")
def renamed(log_key: LogSigningKey, origin: str) -> Renamed:
    previous = Checkpoint(OLD, SIGNED, bytes(32))
    note = sign_checkpoint(previous, log_key)
    return Renamed.after(previous, name=origin, key=log_key, note=note)


def test_two_histories_of_the_old_name_are_a_fork_though_both_are_declared_lost(
    renamed: Renamed,
) -> None:
    assert renamed.finding(renamed.old(50), renamed.old(80), renamed.old(SIGNED)) is None
    two = (renamed.old(80), renamed.old(80, bytes([1]) * 32))
    assert renamed.finding(*two) is Finding.FORKED
    assert renamed.finding(renamed.old(SIGNED, bytes([1]) * 32)) is Finding.FORKED


def test_what_a_log_says_of_its_old_name_is_held_to_it(log_key: LogSigningKey, origin: str) -> None:
    """It cannot declare more lost than was signed, nor another beginning than stands here."""
    previous = Checkpoint(OLD, SIGNED, bytes(32))
    stranger = sign_checkpoint(previous, WITNESS_KEYS[0])
    smaller = sign_checkpoint(Checkpoint(OLD, 70, bytes(32)), log_key)
    for note in ("", stranger, smaller):
        log = Renamed.after(previous, name=origin, key=log_key, note=note)
        assert log.finding() is Finding.BAD_SIGNATURE
    other = Checkpoint(OLD, 50, bytes(32))
    note = sign_checkpoint(other, log_key)
    assert Renamed.after(other, name=origin, key=log_key, note=note).finding() is Finding.FORKED


def test_witnesses_of_what_is_lost_vouch_for_nothing_that_is_here(renamed: Renamed) -> None:
    signed = (renamed.old(50, by=[0]), renamed.old(80, by=[0, 1]))
    for quorum, found in ((1, 50), (2, None)):
        vouched = renamed.opened(saved_checkpoints=signed, witnesses=WITNESSES, quorum=quorum)
        here = check_predecessors(renamed.hashes, vouched, renamed.names)
        if found is None:
            with pytest.raises(LogRefused) as refused:
                witnessed(vouched, here)
            assert refused.value.finding is Finding.NOT_COSIGNED
        else:
            assert witnessed(vouched, here) == found


def test_a_log_that_declares_nothing_lost_owes_what_its_old_name_promised(
    log_key: LogSigningKey, origin: str, promise: Callable[..., str]
) -> None:
    receipts = [promise(bytes([40]) * 32, origin=OLD), promise(bytes([99]) * 32, origin=OLD)]
    for size, lost in ((SIGNED, 1), (KEPT, 0)):
        hashes = [bytes([number]) * 32 for number in range(size)]
        previous = Checkpoint(OLD, size, root(hashes))
        note = sign_checkpoint(previous, log_key)
        log = Renamed.after(previous, name=origin, key=log_key, note=note)
        vouched = log.opened(receipts=receipts)
        if lost:
            assert check_promises(log.hashes, vouched, log.names) == Promises(kept=1, lost=1)
        else:
            with pytest.raises(LogRefused) as refused:
                check_promises(log.hashes, vouched, log.names)
            assert refused.value.finding is Finding.BROKEN_PROMISE


def test_of_two_promises_of_one_entry_the_earlier_counts(
    lines: list[bytes], verifier: Verifier, promise: Callable[..., str], at: datetime
) -> None:
    early, late = (promise(bytes(32), due=at + timedelta(hours=hours)) for hours in (1, 99))
    for receipts in ((early, late), (late, early)):
        evidence = Evidence(verifiers=[verifier], receipts=receipts, at=at + timedelta(hours=2))
        assert verify_export(lines, evidence).finding is Finding.BROKEN_PROMISE
