"""Signing the log and holding it to what was signed.

The newest checkpoint is kept outside the database as well. A database that is behind it, or
disagrees with it, was restored from a backup or rewritten; going on would fork the log, so the
service refuses to start. `throughcare init` signs the empty log: from then on the file exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from app.access_log import tiles
from app.access_log.checkpoint import (
    Checkpoint,
    CheckpointRefused,
    open_checkpoint,
    sign_checkpoint,
)
from app.access_log.ledger import lock_head, read_head
from app.access_log.note import Verifier
from app.access_log.tables import AccessLogCheckpoint
from app.crypto.log_signing import LogSigningKey
from app.problems import ThroughcareError
from app.rows import table_of
from app.whole_files import written

CHECKPOINT = table_of(AccessLogCheckpoint)


class LogContradicted(ThroughcareError):
    """What is stored is not the log that a checkpoint vouches for. Nothing may be signed."""


class LogBehindCheckpoint(LogContradicted):
    """The database holds fewer entries than were signed: a backup was restored, or rows cut off."""


class LogForked(LogContradicted):
    """The database holds other entries than were signed."""


class LogRenamed(LogContradicted):
    """The log goes on under another name than the one that is asked for."""


class CheckpointMissing(LogContradicted):
    """Entries exist, and no checkpoint outside the database to hold them to."""


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the note that signs it."""

    checkpoint: Checkpoint
    note: str


def publish(connection: Connection, *, key: LogSigningKey, origin: str, at: datetime) -> str:
    """Sign the head and keep the note; where this size was signed before, that note.

    Call it in a transaction of its own, after the one that integrated has committed: only what
    is durable may be signed. Write the note to its file once this transaction has committed.
    Raises LogContradicted rather than sign what does not extend the last checkpoint.
    """
    # The lock keeps two publishers from signing at once.
    checkpoint = lock_head(connection).checkpoint(origin)
    # The head row must be what the rows of the log make, else the log could not be proved.
    check_extends(connection, checkpoint)
    last = latest(connection)
    if last is not None:
        if last.checkpoint != checkpoint:
            check_extends(connection, last.checkpoint)
        if last.checkpoint.origin != origin:
            raise LogContradicted("the log goes on under another origin than it was signed with")
        if last.checkpoint == checkpoint:
            return last.note
    return _sign(connection, checkpoint, key, at)


def publish_renamed(
    connection: Connection, *, key: LogSigningKey, origin: str, at: datetime
) -> str:
    """Sign the head under a new name, in the transaction of the entry that says why.

    The note is for nobody before that has committed.
    """
    checkpoint = lock_head(connection).checkpoint(origin)
    check_extends(connection, checkpoint)
    return _sign(connection, checkpoint, key, at)


def names(connection: Connection) -> frozenset[str]:
    """Every name that the log was signed under."""
    return frozenset(connection.scalars(select(CHECKPOINT.c.origin).distinct()))


def latest(connection: Connection) -> SignedCheckpoint | None:
    """The newest checkpoint, or None before the first."""
    return _read(connection, select(CHECKPOINT).order_by(CHECKPOINT.c.size.desc()).limit(1))


def of_size(connection: Connection, size: int) -> SignedCheckpoint | None:
    """The checkpoint of this size, or None where none was signed."""
    return _read(connection, select(CHECKPOINT).where(CHECKPOINT.c.size == size))


def last_signed_at(connection: Connection) -> datetime | None:
    """When the newest checkpoint was signed, or None before the first."""
    query = select(CHECKPOINT.c.signed_at).order_by(CHECKPOINT.c.size.desc()).limit(1)
    return connection.scalar(query)


def check_against(
    connection: Connection, note: str, *, verifiers: Sequence[Verifier], origin: str
) -> Checkpoint:
    """Hold the database to a saved checkpoint and return it.

    Raises NoteRefused for a note that the log did not sign, LogBehindCheckpoint, LogForked.
    """
    checkpoint = open_checkpoint(note, verifiers)
    if checkpoint.origin != origin:
        raise CheckpointRefused("the saved checkpoint is of another log")
    check_extends(connection, checkpoint)
    return checkpoint


def check_at_start(
    connection: Connection, path: Path, *, verifiers: Sequence[Verifier], origin: str
) -> None:
    """Refuse to start on a log that its file outside the database does not vouch for.

    Raises CheckpointMissing, LogRenamed, and what `check_against` raises.
    """
    note = read_checkpoint_file(path)
    if note is not None:
        check_against(connection, note, verifiers=verifiers, origin=origin)
    elif read_head(connection).size > 0:
        raise CheckpointMissing("the log has entries, but the file of its last checkpoint is gone")
    last = latest(connection)
    if last is not None and last.checkpoint.origin != origin:
        raise LogRenamed(f"the log goes on as {last.checkpoint.origin}")


def write_checkpoint_file(path: Path, note: str) -> None:
    """Replace the file by a new note: afterwards it holds the old one or the new one, whole."""
    with written(path) as file:
        file.write(note.encode())


def read_checkpoint_file(path: Path) -> str | None:
    """The note in the file, or None where there is no file."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None


def _read(connection: Connection, query: Select[Any]) -> SignedCheckpoint | None:
    row = connection.execute(query).first()
    if row is None:
        return None
    return SignedCheckpoint(Checkpoint(row.origin, row.size, row.root), row.note)


def check_extends(connection: Connection, checkpoint: Checkpoint) -> None:
    """Raise unless the stored log begins with what the checkpoint vouches for.

    LogBehindCheckpoint, LogForked.
    """
    size = read_head(connection).size
    if size < checkpoint.size:
        raise LogBehindCheckpoint(f"the log has {size} entries, {checkpoint.size} were signed")
    if tiles.root_at(connection, checkpoint.size) != checkpoint.root:
        raise LogForked(f"the first {checkpoint.size} entries are not those that were signed")


def _sign(connection: Connection, checkpoint: Checkpoint, key: LogSigningKey, at: datetime) -> str:
    """Sign a checkpoint that was checked, and keep the note."""
    note = sign_checkpoint(checkpoint, key)
    row = {
        "size": checkpoint.size,
        "origin": checkpoint.origin,
        "root": checkpoint.root,
        "note": note,
        "signed_at": at,
    }
    connection.execute(insert(CHECKPOINT), row)
    return note
