"""Whether cost stays flat: as subscribers grow, and with the policies of a role.

    python -m bench.scaling

- `subscribers`, on both databases, at 1,000 and 10,000: an event published to all of them, for
  each delivery (`bench.fan_out` says how); and all of them claimed, 64 at a time, each claim in a
  transaction of its own and sent before the next, for each delivery. Processor time with that of
  PostgreSQL's process.
- `policies`: the decision of a whole file by the number of policies that its role has.

`bench.reading` has the same of files, `bench.access_log` of entries.
"""

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, text

from app.engines import make_engine
from app.outbox.claims import claim
from app.outbox.deliveries import DELIVERY, SENT, finish
from app.policy.loader import load_bundle
from app.tables import METADATA
from bench import fan_out, results
from bench.databases import databases
from bench.delivery import shown
from bench.peers import POLICIES, one_of_each_role
from bench.policy import DAY, make_sides, microseconds
from bench.processor import seconds_with_server

SUBSCRIBERS = (1_000, 10_000)
CLAIMED = 64
LEASE, LEASED = "lease", timedelta(minutes=5)
ROWS = 200  # decisions of each role


def subscribers(url: str) -> dict[str, Any]:
    """Of each number of subscriptions what an event and its claims cost, for each delivery."""
    engine = make_engine(url)
    METADATA.create_all(engine)
    found: dict[str, Any] = {}
    before = 0
    for count in SUBSCRIBERS:
        with engine.begin() as connection:
            fan_out.fill(connection, start=before, count=count)
        before = count
        _tidy(engine)
        published = fan_out.in_turns(engine, count)
        found[str(count)] = {
            "us_publish": published["ms_publish"] / count * 1e3,
            "us_of_processor_publish": published["us_of_processor_publish"],
            "ratio_to_bare": published["ratio"],
            **claiming(engine, count),
        }
    engine.dispose()
    return found


def claiming(engine: Engine, count: int) -> dict[str, float]:
    """All deliveries of one event claimed and finished; the claims alone are measured."""
    with engine.begin() as connection:
        assert fan_out.ours(connection) == count  # noqa: S101 - what reached fewer is no measure
    _tidy(engine)
    claimed, taken, used = 0, 0.0, 0.0
    with engine.connect() as connection:
        while True:
            before, started = _processor(connection), time.perf_counter()
            with connection.begin():
                jtis = _claim(connection)
            taken += time.perf_counter() - started
            used += _processor(connection) - before
            claimed += len(jtis)
            if not jtis:
                break
            with connection.begin():
                for jti in jtis:
                    finish(connection, jti, lease=LEASE, status=SENT)
    assert claimed == count, claimed  # noqa: S101 - what was left is no measure
    with engine.begin() as connection:
        connection.execute(delete(DELIVERY))
    return {"us_claim": taken / count * 1e6, "us_of_processor_claim": used / count * 1e6}


def _claim(connection: Connection) -> list[str]:
    at = fan_out.AT
    rows = claim(connection, lease=LEASE, at=at, until=at + LEASED, limit=CLAIMED)
    return [row.jti for row in rows]


def _processor(connection: Connection) -> float:
    used = seconds_with_server(connection)
    connection.rollback()
    return used


def _tidy(engine: Engine) -> None:
    """What a server does for itself after a while: it looks at its tables, and at dead rows."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def policies() -> Mapping[str, Mapping[str, float]]:
    """Of each role its policies, and microseconds of the processor for a file: warm and cold."""
    bundle = load_bundle(POLICIES, at=DAY, allow_illustrative=True, cross_check="off")
    sides = make_sides(bundle)
    tables = bundle.span(DAY).table.roles
    found = {}
    for row in one_of_each_role(bundle):
        rows = [row] * ROWS
        sides.warm(row)
        sides.cold(row)
        found[row[0]] = {
            "policies": len(tables[row[0]].policies),
            "us_warm": microseconds(sides.warm, rows),
            "us_cold": microseconds(sides.cold, rows),
        }
    return found


def main() -> int:
    """Measure, print and write down."""
    document: dict[str, Any] = {"policies": policies()}
    with databases() as urls:
        document["subscribers"] = {kind: subscribers(url) for kind, url in urls.items()}
    results.write("scaling", document, packages=("sqlalchemy", "psycopg", "cedarpy"))
    shown({**results.machine(), **document})
    return 0


if __name__ == "__main__":
    sys.exit(main())
