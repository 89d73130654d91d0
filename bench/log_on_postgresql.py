"""The access log on PostgreSQL: recording, what one sequencer numbers, pages and their plans.

- `append`: alone and by so many callers at once, each entry a transaction of its own.
- `sequencer`: entries that wait and get their place in a second; of it, what this process computes.
- `pages`: as on SQLite. Held to the bar is the time of the processor, of this process and of the
  server's that works for it.
- `plans`: blocks that the server touches for an entry of a page, in a log of a tenth of the size
  and in the whole one. What reads by indices touches about as many in both.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from app.access_log import ledger, query
from app.access_log.query import EntryFilter
from app.database import Database, open_database
from app.engines import make_engine
from app.tables import METADATA
from bench import large_log
from bench.databases import databases

WAITING = (1, 16)
RECORDED, WAIT_FOR_PLACE = 1_000, 20_000
PAGE, PAGES = 50, 100
PAGE_BAR_MS = 8.0
PART = 10
# Two ways down an index of three levels, and a row each: so many in a log of any size.
BLOCKS_BAR = 8.0

Kinds = Mapping[str, Callable[[int], EntryFilter]]
Measure = Callable[[Database, int], float]


def measure(size: int, kinds: Kinds, per_second: Measure) -> dict[str, Any]:
    """All figures, of a log of so many entries."""
    with databases() as urls:
        url = urls["postgresql"]
        engine = make_engine(url)
        METADATA.create_all(engine)
        recording = _recorded(url, per_second)
        with engine.begin() as connection:
            ledger.integrate(connection)
        small, plans = _plans(engine, max(size // PART, 1), kinds), _plans(engine, size, kinds)
        document = {
            "entries": size,
            "append": recording,
            "plans": {
                kind: plan | {"blocks_an_entry_of_a_tenth": small[kind]["blocks_an_entry"]}
                for kind, plan in plans.items()
            },
            "pages": _pages(url, size, kinds),
            "sequencer": _sequenced(engine),
        }
        engine.dispose()
    return document


def missed(document: Mapping[str, Any]) -> list[str]:
    """The bars that were not reached."""
    below = [
        f"postgresql page {kind}, {name}"
        for kind, page in document["pages"].items()
        for name in ("first", "keyset")
        if page[f"ms_p95_of_processor_{name}"] > PAGE_BAR_MS
    ]
    return below + [
        f"postgresql plan {kind}"
        for kind, plan in document["plans"].items()
        if plan["tables_read_whole"] or plan["blocks_an_entry"] > BLOCKS_BAR
    ]


def _recorded(url: str, per_second: Measure) -> dict[str, dict[str, float]]:
    database = open_database(url)
    database.run_blocking(large_log.make_persons)
    found = {}
    for waiting in WAITING:
        used = time.process_time()
        rate = per_second(database, waiting)
        used = (time.process_time() - used) / RECORDED * 1e6
        found[f"{waiting}_waiting"] = {"per_second": rate, "us_of_processor": used}
    database.close()
    return found


def _sequenced(engine: Engine) -> dict[str, float]:
    """A backlog gets its places, with the commit that makes them hold."""
    with engine.begin() as connection:
        keys = large_log.make_persons(connection)
        begun = ledger.read_head(connection).size
        rows = large_log.seal_portion(large_log.Portion(range(begun, begun + WAIT_FOR_PLACE), keys))
        large_log.insert(connection, ledger.ENTRY, [entry for entry, _ in rows])
        large_log.insert(connection, ledger.PENDING, [pending for _, pending in rows])
    used, started = time.process_time(), time.perf_counter()
    with engine.begin() as connection:
        ledger.integrate(connection)
    return {
        "entries": WAIT_FOR_PLACE,
        "per_second": WAIT_FOR_PLACE / (time.perf_counter() - started),
        "us_of_processor": (time.process_time() - used) / WAIT_FOR_PLACE * 1e6,
    }


def _plans(engine: Engine, size: int, kinds: Kinds) -> dict[str, dict[str, Any]]:
    """Of a page in the middle of a log of this size: what the server does and touches."""
    large_log.grow(engine, size)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE)"))
    with engine.connect() as connection:
        return {kind: _plan(connection, one(size // 3), size) for kind, one in kinds.items()}


def _plan(connection: Connection, wanted: EntryFilter, size: int) -> dict[str, Any]:
    with _explaining(connection) as explained:
        found = query.matching_rows(
            connection, wanted, limit=PAGE, tree_size=size, after_index=size // 2
        )
    nodes = [node for plan in explained for node in _nodes(plan)]
    blocks = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in explained)
    whole = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    return {
        "entries": len(found),
        # The way into an index is one more.
        "blocks_an_entry": blocks / (len(found) + 1),
        "indices": sorted({node["Index Name"] for node in nodes if "Index Name" in node}),
        "tables_read_whole": sorted(set(whole)),
    }


@contextmanager
def _explaining(connection: Connection) -> Iterator[list[dict[str, Any]]]:
    """The plans of the pages that are read in this block, each run once more for it."""
    asked: list[tuple[str, Any]] = []

    def keep(*call: Any) -> None:  # noqa: ANN401 - of SQLAlchemy
        if "access_log_lookup" in call[2]:
            asked.append((call[2], call[3]))

    explained: list[dict[str, Any]] = []
    event.listen(connection, "before_cursor_execute", keep)
    try:
        yield explained
    finally:
        event.remove(connection, "before_cursor_execute", keep)
    for statement, values in asked:
        command = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        [plan] = connection.exec_driver_sql(command, values).scalar_one()
        explained.append(plan["Plan"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _pages(url: str, size: int, kinds: Kinds) -> dict[str, dict[str, float]]:
    database = open_database(url)
    # One caller: the pool has one connection, and the server one process for it.
    server = database.read_blocking(lambda c: c.scalar(text("SELECT pg_backend_pid()")))
    found: dict[str, dict[str, float]] = {kind: {} for kind in kinds}
    for name, after in (("first", None), ("keyset", size // 2)):
        for kind, one in kinds.items():
            tries = [
                _try_page(database, server, one(number * size // PAGES), size, after)
                for number in range(PAGES)
            ]
            walls, processor = zip(*tries[PAGES // 10 :], strict=True)
            found[kind][f"ms_p95_{name}"] = _p95(walls)
            found[kind][f"ms_p95_of_processor_{name}"] = _p95(processor)
    database.close()
    return found


def _try_page(
    database: Database, server: int, wanted: EntryFilter, size: int, after: int | None
) -> tuple[float, float]:
    """Seconds by the clock, and of both processors' work."""

    def page(connection: Connection) -> None:
        ledger.read_head(connection)
        query.entries(
            connection,
            wanted,
            keys=large_log.KEYS,
            limit=PAGE,
            tree_size=size,
            after_index=after,
        )

    wall, used, served = time.perf_counter(), time.thread_time(), _seconds_of(server)
    database.read_blocking(page)
    used = time.thread_time() - used + _seconds_of(server) - served
    return time.perf_counter() - wall, used


def _seconds_of(process: int) -> float:
    """What a process has computed so far, as Linux counts it."""
    return int(Path(f"/proc/{process}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _p95(seconds: tuple[float, ...]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1e3
