"""A log with one key, entries for it, and whether it is one chain."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

from sqlalchemy import Connection, func, select

from app.access_log import ledger, tiles
from app.access_log.checkpoint import Checkpoint, open_checkpoint
from app.access_log.checkpoints import CHECKPOINT
from app.access_log.entry import Actor, Entry, Grounds
from app.access_log.ledger import LOOKUP, PENDING
from app.access_log.merkle import root
from app.access_log.note import Verifier
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.audit.sequencer import Sequencer
from app.crypto.key_encryption import KeyEncryptionKeys
from app.crypto.log_signing import LogSigningKey
from app.database import Database

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
ORIGIN = "log.example/access"
KEY = LogSigningKey.from_seed(bytes(range(32)))
KEYS = LogKeys(
    log_retention=bytes(32),
    blind_index=bytes(range(32)),
    key_encryption=KeyEncryptionKeys.of(bytes(32)),
)
RANDOM = Random(5).randbytes  # noqa: S311 - repeatable on purpose


def sequencer_of(database: Database, file: Path) -> Sequencer:
    """A sequencer of this log."""
    return Sequencer(
        database=database,
        key=KEY,
        origin=ORIGIN,
        checkpoint_file=file,
        clock=lambda: AT,
        interval=0.01,
    )


def append(connection: Connection, number: int) -> None:
    """Record a read by the officer of this number."""
    entry = Entry(
        operation=Operation.DISCLOSURE,
        channel=Channel.READ,
        outcome=Outcome.RELEASED,
        actor=Actor(agency="agency-1", officer=str(number)),
        grounds=Grounds(purpose="release_preparation"),
    )
    ledger.append(
        connection, entry, keys=KEYS, random=RANDOM, at=AT, origin=ORIGIN, policy_digest="0" * 64
    )


def assert_one_chain(connection: Connection, file: Path, expected: int) -> None:
    """So many entries of one officer each: no gap, nothing twice, nothing lost, all signed."""
    rows = connection.execute(select(LOOKUP).order_by(LOOKUP.c.log_index)).all()
    assert [row.log_index for row in rows] == list(range(expected))
    assert sorted(int(row.officer_id) for row in rows) == list(range(expected))
    assert connection.scalar(select(func.count()).select_from(PENDING)) == 0
    head = ledger.read_head(connection)
    assert (head.size, head.root) == (expected, root(row.leaf_hash for row in rows))
    assert kept(file) == head.checkpoint(ORIGIN)
    for row in connection.execute(select(CHECKPOINT)):
        assert row.root == tiles.root_at(connection, row.size)


def kept(file: Path) -> Checkpoint:
    """What the file outside the database vouches for."""
    return open_checkpoint(file.read_text(encoding="utf-8"), [Verifier.of(ORIGIN, KEY)])
