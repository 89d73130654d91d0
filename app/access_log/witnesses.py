"""The witnesses of this log: their lines on its checkpoints, and whether enough of them sign.

Which witnesses there are stands in the agreement between the agencies, and from there in the
settings of this installation; the database holds what was heard of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from app.access_log.checkpoints import CHECKPOINT, latest
from app.access_log.cosignature import QuorumMissing, Witness, cosignatures, require_quorum
from app.access_log.tables import AccessLogQuorum, AccessLogWitness
from app.rows import table_of

WITNESS = table_of(AccessLogWitness)
QUORUM = table_of(AccessLogQuorum)
QUORUM_ID = 1
# Nothing was cosigned by a quorum yet, not even the empty log.
NOTHING = -1
# From the signature of a checkpoint to the alarm: a witness that is started anew is back before.
QUORUM_WITHIN = timedelta(minutes=1)


class Standing(StrEnum):
    """How a witness took the last checkpoint that it was asked about."""

    COSIGNED = "cosigned"
    SILENT = "silent"  # no answer, or one of no use
    REFUSED = "refused"  # it says that it knows another history of this log


@dataclass(frozen=True, slots=True)
class NamedWitness:
    """A witness of the agreement, and the address (its submission prefix) where it is asked."""

    key: Witness
    url: str


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The witnesses of the agreement, and how many of them must sign."""

    named: tuple[NamedWitness, ...]
    quorum: int

    @property
    def keys(self) -> tuple[Witness, ...]:
        """What their cosignatures are checked with."""
        return tuple(one.key for one in self.named)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a witness made of a checkpoint. `size` is that which it cosigned last, if known.

    `line` is its cosignature, checked; empty where it gave none. `reason` is for the operator.
    """

    witness: Witness
    standing: Standing
    size: int
    line: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QuorumState:
    """Whether a quorum signs: up to `size`, missing or not `since` a moment."""

    size: int
    missing: bool
    since: datetime


def known_size(connection: Connection, witness: Witness) -> int:
    """The size that a witness cosigned last, as far as we know; 0 before the first."""
    query = select(WITNESS.c.size).where(WITNESS.c.vkey == witness.to_vkey())
    return connection.scalar(query) or 0


def standing(connection: Connection, witness: Witness) -> tuple[Standing, datetime] | None:
    """How a witness took the last checkpoint, and since when it has been so."""
    query = select(WITNESS).where(WITNESS.c.vkey == witness.to_vkey())
    row = connection.execute(query).first()
    return None if row is None else (Standing(row.standing), row.since)


def note_heard(connection: Connection, heard: Heard, *, at: datetime) -> bool:
    """Keep what was heard of a witness; whether it stands otherwise than before.

    Who has refused does not come right by falling silent.
    """
    before = standing(connection, heard.witness)
    vkey = heard.witness.to_vkey()
    if before is None:
        row = {"vkey": vkey, "size": heard.size, "standing": heard.standing.value, "since": at}
        connection.execute(insert(WITNESS), row)
        return True
    changed = heard.standing not in (
        (Standing.SILENT, Standing.REFUSED) if before[0] is Standing.REFUSED else (before[0],)
    )
    values = {"standing": heard.standing.value, "since": at} if changed else {}
    connection.execute(
        update(WITNESS).where(WITNESS.c.vkey == vkey).values(size=heard.size, **values)
    )
    return changed


def add_lines(connection: Connection, size: int, lines: Sequence[str]) -> None:
    """Put the lines of witnesses under the checkpoint of this size. They have been checked."""
    row = CHECKPOINT.c.size == size
    query = select(CHECKPOINT.c.note).where(row).with_for_update()
    note = connection.execute(query).scalar_one()
    new = [line for line in lines if line not in note.splitlines(keepends=True)]
    if new:
        connection.execute(update(CHECKPOINT).where(row).values(note=note + "".join(new)))


def unsigned(note: str, witnesses: Witnesses) -> tuple[NamedWitness, ...]:
    """The witnesses of the agreement whose lines are not under a note yet."""
    signed = {one.witness for one in cosignatures(note, witnesses.keys)}
    return tuple(one for one in witnesses.named if one.key not in signed)


def quorum_state(connection: Connection) -> QuorumState | None:
    """Whether a quorum signs; None before the first checkpoint that witnesses were asked about."""
    row = connection.execute(select(QUORUM)).first()
    return None if row is None else QuorumState(row.size, row.missing, row.since)


def judge_quorum(connection: Connection, witnesses: Witnesses, *, at: datetime) -> QuorumState:
    """Whether a quorum signs, judged by the newest checkpoint.

    It is missing once a checkpoint has waited for longer than `QUORUM_WITHIN`, and met again with
    the next one that a quorum signs.
    """
    # Whoever names witnesses for the first time gives them their time, too.
    before = quorum_state(connection) or QuorumState(NOTHING, missing=False, since=at)
    size = _signed_size(connection, witnesses)
    if size is not None:
        missing = False
    else:
        size = before.size
        missing = before.missing or _is_overdue(connection, before, at)
    return QuorumState(size, missing, before.since if missing is before.missing else at)


def keep_quorum(connection: Connection, state: QuorumState) -> None:
    """Put this state in the place of the last one."""
    values = {"size": state.size, "missing": state.missing, "since": state.since}
    if quorum_state(connection) is None:
        connection.execute(insert(QUORUM), {"head_id": QUORUM_ID, **values})
    else:
        connection.execute(update(QUORUM).values(values))


def _signed_size(connection: Connection, witnesses: Witnesses) -> int | None:
    """The size of the newest checkpoint if a quorum has signed it."""
    newest = latest(connection)
    if newest is None:
        return None
    try:
        require_quorum(newest.note, witnesses.keys, quorum=witnesses.quorum)
    except QuorumMissing:
        return None
    return newest.checkpoint.size


def _is_overdue(connection: Connection, state: QuorumState, at: datetime) -> bool:
    """Whether a checkpoint behind the last one that a quorum signed has waited too long."""
    waiting = select(CHECKPOINT.c.signed_at).where(CHECKPOINT.c.size > state.size)
    first = connection.scalar(waiting.order_by(CHECKPOINT.c.size).limit(1))
    return first is not None and at - max(first, state.since) > QUORUM_WITHIN
