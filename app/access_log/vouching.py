"""What vouches for a log from outside: saved checkpoints, cosignatures, receipts. Pure.

The log's own checkpoint says only that its entries are those that its key signed last. Whoever
holds that key can sign another history; what was saved elsewhere before holds it to the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter

from app.access_log.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from app.access_log.cosignature import QuorumMissing, Witness, require_quorum
from app.access_log.findings import Finding, LogRefused, Promises
from app.access_log.leaf_hashes import LeafHashes
from app.access_log.merkle import Frontier
from app.access_log.note import NoteRefused, Verifier
from app.access_log.receipt import Receipt, open_receipt
from app.access_log.succession import Names, Succession

EVERYTHING_IS_DUE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a log is held to.

    Attributes:
        verifiers: the log's key, from the agreement.
        saved_checkpoints: notes that were kept elsewhere; the log must extend each of them.
        receipts: notes that came with disclosures; the log must hold the entry of each that is
            due.
        at: now; with its time zone.
        witnesses: whose cosignatures count.
        quorum: how many of them must have cosigned one checkpoint.
    """

    verifiers: Sequence[Verifier]
    saved_checkpoints: Sequence[str] = ()
    receipts: Sequence[str] = ()
    at: datetime = EVERYTHING_IS_DUE
    witnesses: Sequence[Witness] = ()
    quorum: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """The evidence, opened: everything in it is rightly signed.

    `saved` are of the log's name, `predecessors` of others: its earlier names, if it had any.
    `cosigned` are those of all of them that a quorum signed; None where no witness is named.
    """

    verifiers: Sequence[Verifier]
    checkpoint: Checkpoint
    saved: tuple[Checkpoint, ...]
    predecessors: tuple[Checkpoint, ...]
    receipts: tuple[Receipt, ...]
    at: datetime
    cosigned: frozenset[Checkpoint] | None


def open_evidence(note: str, evidence: Evidence) -> Vouched:
    """Open a log's own checkpoint, and all that is held against it. Raises LogRefused."""
    checkpoint = _open_own(note, evidence.verifiers)
    saved = [_open_saved(one, evidence) for one in evidence.saved_checkpoints]
    receipts = [_open_receipt(one, evidence) for one in evidence.receipts]
    notes = [(checkpoint, note), *zip(saved, evidence.saved_checkpoints, strict=True)]
    return Vouched(
        verifiers=evidence.verifiers,
        checkpoint=checkpoint,
        saved=tuple(one for one in saved if one.origin == checkpoint.origin),
        predecessors=tuple(one for one in saved if one.origin != checkpoint.origin),
        receipts=tuple(receipts),
        at=evidence.at,
        cosigned=_cosigned(notes, evidence),
    )


def find_disagreement(hashes: LeafHashes, vouched: Vouched) -> LogRefused | None:
    """The first checkpoint that does not vouch for these leaf hashes, as a finding; or None.

    What is wrong lies behind the last checkpoint that does.
    """
    frontier = Frontier()
    own = vouched.checkpoint
    # The first that disagrees, and the first behind the last good one.
    disagreeing, narrower = None, None
    good = before = 0  # sizes of the last good checkpoint, and of that below the present one
    # Of one size the log's own comes first: another one then contradicts what it signed.
    for checkpoint in sorted((own, *vouched.saved), key=attrgetter("size")):
        if checkpoint.size > len(hashes):
            disagreeing = disagreeing or _behind(checkpoint, hashes)
            continue
        before = good if good < checkpoint.size else before
        frontier = frontier.extend(hashes.part(frontier.size, checkpoint.size))
        if frontier.root == checkpoint.root:
            good, narrower = checkpoint.size, None
        elif checkpoint is own:
            return _not_signed(narrower, first=before, stop=own.size)
        else:
            forked = _forked(checkpoint, first=before)
            disagreeing = disagreeing or forked
            narrower = narrower or (forked if checkpoint.size > good else None)
    return disagreeing


