"""The access log: appending, pages of a large one, proofs, verification, growth.

    python -m bench.access_log [--entries 100000] [--full] [--log FILE] [--postgresql]

- `append`: recorded by the writer with one commit for all that waits, beside the same writer with
  a commit for each entry.
- `pages`: p95 of an auditor's first page and of one in the middle (keyset), for each filter, with
  values that are frequent and rare; beside the driver fetching the same rows by their keys.
- `proofs`: from the database, beside one row by its key; and checked.
- `verify`: the log as it is published, all its leaves and tiles, and an export with all sections,
  both as `access-log verify` reads them, beside hashing the same leaves alone. The bar is held to
  the first: an export is mostly the commitments of its sections.
- `growth`: bytes of the file for each entry, beside leaf and ciphertexts alone.

Pages and proofs are those of a log of `--entries`; with `--full` that is five million, which takes
most of an hour to make: `--log` keeps it in a file, and goes on where an earlier run ended. All
that is on SQLite; what `bench.log_on_postgresql` measures comes after it, or alone with
`--postgresql`. The exit status is 1 if a bar is missed.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from secrets import token_bytes
from typing import Any, NamedTuple

import orjson
import uvloop
from sqlalchemy import Connection, event, select

from app.access_log import ledger, merkle, published, query, tiles
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.export import export
from app.access_log.findings import Report
from app.access_log.merkle import leaf_hash
from app.access_log.note import Verifier
from app.access_log.query import EntryFilter
from app.access_log.tile_paths import TILE_HEIGHT, TILE_WIDTH, Place, format_place
from app.access_log.tile_verifier import verify_published
from app.access_log.verifier import verify_export
from app.access_log.vocabulary import Operation, Outcome
from app.access_log.vouching import Evidence
from app.database import Database, open_database
from app.engines import empty_journal, make_engine
from app.tables import METADATA
from bench import large_log, log_on_postgresql, results
from bench.delivery import shown

QUICK, FULL = 100_000, 5_000_000
VERIFIED = 1_000_000
WAITING = (16, 64)
APPENDED, ROUNDS = 2_000, 5
APPEND_BARS = {16: 8.0, 64: 15.0}
PAGE, PAGES = 50, 200
FAR_TOO_SLOW, FEW = 0.1, 3
# Held to the time of the processor: a page is in memory, and by the clock others are measured, too.
PAGE_BAR_MS = 2.0
VERIFY_BAR = 3.0
PROOFS = 1_000
PACKAGES = ("sqlalchemy", "orjson", "cryptography", "uvloop")
RANDOM = Random(1)  # noqa: S311 - a play of chance, not a secret


def append_entry(number: int, connection: Connection) -> object:
    """What a recorded read adds to its transaction."""
    return ledger.append(
        connection,
        large_log.make_entry(number),
        keys=large_log.KEYS,
        random=token_bytes,
        at=large_log.when(number),
        origin=large_log.ORIGIN,
        policy_digest=large_log.DIGEST,
    )


async def per_second(
    database: Database, waiting: int, appended: int = APPENDED, *, each: bool = False
) -> float:
    """Entries in a second by so many callers; with `each` the writer sees one at a time."""
    numbers = iter(range(appended))
    turn = asyncio.Semaphore(1 if each else waiting)

    async def caller() -> None:
        for number in numbers:
            async with turn:
                await database.run(partial(append_entry, number))

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(waiting)))
    return appended / (time.perf_counter() - started)


def appending(file: Path) -> dict[str, Any]:
    """Medians of rounds in turns; the ratio is that within a round."""
    database = _new(file)
    measured = {}
    for waiting in WAITING:
        rounds = [
            tuple(uvloop.run(per_second(database, waiting, each=each)) for each in (False, True))
            for _ in range(ROUNDS)
        ]
        used = time.process_time()
        uvloop.run(per_second(database, waiting))
        measured[f"{waiting}_waiting"] = {
            "per_second": statistics.median(group for group, _ in rounds),
            "per_second_a_commit_each": statistics.median(each for _, each in rounds),
            "ratio": statistics.median(group / each for group, each in rounds),
            "us_of_processor": (time.process_time() - used) / APPENDED * 1e6,
        }
    database.close()
    return measured


def _new(file: Path) -> Database:
    """A database with all tables and the keys of the persons."""
    database = open_database(f"sqlite:///{file}", before_commit=ledger.integrate)
    METADATA.create_all(database.engine)
    database.run_blocking(large_log.make_persons)
    return database


def filters() -> Mapping[str, Callable[[int], EntryFilter]]:
    """What an auditor may look for, by kind: another value each time, where there are many."""
    subject = large_log.KEYS.subject_index
    return {
        "none": lambda _: EntryFilter(),
        "agency": lambda n: EntryFilter(agency_id=f"agency-{n % large_log.AGENCIES}"),
        "client": lambda n: EntryFilter(client_id=f"agency-{n % large_log.AGENCIES}-1"),
        "officer": lambda n: EntryFilter(officer_id=f"officer-{n % large_log.OFFICERS}"),
        "person": lambda n: EntryFilter(subject_index=subject(f"person-{n % large_log.PERSONS}")),
        "since": lambda n: EntryFilter(since=large_log.when(n)),
        "operation": lambda _: EntryFilter(operation=Operation.DISCLOSURE),
        "operation, rare": lambda _: EntryFilter(operation=Operation.ERASURE),
        "outcome": lambda _: EntryFilter(outcome=Outcome.RELEASED),
        "outcome, rare": lambda _: EntryFilter(outcome=Outcome.CANCELLED),
        "purpose": lambda _: EntryFilter(purpose="supervision"),
        "purpose, rare": lambda _: EntryFilter(purpose="court_report"),
        "legal basis": lambda _: EntryFilter(legal_basis="basis-of-the-agreement"),
        "legal basis, rare": lambda _: EntryFilter(legal_basis="basis-rare"),
        "purpose, none": lambda _: EntryFilter(purpose="mentoring"),
        "agency and outcome": lambda n: EntryFilter(
            agency_id=f"agency-{n % large_log.AGENCIES}", outcome=Outcome.CANCELLED
        ),
    }


def paging(database: Database, size: int) -> dict[str, dict[str, float]]:
    """Of each filter the p95 of both pages, beside the same rows by their keys."""
    with closing(sqlite3.connect(database.engine.url.database or "")) as driver:
        return {kind: _pages(database, driver, size, one) for kind, one in filters().items()}


def _pages(
    database: Database, driver: sqlite3.Connection, size: int, kind: Callable[[int], EntryFilter]
) -> dict[str, float]:
    measured = {}
    for name, after in (("first", None), ("keyset", size // 2)):
        tries = [_try_page(database, driver, kind, size, after)]
        # Nobody has to wait for two hundred of what is far too slow.
        while len(tries) < (PAGES if tries[0].processor < FAR_TOO_SLOW else FEW):
            tries.append(_try_page(database, driver, kind, size, after))
        warm = tries[1:]
        measured[f"ms_p95_{name}"] = _p95([one.wall for one in warm])
        measured[f"ms_p95_of_processor_{name}"] = _p95([one.processor for one in warm])
        if any(one.rows for one in warm):
            ours = statistics.median(one.processor for one in warm)
            measured[f"ratio_{name}"] = ours / statistics.median(one.peer for one in warm)
    return measured


class Try(NamedTuple):
    """One page: rows, seconds by the clock, of the processor, and for the driver by keys."""

    rows: int
    wall: float
    processor: float
    peer: float


def _try_page(
    database: Database,
    driver: sqlite3.Connection,
    kind: Callable[[int], EntryFilter],
    size: int,
    after: int | None,
) -> Try:
    wanted = kind(RANDOM.randrange(size))
    wall, processor = time.perf_counter(), time.thread_time()
    found = database.read_blocking(partial(_page, wanted, size, after))
    wall, processor = time.perf_counter() - wall, time.thread_time() - processor
    return Try(len(found), wall, processor, _seconds_by_key(driver, found))


def _page(wanted: EntryFilter, size: int, after: int | None, connection: Connection) -> list[int]:
    found = query.entries(
        connection,
        wanted,
        keys=large_log.KEYS,
        limit=PAGE,
        tree_size=min(size, ledger.read_head(connection).size),
        after_index=after,
    )
    return [entry.index for entry in found]


def _seconds_by_key(driver: sqlite3.Connection, indices: list[int]) -> float:
    started = time.thread_time()
    for index in indices:
        driver.execute(
            "SELECT * FROM access_log_lookup JOIN access_log_entry USING (entry_id)"
            " WHERE log_index = ?",
            (index,),
        ).fetchone()
    return time.thread_time() - started


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1e3


def proving(database: Database, size: int) -> dict[str, float]:
    """Microseconds of proofs of entries anywhere, and how many rows by their keys that is."""

    def work(connection: Connection) -> dict[str, float]:
        places = [RANDOM.randrange(1, size) for _ in range(PROOFS)]
        row = _us(lambda n: _row(connection, n), places)
        inclusion = _us(lambda n: tiles.inclusion_proof(connection, n, size), places)
        consistency = _us(lambda n: tiles.consistency_proof(connection, n, size), places)
        return {
            "us_inclusion": inclusion,
            "us_consistency": consistency,
            "us_row_by_key": row,
            "ratio_inclusion": inclusion / row,
            "us_checked": _us_checked(connection, size),
        }

    return database.read_blocking(work)


def _row(connection: Connection, index: int) -> None:
    by_key = select(tiles.LOOKUP.c.leaf_hash).where(tiles.LOOKUP.c.log_index == index)
    connection.execute(by_key).one()


def _us(work: Callable[[int], object], places: list[int]) -> float:
    started = time.perf_counter()
    for place in places:
        work(place)
    return (time.perf_counter() - started) / len(places) * 1e6


def _us_checked(connection: Connection, size: int) -> float:
    root, index = tiles.root_at(connection, size), size // 3
    [leaf] = tiles.read_hashes(connection, 0, index, index + 1)
    proof = tiles.inclusion_proof(connection, index, size)
    check = partial(merkle.verify_inclusion, leaf, index=index, size=size, proof=proof, root=root)
    return _us(lambda _: check(), list(range(PROOFS)))


def verifying(database: Database, size: int, file: Path) -> dict[str, Any]:
    """Seconds to verify the first entries, as published and from an export, and to hash them."""
    signed = database.read_blocking(lambda c: _sign(c, size))
    database.read_blocking(lambda c: _export(c, signed, file))
    tiles_by_path = database.read_blocking(lambda c: _published(c, signed))
    evidence = Evidence(verifiers=[Verifier.of(large_log.ORIGIN, large_log.RING.log_signing)])
    with file.open("rb") as lines:
        leaves = [leaf.encode() for line in lines if (leaf := orjson.loads(line).get("leaf"))]
    hashing = _seconds(partial(_hash, leaves))

    def tiled() -> Report:
        return verify_published(tiles_by_path.get, evidence, with_entries=True)

    def exported() -> Report:
        with file.open("rb") as lines:
            return verify_export(lines, evidence)

    taken = {"published": _verified(tiled), "export": _verified(exported)}
    return {
        "entries": size,
        "seconds_hashing": hashing,
        **{
            name: {"seconds": seconds, "ratio": seconds / hashing}
            for name, seconds in taken.items()
        },
        "bytes_an_entry": file.stat().st_size / size,
    }


def _hash(leaves: list[bytes]) -> bytes:
    return merkle.root(map(leaf_hash, leaves))


def _verified(verify: Callable[[], Report]) -> float:
    reports: list[Report] = []
    seconds = _seconds(lambda: reports.append(verify()))
    assert reports[0].finding is None, reports  # noqa: S101 - what does not verify is no measure
    return seconds


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _sign(connection: Connection, size: int) -> SignedCheckpoint:
    checkpoint = Checkpoint(large_log.ORIGIN, size, tiles.root_at(connection, size))
    return SignedCheckpoint(checkpoint, sign_checkpoint(checkpoint, large_log.RING.log_signing))


def _published(connection: Connection, signed: SignedCheckpoint) -> dict[str, bytes]:
    """All that the service publishes of the log of a checkpoint, by path."""
    found: dict[str, bytes | None] = {"checkpoint": signed.note.encode()}
    size, level = signed.checkpoint.size, 0
    while (width := size >> (TILE_HEIGHT * level)) > 0:
        for start in range(0, width, TILE_WIDTH):
            place = Place(start // TILE_WIDTH, min(TILE_WIDTH, width - start))
            path = format_place(place)
            found[f"tile/{level}/{path}"] = published.hash_tile(connection, level, place, size)
            if level == 0:
                found[f"tile/entries/{path}"] = published.entry_bundle(connection, place, size)
        level += 1
    return {path: data for path, data in found.items() if data is not None}


def _export(connection: Connection, signed: SignedCheckpoint, file: Path) -> None:
    with file.open("wb") as out:
        out.writelines(export(connection, signed, keys=large_log.KEYS))


def growing(database: Database, size: int) -> dict[str, float]:
    """Bytes of the file for each entry; of those, the leaf and ciphertexts that are its content."""
    empty_journal(database.engine)
    file = Path(database.engine.url.database or "").stat().st_size / size
    with closing(sqlite3.connect(database.engine.url.database or "")) as driver:
        # A hundred in a row hold every kind as often as the whole log does.
        query = "SELECT LENGTH(leaf) + LENGTH(retained) + LENGTH(personal) FROM access_log_entry"
        content = statistics.mean(one for [one] in driver.execute(f"{query} LIMIT 5000"))
    return {"bytes_an_entry": file, "bytes_of_content": content, "ratio": file / content}


@contextmanager
def log_of(size: int, file: Path) -> Iterator[Database]:
    """A log with so many entries, in this file."""
    engine = make_engine(f"sqlite:///{file}")
    METADATA.create_all(engine)
    # While it is made nothing has to outlast a power cut, and its indices fit into memory.
    event.listen(engine, "connect", _without_journal)
    large_log.grow(engine, size)
    engine.dispose()
    database = open_database(f"sqlite:///{file}", before_commit=ledger.integrate)
    yield database
    database.close()


def _without_journal(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
        connection.execute(f"PRAGMA {pragma}")


def missed(document: Mapping[str, Any]) -> list[str]:
    """The bars that were not reached."""
    below = [
        f"append {waiting}"
        for waiting, bar in APPEND_BARS.items()
        if document["append"][f"{waiting}_waiting"]["ratio"] < bar
    ]
    below += [
        f"page {kind}, {name}"
        for kind, page in document["pages"].items()
        for name in ("first", "keyset")
        if page[f"ms_p95_of_processor_{name}"] > PAGE_BAR_MS
    ]
    tiled = document["verify"]["published"]["ratio"]
    return below + (["verify"] if tiled > VERIFY_BAR else [])


def main() -> int:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(prog="python -m bench.access_log")
    parser.add_argument("--entries", type=int, default=QUICK)
    parser.add_argument("--full", action="store_true", help=f"{FULL} entries")
    parser.add_argument("--log", type=Path, help="the file of the large log, which is kept")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL alone")
    asked = parser.parse_args()
    size = FULL if asked.full else asked.entries
    below = [] if asked.postgresql else _measure("access_log", partial(_on_sqlite, size, asked.log))
    below += _measure("access_log_postgresql", partial(_on_postgresql, size))
    return 1 if below else 0


def _measure(section: str, measure: Callable[[], tuple[dict[str, Any], list[str]]]) -> list[str]:
    """Measure, print and write down a section; the bars that it missed."""
    load = os.getloadavg()[0]
    document, below = measure()
    document |= {"load_before_and_after": [load, os.getloadavg()[0]], "missed": below}
    results.write(section, document, packages=PACKAGES)
    shown({**results.machine(), **document})
    print("bars MISSED:", ", ".join(below) or "none")  # noqa: T201 - the result
    return below


def _on_sqlite(size: int, log: Path | None) -> tuple[dict[str, Any], list[str]]:
    with tempfile.TemporaryDirectory(prefix="throughcare-bench-") as name:
        folder = Path(name)
        document: dict[str, Any] = {"append": appending(folder / "append.db"), "entries": size}
        with log_of(size, log or folder / "large.db") as database:
            document |= {
                "growth": growing(database, size),
                "proofs": proving(database, size),
                "pages": paging(database, size),
                "verify": verifying(database, min(size, VERIFIED), folder / "export"),
            }
    return document, missed(document)


def _on_postgresql(size: int) -> tuple[dict[str, Any], list[str]]:
    def rate(database: Database, waiting: int) -> float:
        return uvloop.run(per_second(database, waiting, log_on_postgresql.RECORDED))

    document = log_on_postgresql.measure(size, filters(), rate)
    return document, log_on_postgresql.missed(document)


if __name__ == "__main__":
    sys.exit(main())
