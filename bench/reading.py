"""The recorded read of a file, beside a bare route that returns the same and records nothing.

    python -m bench.reading [--requests 1000] [--rounds 3] [--files 1000 100000]

Each side is a process of its own on core 0, asked from core 1, one after the other in each round.
`cpu_us` is processor time of the server's process for each answer (on PostgreSQL without that of
the database's server); it tells most on a machine that does other things beside. `ratio` is the
throughput beside that of the bare route in the same rounds, `p50` and `p99` are milliseconds.

    bare       FastAPI, the same content through a `response_model`
    always     `throughcare serve` on SQLite, its decisions held against the engine, as it is set up
    sampled, off   the same with other settings of the cross-check
    uncached   the engine is really asked at each read: no answer of it is kept
    proven     as `always`, with a fresh proof of possession for each read
    untuned    as `always`, with Python's own thresholds of the garbage collector
    postgresql as `always`, on PostgreSQL
    obvious    what one would write first: `bench.obvious`

Then the cost with few files and with many. The bars are told and not asserted. Other work on the
machine flatters whichever side ran while it was quiet, so a bar is held to the smaller of two
ratios: that of throughput, and that of processor time.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from app.demo.stage import free_port
from bench import results
from bench.databases import databases
from bench.installation import Installation, Served, copied, make, requests, served
from bench.load import ask, client_on

SERVER_CORE, CLIENT_CORE = 0, 1
FEW = 16
MANY = 64
SERVE = ("-m", "app.cli", "serve")
UNCACHED = (
    "-c",
    """from app.cli import main; from app.policy.cross_check import CrossCheck
CrossCheck.__init__.__kwdefaults__['remembered'] = 0; main()""",
    "serve",
)
UNTUNED = (
    "-c",
    "import gc; from app.cli import main; gc.freeze = gc.set_threshold = lambda *_: None; main()",
    "serve",
)
# Side, answers under way, at least this share of the bare route's throughput.
SHARES = (
    ("always", FEW, 0.60),
    ("always", MANY, 0.75),
    ("uncached", FEW, 0.40),
    ("proven", FEW, 0.35),
    ("postgresql", FEW, 0.35),
)
# Answers under way, at least this many times the throughput of the obvious build.
TIMES = ((FEW, 8.0), (MANY, 10.0))
TAIL = 3.0  # p99 over p50, at most
FLAT = 1.25  # cost with most files over that with fewest, at most
SLOW = 8  # the obvious build is asked so many times less often
PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "cryptography")


@dataclass
class Side:
    """One of what is compared, and what was measured of it, by answers under way."""

    server: Served
    installation: Installation
    proven: bool = False
    slower: int = 1
    rounds: dict[int, list[dict[str, float]]] = field(default_factory=dict)

    def measure(self, client: Executor, count: int, concurrency: int) -> None:
        """Ask so often and keep what came of it."""
        count = max(concurrency, count // self.slower)
        names = list(islice(cycle(self.installation.references), count))
        asked = requests(self.installation, names, proven=self.proven)
        before = self.server.cpu_seconds()
        load = client.submit(ask, self.server.port, asked, count, concurrency).result()
        used = self.server.cpu_seconds() - before
        cuts = statistics.quantiles(load.latencies, n=100, method="inclusive")
        self.rounds.setdefault(concurrency, []).append(
            {
                "cpu_us": used / count * 1e6,
                "per_second": load.per_second,
                "p50": cuts[49] * 1e3,
                "p99": cuts[98] * 1e3,
            }
        )

    def figures(self) -> dict[str, dict[str, float]]:
        """The medians of its rounds."""
        return {
            f"c{concurrency}": {
                name: statistics.median(one[name] for one in rounds) for name in rounds[0]
            }
            for concurrency, rounds in self.rounds.items()
        }


@contextmanager
def sides(urls: Mapping[str, str], folder: Path, files: int) -> Iterator[dict[str, Side]]:
    """Every side, running."""
    first = make(urls["sqlite"], _below(folder, "first"), files=files)
    with ExitStack() as stack:

        def started(installation: Installation, *command: str) -> Served:
            port, environment = installation.settings.port, installation.environment
            made = served(port, *command, core=SERVER_CORE, environment=environment)
            return stack.enter_context(made)

        def on_copy(name: str, *command: str, mode: str = "always", **options: Any) -> Side:  # noqa: ANN401 - those of Side
            copy = copied(first, _below(folder, name), cross_check=mode)
            return Side(started(copy, *command), copy, **options)

        always = on_copy("always", *SERVE)
        content = folder / "content.json"
        content.write_bytes(_content(always))
        port = free_port()
        bare = served(port, "-m", "bench.bare", str(port), str(content), core=SERVER_CORE)
        other = make(urls["postgresql"], _below(folder, "postgresql"), files=files)
        yield {
            "bare": Side(stack.enter_context(bare), first),
            "always": always,
            "sampled": on_copy("sampled", *SERVE, mode="sampled"),
            "off": on_copy("off", *SERVE, mode="off"),
            "uncached": on_copy("uncached", *UNCACHED),
            "proven": Side(always.server, always.installation, proven=True),
            "untuned": on_copy("untuned", *UNTUNED),
            "postgresql": Side(started(other, *SERVE), other),
            "obvious": on_copy("obvious", "-m", "bench.obvious", slower=SLOW),
        }


def _below(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _content(side: Side) -> bytes:
    """The body of a read, without its padding."""
    (head,) = requests(side.installation, side.installation.references[:1], proven=False)
    lines = head.decode().split("\r\n")
    token = next(line for line in lines if line.startswith("Authorization: "))
    answer = httpx.get(
        f"http://127.0.0.1:{side.server.port}{lines[0].split()[1]}",
        headers={"Authorization": token.partition(": ")[2]},
        trust_env=False,
    )
    return answer.raise_for_status().content.rstrip()


def compare(count: int, rounds: int) -> dict[str, Any]:
    """Every side in every round, and their medians."""
    with (
        tempfile.TemporaryDirectory(prefix="throughcare-bench-") as name,
        databases() as urls,
        client_on(CLIENT_CORE) as client,
        sides(urls, Path(name), files=min(count, 1_000)) as running,
    ):
        for concurrency in (FEW, MANY):
            for number in range(rounds + 1):
                for side in running.values():
                    side.measure(client, count, concurrency)
                    if number == 0:
                        side.rounds[concurrency].clear()  # caches and connections are warm now
        return {name: side.figures() for name, side in running.items()}


def sizes(counts: Sequence[int], asked: int, rounds: int) -> dict[str, float]:
    """Processor time of a read by the number of files."""
    found: dict[str, float] = {}
    for files in counts:
        with (
            tempfile.TemporaryDirectory(prefix="throughcare-bench-") as name,
            client_on(CLIENT_CORE) as client,
        ):
            installation = make(f"sqlite:///{name}/throughcare.db", Path(name), files=files)
            # From all over the table, and as many of them whatever its size.
            step = max(1, files // asked)
            spread = Installation(
                installation.settings, installation.house, installation.references[::step]
            )
            port, environment = spread.settings.port, spread.environment
            with served(port, *SERVE, core=SERVER_CORE, environment=environment) as server:
                side = Side(server, spread)
                for _ in range(rounds + 1):
                    side.measure(client, asked, FEW)
                side.rounds[FEW].pop(0)
                found[str(files)] = side.figures()[f"c{FEW}"]["cpu_us"]
    return found


def bars(measured: Mapping[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Every bar: what it is about, what was found, what was asked for, whether it is reached."""
    found = measured["sides"]

    def beside(side: str, peer: str, concurrency: int) -> float:
        one, other = (found[name][f"c{concurrency}"] for name in (side, peer))
        by_rate = one["per_second"] / other["per_second"]
        return float(min(by_rate, other["cpu_us"] / one["cpu_us"]))

    rows = []
    for side, concurrency, bar in SHARES:
        share = beside(side, "bare", concurrency)
        rows.append(
            (f"{side} at c={concurrency}, share of the bare route", share, bar, share >= bar)
        )
    for concurrency, bar in TIMES:
        times = beside("always", "obvious", concurrency)
        rows.append((f"times the obvious build at c={concurrency}", times, bar, times >= bar))
    tail = found["always"][f"c{FEW}"]["p99"] / found["always"][f"c{FEW}"]["p50"]
    rows.append((f"p99 over p50 at c={FEW}", tail, TAIL, tail <= TAIL))
    costs = list(measured["cpu_us_by_files"].values())
    if len(costs) > 1:
        growth = costs[-1] / costs[0]
        rows.append(("cost with most files over that with fewest", growth, FLAT, growth <= FLAT))
    return rows