def check_predecessors(
    hashes: LeafHashes, vouched: Vouched, names: Names
) -> tuple[Checkpoint, ...]:
    """Hold the log to checkpoints of its earlier names: what is here, and what is declared lost.

    Those that it declares itself are among them. Returns those whose entries are here. Raises
    LogRefused.
    """
    here, lost = [], dict[tuple[str, int], Checkpoint]()
    declared = [_declared(one, vouched) for one in names.successions]
    for checkpoint in (*declared, *vouched.predecessors):
        ended = names.after(checkpoint.origin)
        if ended is None:
            raise LogRefused(
                Finding.SAVED_CHECKPOINT_REFUSED,
                "a saved checkpoint is of another log, or of an earlier name of this one that "
                "does not show here",
            )
        if checkpoint.size <= ended.kept:
            here.append(checkpoint)
        elif checkpoint.origin != ended.previous.origin or checkpoint.size > ended.previous.size:
            raise LogRefused(
                Finding.BEHIND_SAVED_CHECKPOINT,
                f"a saved checkpoint vouches for {checkpoint.size} entries, and fewer are here "
                "or declared lost",
                index=ended.kept,
                last=checkpoint.size - 1,
            )
        elif lost.setdefault((checkpoint.origin, checkpoint.size), checkpoint) != checkpoint:
            raise LogRefused(
                Finding.FORKED,
                "of entries that are declared lost two histories were signed",
                index=ended.kept,
                last=checkpoint.size - 1,
            )
    disagreement = find_disagreement(hashes, replace(vouched, saved=tuple(here))) if here else None
    if disagreement is not None:
        raise disagreement
    return tuple(here)


def witnessed(vouched: Vouched, here: Sequence[Checkpoint]) -> int | None:
    """The size of the largest checkpoint with a quorum; None where no witness is named.

    It counts only where it vouches for entries that are here: the log's own, those of its name,
    and of earlier names those that `check_predecessors` found `here`. Raises LogRefused.
    """
    if vouched.cosigned is None:
        return None
    found = vouched.cosigned & {vouched.checkpoint, *vouched.saved, *here}
    if not found:
        raise LogRefused(Finding.NOT_COSIGNED, "witnesses have cosigned only what is declared lost")
    return max(checkpoint.size for checkpoint in found)


def check_promises(hashes: LeafHashes, vouched: Vouched, names: Names) -> Promises:
    """Hold the log to its receipts. Raises LogRefused for one that is due and not kept.

    One of an earlier name may be for an entry that is lost, if that name declares any lost.
    """
    excused = {name: _may_be_lost(name, vouched, names) for name in _promising(vouched)}
    # Of two of one entry the one that asks more counts: it comes last.
    in_order = sorted(
        vouched.receipts, key=lambda one: (excused[one.origin], one.expected_by), reverse=True
    )
    owed = {receipt.leaf_hash: receipt for receipt in in_order}
    missing = set(owed)
    if missing:
        missing.difference_update(hashes)
    lost = {leaf for leaf in missing if excused[owed[leaf].origin]}
    missing -= lost
    due = [owed[leaf] for leaf in missing if owed[leaf].expected_by <= vouched.at]
    if due:
        first = min(due, key=attrgetter("expected_by", "entry_id"))
        raise LogRefused(
            Finding.BROKEN_PROMISE,
            f"entry {first.entry_id} was promised by {first.expected_by.isoformat()} and is not "
            f"in the log of {len(hashes)} entries (broken receipts: {len(due)})",
        )
    return Promises(
        kept=len(owed) - len(missing) - len(lost), not_yet_due=len(missing), lost=len(lost)
    )


def _promising(vouched: Vouched) -> set[str]:
    """The names under which receipts were given."""
    return {receipt.origin for receipt in vouched.receipts}


