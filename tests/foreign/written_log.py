"""A log that the product wrote, as files: what it serves at its addresses, and its proofs.

vkey                    the log's key
checkpoint              newest signed checkpoint (C2SP tlog-checkpoint)
witness/vkey            a witness's key
witness/checkpoint      the checkpoint with its cosignature (tlog-cosignature)
tile/...                hashes and leaves (tlog-tiles)
proof/<index>           that an entry stands in the log (tlog-proof)
saved/<size>            an older checkpoint
consistency/<size>      that the newest one extends it, in the form of a tlog-witness request
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from app.access_log import checkpoints, ledger, published, tiles
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.cosignature import Witness, cosign
from app.access_log.entry import Actor, Entry, Grounds
from app.access_log.ledger import LOOKUP
from app.access_log.note import Verifier
from app.access_log.sealing import LogKeys
from app.access_log.tile_paths import Place, format_place
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.crypto.log_signing import LogSigningKey
from app.engines import make_engine
from app.tables import METADATA
from tests.keys import RING

ORIGIN = "log.example/access"
KEY = LogSigningKey.from_seed(bytes(range(32)))
WITNESS = "witness.example"
WITNESS_KEY = LogSigningKey.from_seed(bytes(range(32, 64)))
AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
# The last size makes two full tiles and a part; the others are where the log was signed before.
SIZES = (1, 2, 255, 256, 300, 600)
INDEXES = (0, 1, 255, 256, 300, 599)
WIDTH = 256


def write_log(folder: Path) -> None:
    """Write the files of a log of 600 entries into a folder that is there."""
    engine = make_engine(f"sqlite:///{folder}/log.db")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        signed = [_grow(connection, size) for size in SIZES]
        files = dict(_files(connection, signed))
    engine.dispose()
    for database in folder.glob("log.db*"):
        database.unlink()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _grow(connection: Connection, size: int) -> SignedCheckpoint:
    """Append until the log has this size, and sign it."""
    keys, random = LogKeys.of(RING), Random(size).randbytes  # noqa: S311 - repeatable on purpose
    for number in range(ledger.read_head(connection).size, size):
        entry = Entry(
            operation=Operation.LOG_READ,
            channel=Channel.AUDIT,
            outcome=Outcome.RELEASED,
            actor=Actor(agency="agency-1", officer=f"officer-{number}"),
            grounds=Grounds(purpose="oversight"),
        )
        ledger.append(
            connection,
            entry,
            keys=keys,
            random=random,
            at=AT,
            origin=ORIGIN,
            policy_digest="sha256:0",
        )
    ledger.integrate(connection)
    checkpoints.publish(connection, key=KEY, origin=ORIGIN, at=AT)
    signed = checkpoints.latest(connection)
    assert signed is not None
    return signed


def _files(connection: Connection, signed: list[SignedCheckpoint]) -> Iterator[tuple[str, bytes]]:
    newest = signed[-1]
    size = newest.checkpoint.size
    yield "vkey", Verifier.of(ORIGIN, KEY).to_vkey().encode()
    yield "checkpoint", newest.note.encode()
    yield "witness/vkey", Witness.of(WITNESS, WITNESS_KEY).to_vkey().encode()
    text = newest.note.partition("\n\n")[0] + "\n"
    line = cosign(text, name=WITNESS, key=WITNESS_KEY, time=int(AT.timestamp()))
    yield "witness/checkpoint", (newest.note + line).encode()
    yield from _tiles(connection, size)
    rows = connection.execute(LOOKUP.select().where(LOOKUP.c.log_index.in_(INDEXES)))
    for row in rows.all():
        proof = published.proof_of(connection, row.entry_id, newest)
        assert proof is not None
        yield f"proof/{row.log_index}", proof.to_text().encode()
    for older in signed[:-1]:
        old = older.checkpoint.size
        hashes = tiles.consistency_proof(connection, old, size)
        lines = [f"old {old}", *(b64encode(one).decode() for one in hashes), "", newest.note]
        yield f"saved/{old}", older.note.encode()
        yield f"consistency/{old}", "\n".join(lines).encode()


def _tiles(connection: Connection, size: int) -> Iterator[tuple[str, bytes]]:
    level, hashes = 0, size
    while hashes:
        for start in range(0, hashes, WIDTH):
            place = Place(start // WIDTH, min(WIDTH, hashes - start))
            path = format_place(place)
            yield f"tile/{level}/{path}", published.hash_tile(connection, level, place, size) or b""
            if level == 0:
                bundle = published.entry_bundle(connection, place, size)
                yield f"tile/entries/{path}", bundle or b""
        level, hashes = level + 1, hashes // WIDTH
