"""Going on under a new name with a log that cannot go on under its own.

Its database was restored from an older backup, its last checkpoint is gone, or its key was lost or
stolen. What is lost is declared in the first entry under the new name; what is there keeps its
place, its proofs and its person's right to erasure. Nothing makes a log good that was rewritten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import open_checkpoint
from app.access_log.checkpoints import LogBehindCheckpoint, SignedCheckpoint
from app.access_log.note import Verifier
from app.access_log.succession import Reason, Succession
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.engines import others_at_work
from app.house import Act, House, record
from app.outbox import subscriptions
from app.problems import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong with a log: its last checkpoint that is known, and why it cannot go on."""

    last: SignedCheckpoint
    reasons: tuple[Reason, ...]


def diagnose(
    connection: Connection, note: str | None, verifiers: Sequence[Verifier], *, key_replaced: bool
) -> Diagnosis:
    """Why the log here cannot go on under its name.

    Args:
        connection: that reads.
        note: what the checkpoint file holds, None where it is gone.
        verifiers: of the old log.
        key_replaced: whether its key was lost or stolen.

    Raises:
        Conflict: nothing is wrong, or there is no log.
        LogForked: the database holds other entries than were signed. That is no loss.
        NoteRefused: the file is not the old log's.
    """
    own = checkpoints.latest(connection)
    if own is None:
        raise Conflict("the database holds no signed log: `throughcare init` begins one")
    checkpoints.check_extends(connection, own.checkpoint)
    replaced = (Reason.KEY_REPLACED,) if key_replaced else ()
    if note is None:
        # Then it is the signature in the database that counts.
        open_checkpoint(own.note, verifiers)
        return Diagnosis(last=own, reasons=(Reason.NO_CHECKPOINT, *replaced))
    outside = SignedCheckpoint(open_checkpoint(note, verifiers), note)
    try:
        checkpoints.check_extends(connection, outside.checkpoint)
    except LogBehindCheckpoint:
        return Diagnosis(last=outside, reasons=(Reason.RESTORED, *replaced))
    if not replaced:
        raise Conflict("nothing is wrong with the log: it goes on under its name")
    newest = max(own, outside, key=lambda signed: signed.checkpoint.size)
    return Diagnosis(last=newest, reasons=replaced)


def check_alone(connection: Connection) -> None:
    """Conflict while another process is at work: its entries would bear the old name."""
    if others_at_work(connection):
        raise Conflict("a process of the service is at work on this database: stop it first")


def check_new(connection: Connection, origin: str, note: str | None) -> None:
    """Conflict unless nothing was ever signed under this name, as far as can be known here."""
    if origin in {*checkpoints.names(connection), (note or "").partition("\n")[0]}:
        raise Conflict(f"the log was signed as {origin} before: choose another name")


def is_done(connection: Connection, origin: str, note: str | None) -> str | None:
    """The note under the new name that is only to be put into its file; a run was broken off."""
    own = checkpoints.latest(connection)
    if own is None or own.checkpoint.origin != origin or note is None:
        return None
    return None if note.partition("\n")[0] == origin else own.note


def recover(connection: Connection, house: House, diagnosis: Diagnosis, *, at: datetime) -> str:
    """Begin the log under the name of the house, which is new; the first note under it.

    Conflict while another process is at work.
    """
    check_alone(connection)
    kept = ledger.integrate(connection).size
    last = diagnosis.last
    succession = Succession(
        origin=house.log_origin, kept=kept, previous=last.checkpoint, note=last.note
    )
    fields = succession.to_json(
        reasons=diagnosis.reasons,
        key=Verifier.of(house.log_origin, house.ring.log_signing).to_vkey(),
    )
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields=fields,
    )
    record(connection, house, OPERATOR, act, at=at)
    ledger.integrate(connection)
    if set(diagnosis.reasons) & {Reason.RESTORED, Reason.NO_CHECKPOINT}:
        # The copy of before gave out numbers that are not known here.
        subscriptions.leap(connection)
    return checkpoints.publish_renamed(
        connection, key=house.ring.log_signing, origin=house.log_origin, at=at
    )