def _may_be_lost(name: str, vouched: Vouched, names: Names) -> bool:
    """Whether entries of this name are declared lost; LogRefused where the log never had it."""
    if name == vouched.checkpoint.origin:
        return False
    ended = names.after(name)
    if ended is None:
        raise LogRefused(
            Finding.RECEIPT_REFUSED,
            "a receipt is of another log, or of an earlier name of this one that does not show "
            "here",
        )
    return ended.lost > 0


def _declared(succession: Succession, vouched: Vouched) -> Checkpoint:
    """The last checkpoint of an earlier name, as the log declares it.

    It must bear the signature of that name, where a key of it is known.
    """
    previous = succession.previous
    if any(verifier.name == previous.origin for verifier in vouched.verifiers):
        try:
            signed = open_checkpoint(succession.note, vouched.verifiers)
        except NoteRefused as error:
            detail = f"the checkpoint of {previous.origin} that it declares: {error.detail}"
            raise LogRefused(Finding.BAD_SIGNATURE, detail, index=succession.kept) from None
        if signed != previous:
            detail = f"it declares another checkpoint of {previous.origin} than was signed"
            raise LogRefused(Finding.BAD_SIGNATURE, detail, index=succession.kept)
    return previous


def _open_own(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    try:
        return open_checkpoint(note, verifiers)
    except CheckpointRefused as error:
        raise LogRefused(Finding.OTHER_ORIGIN, error.detail) from None
    except NoteRefused as error:
        raise LogRefused(Finding.BAD_SIGNATURE, error.detail) from None


def _open_saved(note: str, evidence: Evidence) -> Checkpoint:
    try:
        return open_checkpoint(note, evidence.verifiers)
    except NoteRefused as error:
        raise LogRefused(Finding.SAVED_CHECKPOINT_REFUSED, error.detail) from None


def _open_receipt(note: str, evidence: Evidence) -> Receipt:
    try:
        return open_receipt(note, evidence.verifiers)
    except NoteRefused as error:
        raise LogRefused(Finding.RECEIPT_REFUSED, error.detail) from None


def _cosigned(
    notes: Sequence[tuple[Checkpoint, str]], evidence: Evidence
) -> frozenset[Checkpoint] | None:
    """The checkpoints with a quorum; None where no witness is named."""
    if not evidence.witnesses:
        return None
    found = frozenset(checkpoint for checkpoint, note in notes if _is_cosigned(note, evidence))
    if not found:
        raise LogRefused(
            Finding.NOT_COSIGNED,
            f"of {len(notes)} checkpoints none is cosigned by {evidence.quorum} witnesses",
        )
    return found


def _is_cosigned(note: str, evidence: Evidence) -> bool:
    try:
        require_quorum(note, evidence.witnesses, quorum=evidence.quorum)
    except QuorumMissing:
        return False
    except NoteRefused as error:
        raise LogRefused(Finding.BAD_SIGNATURE, error.detail) from None
    return True


def _behind(checkpoint: Checkpoint, hashes: LeafHashes) -> LogRefused:
    return LogRefused(
        Finding.BEHIND_SAVED_CHECKPOINT,
        f"a saved checkpoint vouches for {checkpoint.size} entries, and here are {len(hashes)}: "
        "some are gone, or this is older than that checkpoint: then take a fresh export",
        index=len(hashes),
        last=checkpoint.size - 1,
    )


def _forked(checkpoint: Checkpoint, *, first: int) -> LogRefused:
    return LogRefused(
        Finding.FORKED,
        f"a saved checkpoint vouches for {checkpoint.size} other entries",
        index=first,
        last=checkpoint.size - 1,
    )


def _not_signed(disagreeing: LogRefused | None, *, first: int, stop: int) -> LogRefused:
    """The hashes miss the log's own root; a saved checkpoint may narrow where."""
    last = stop - 1 if disagreeing is None else disagreeing.last
    return LogRefused(
        Finding.ROOT_MISMATCH, "the entries are not those that were signed", index=first, last=last
    )
