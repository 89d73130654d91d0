"""Holding the log to its receipts: each entry that is due must be proved to be in it.

A service that disclosed something and left it out of its log cannot give the proof; the receipt,
which it signed, then proves the breach to anybody who has the log's key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from throughcare_receiver.errors import EvidenceRefused
from throughcare_receiver.inclusion import check_inclusion
from throughcare_receiver.note import LogKey
from throughcare_receiver.receipt import Receipt
from throughcare_receiver.store import NotificationStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPromise:
    """A receipt that is due and not kept: keep it, and tell the supervisory authority."""

    receipt: Receipt
    reason: str

    def __str__(self) -> str:
        """In one line, which names nobody."""
        by = self.receipt.due_at.isoformat()
        return f"entry {self.receipt.entry_id}, promised by {by}, is not in the log: {self.reason}"


def check_promises(
    store: NotificationStore,
    *,
    log: Sequence[LogKey],
    proof_of: Callable[[str], str | None],
    at: datetime,
) -> tuple[BrokenPromise, ...]:
    """Check each receipt that is due and not proved yet; those that the log does not keep.

    What is proved is not asked for again, and the checkpoint that proves it is kept. A broken
    promise is reported each time, until the log keeps it after all.

    Args:
        store: with the receipts.
        log: the log's keys, from the agreement.
        proof_of: the answer of `/log/proof/{entry}`; None where the log has none (404). What it
            raises says nothing of that receipt, which is asked for again the next time; it is
            raised at the end unless another promise is found broken.
        at: now, with its time zone.
    """
    broken: list[BrokenPromise] = []
    unanswered: Exception | None = None
    for receipt in store.due_receipts(at=at):
        try:
            reason = _objection(store, receipt, log, proof_of)
        except Exception as error:  # noqa: BLE001 - one answer that does not come must hide no other
            unanswered = unanswered or error
            continue
        if reason is not None:
            broken.append(BrokenPromise(receipt=receipt, reason=reason))
    if unanswered is not None and not broken:
        raise unanswered
    return tuple(broken)


def _objection(
    store: NotificationStore,
    receipt: Receipt,
    log: Sequence[LogKey],
    proof_of: Callable[[str], str | None],
) -> str | None:
    """Why a receipt is not kept; None where it is, which the store then knows."""
    proof = proof_of(receipt.entry_id)
    if proof is None:
        return "the log has no proof of it"
    try:
        check_inclusion(proof, leaf_hash=receipt.leaf_hash, log=log)
    except EvidenceRefused as refused:
        return f"its proof is refused ({refused})"
    store.keep_checkpoint(proof.partition("\n\n")[2])
    store.mark_included(receipt.leaf_hash)
    return None
