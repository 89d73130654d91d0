"""A long day of an exchange, in which processes die: nothing that was answered is lost.

`THROUGHCARE_TEST_LOAD` says how many operations there are on each database; without it there are
none, for even few of them take many times what a test may. `THROUGHCARE_TEST_SEED` repeats the
moments of the kills.
"""

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from app.settings import PREFIX
from tests.conftest import BOTH, in_database, without_tables
from tests.faults.exchange import founded, subscribe
from tests.faults.gauge import Sample, after_warm_up, growth
from tests.faults.installation import SERVE, Installation
from tests.faults.reckoning import reckon
from tests.faults.weather import Weather
from tests.notifications.play import open_http

OPERATIONS = int(os.environ.get("THROUGHCARE_TEST_LOAD", "0"))
OPERATIONS_A_KILL = 160
# From so many on what is measured means something: before, processes are still warming up.
MEASURED = 10_000
# Bytes that an operation may leave behind: less than an answer, so that none is kept for ever.
MOST_GROWTH = 8_192
# Threads and files that come and go.
SOME = 5
PROCESSES = {
    "sqlite": (SERVE,),
    "postgresql": (SERVE, f"{SERVE}-2", "dispatch-1", "sequence-1"),
}
# So few clients ask as much as many do.
FAST = {f"{PREFIX}REQUESTS_PER_MINUTE": "1000000", f"{PREFIX}REQUESTS_AT_ONCE": "1000000"}


@pytest.mark.skipif(OPERATIONS == 0, reason="NOT RUN: it takes minutes; `make load` runs it")
@pytest.mark.parametrize("kind", BOTH)
def test_nothing_is_lost_in_a_long_day(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, seed: str
) -> None:
    url = ""
    if kind == "postgresql":
        server = request.getfixturevalue("postgresql_url")
        url = without_tables(in_database(server, "faults"))
    with open_http() as http:
        installation = Installation(tmp_path, http, url)
        installation.environment |= FAST
        with founded(installation, seed) as exchange:
            for name in PROCESSES[kind]:
                installation.start(name)
            subscribe(exchange)
            weather = Weather(
                exchange=exchange,
                seed=seed,
                operations=OPERATIONS,
                kills=max(len(PROCESSES[kind]), OPERATIONS // OPERATIONS_A_KILL),
            )
            weather.pass_over()
            _tell(weather)
            reckoned = reckon(exchange)
    print(reckoned)  # noqa: T201 - the result of a long run
    if OPERATIONS >= MEASURED:
        _is_flat(weather.samples)


def _is_flat(samples: Mapping[str, Sequence[Sample]]) -> None:
    """Memory, threads and open files do not grow with what was done."""
    for name, taken in samples.items():
        counted = after_warm_up(taken)
        assert growth(taken) < MOST_GROWTH, name
        for held in ([one.threads for one in counted], [one.files for one in counted]):
            assert statistics.fmean(held[-5:]) <= statistics.fmean(held[:5]) + SOME, (name, held)


def _tell(weather: Weather) -> None:
    """What was done in a long run, and how the processes bore it."""
    exchange = weather.exchange
    lines = [
        f"operations: {weather.operations}; kills: {dict(sorted(weather.killed.items()))}",
        f"answers: {dict(sorted(exchange.answers.items()))}",
        f"without an answer: {dict(exchange.unanswered)}; exports: {len(exchange.exports)}",
        f"feeds held and let go: {exchange.holds}; checkpoints: {len(exchange.checkpoints)}",
        f"disclosures: {len(exchange.disclosed)}; refusals: {exchange.refused.total()}",
        f"files: {len(exchange.files)}",
    ]
    for method, seconds in exchange.seconds.items():
        if len(seconds) < 2:
            continue
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        told = ", ".join(f"p{place} {cuts[place - 1] * 1e3:.0f}" for place in (50, 95, 99))
        lines.append(f"{method}: {len(seconds)} answers, milliseconds: {told}")
    if weather.operations >= MEASURED:
        lines += [_held(name, taken) for name, taken in weather.samples.items()]
    print("\n" + "\n".join(lines) + f"\nseed {weather.seed}")  # noqa: T201 - the result of a long run


def _held(name: str, taken: Sequence[Sample]) -> str:
    first, last = after_warm_up(taken)[0], taken[-1]
    return (
        f"{name}: {first.memory / 1e6:.1f} to {last.memory / 1e6:.1f} MB, "
        f"{growth(taken):.0f} bytes an operation; threads {first.threads} to {last.threads}, "
        f"files {first.files} to {last.files}"
    )