def shown(measured: Mapping[str, Any]) -> None:
    """Print every side, then every bar."""
    for side, by_concurrency in measured["sides"].items():
        for concurrency, one in by_concurrency.items():
            peer = measured["sides"]["bare"][concurrency]
            print(  # noqa: T201 - the result
                f"{side:11} {concurrency:4} cpu {one['cpu_us']:8,.0f} us"
                f" ({one['cpu_us'] / peer['cpu_us']:5.2f} x bare)"
                f"  ratio {one['per_second'] / peer['per_second']:5.2f}"
                f"  p50 {one['p50']:7.2f} ms  p99 {one['p99']:7.2f} ms"
            )
    for files, cost in measured["cpu_us_by_files"].items():
        print(f"{files:>11} files cpu {cost:8,.0f} us")  # noqa: T201 - the result
    for what, value, bar, reached in bars(measured):
        print(f"{'reached' if reached else 'MISSED ':8} {what}: {value:.2f} (bar {bar})")  # noqa: T201 - the result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description="The recorded read of a file.")
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, nargs="*", default=[1_000, 100_000])
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    measured: dict[str, Any] = {
        "requests": options.requests,
        "rounds": options.rounds,
        "sides": compare(options.requests, options.rounds),
        "cpu_us_by_files": sizes(options.files, options.requests, options.rounds),
    }
    measured["load_before_and_after"] = [load, os.getloadavg()[0]]
    measured["bars"] = {
        what: {"found": value, "bar": bar, "reached": reached}
        for what, value, bar, reached in bars(measured)
    }
    results.write("reading", measured, packages=PACKAGES)
    shown(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
