"""The one table of bars: what is measured beside which peer, what is demanded and aimed at.

Each bench asks `missed` of its own section; `bench.report` prints all of them. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GOAL, REACHED, MISSED = "goal reached", "reached", "MISSED"
NOT_MEASURED, NO_BAR = "NOT MEASURED", "no bar"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row. Paths lead through a section of `results.json`; of `*`, all members, the worst counts.

    `figure`, divided by what `over` leads to if it is given, is held to `bar` and `goal`: at least
    them, or with `at_most` at most them. `ours` and
    `theirs` lead to microseconds of the processor for one. `size` leads to how large that is which
    was measured, where the bar is for one of `demanded_size`.
    """

    work: str
    peer: str
    section: str
    figure: str
    over: str = ""
    bar: float | None = None
    goal: float | None = None
    at_most: bool = False
    unit: str = "x"
    ours: str = ""
    theirs: str = ""
    size: str = ""
    demanded_size: int = 0

    def measured(self, document: Document) -> float | None:
        """The worst figure there is, of all sections; None where there is none."""
        section = document.get(self.section)
        found = list(figures(section, self.figure))
        divisor = next(figures(section, self.over), None) if self.over else 1.0
        if not found or not divisor:
            return None
        return (max(found) if self.at_most else min(found)) / divisor

    def size_of(self, document: Document) -> int | None:
        """How large what was measured is, where another size was demanded."""
        size = next(figures(document.get(self.section), self.size), None) if self.size else None
        return None if size in {None, self.demanded_size} else int(size or 0)

    def verdict(self, document: Document) -> str:
        """Whether the bar, and the goal, are reached."""
        value = self.measured(document)
        if value is None:
            return NOT_MEASURED
        if self.bar is None and self.goal is None:
            return NO_BAR
        if self._holds(value, self.goal):
            return GOAL
        if self.bar is None:
            return "goal not reached"
        return REACHED if self._holds(value, self.bar) else MISSED

    def _holds(self, value: float, limit: float | None) -> bool:
        if limit is None:
            return False
        return value <= limit if self.at_most else value >= limit


def figures(part: Any, path: str) -> Iterator[float]:  # noqa: ANN401 - whatever JSON holds
    """The numbers at a path whose members are separated by slashes."""
    name, _, rest = path.partition("/")
    if not name:
        if isinstance(part, int | float) and not isinstance(part, bool):
            yield part
    elif isinstance(part, Mapping):
        for member in part.values() if name == "*" else (part[name],) if name in part else ():
            yield from figures(member, rest)


READ_PEERS = {
    "bare": "a bare FastAPI route, the same body",
    "obvious": "the obvious build: a sync route, a session and a commit each",
}


def missed(section: str, measured: Document) -> list[str]:
    """What a section falls short of."""
    document = {section: measured}
    return [bar.work for bar in of(section) if bar.verdict(document) == MISSED]


def of(section: str) -> list[Bar]:
    """The rows of a section."""
    return [bar for bar in BARS if bar.section == section]


def _read(
    work: str, side: str, waiting: int, bar: float, goal: float, *, peer: str = "bare"
) -> Bar:
    ours, theirs = f"sides/{side}/c{waiting}", f"sides/{peer}/c{waiting}"
    return Bar(
        work=f"recorded read, {waiting} at once, {work}",
        peer=READ_PEERS[peer],
        section="reading",
        figure=f"{ours}/per_second",
        over=f"{theirs}/per_second",
        ours=f"{ours}/cpu_us",
        theirs=f"{theirs}/cpu_us",
        bar=bar,
        goal=goal,
    )


def _append(waiting: int, bar: float, goal: float) -> Bar:
    return Bar(
        work=f"durable append, {waiting} waiting",
        peer="the same writer with a commit for each",
        section="access_log",
        figure=f"append/{waiting}_waiting/ratio",
        ours=f"append/{waiting}_waiting/us_of_processor",
        bar=bar,
        goal=goal,
    )


def _fan_out(kind: str) -> Bar:
    return Bar(
        work=f"fan-out of an event to 10,000 subscribers, {kind}",
        peer="`INSERT ... SELECT` alone",
        section="delivery",
        figure=f"fan_out/{kind}/ratio",
        ours=f"fan_out/{kind}/us_of_processor_publish",
        theirs=f"fan_out/{kind}/us_of_processor_bare",
        bar=2.0,
        goal=1.2,
        at_most=True,
    )


def _page(name: str, kind: str, bar: float, goal: float) -> Bar:
    return Bar(
        work=f"{name} page of a log of five million entries, {kind}, p95, the slowest filter",
        peer="none",
        section="access_log" if kind == "SQLite" else "access_log_postgresql",
        figure=f"pages/*/ms_p95_of_processor_{name}",
        bar=bar,
        goal=goal,
        at_most=True,
        unit="ms",
        size="entries",
        demanded_size=5_000_000,
    )


def _decision(peer: str, side: str, kind: str) -> Bar:
    return Bar(
        work=f"decision of a whole file with explanation, {kind}",
        peer=peer,
        section="peers",
        figure=f"ratio_{kind}/{side}",
        ours=f"sides/ours_{kind}/us_of_processor",
        theirs=f"sides/{side}/us_of_processor",
    )


def _batch(kind: str, bar: float, goal: float) -> tuple[Bar, Bar]:
    work = f"decision of a whole file with explanation, {kind}"
    return (
        Bar(
            work=work,
            peer="cedarpy, one batch",
            section="policy",
            figure=f"ratio_{kind}",
            ours=f"us_{kind}",
            theirs="us_peer",
            bar=bar,
        ),
        Bar(
            work=work,
            peer="none",
            section="policy",
            figure=f"us_{kind}",
            goal=goal,
            at_most=True,
            unit="us",
        ),
    )


BARS = (
    _read("SQLite", "always", 16, 0.60, 1.0),
    _read("SQLite", "always", 64, 0.75, 1.2),
    _read("SQLite, the engine asked each time", "uncached", 16, 0.40, 0.6),
    _read("SQLite, a fresh proof of possession each", "proven", 16, 0.35, 0.6),
    _read("PostgreSQL", "postgresql", 16, 0.35, 0.6),
    _read("SQLite", "always", 16, 8.0, 15.0, peer="obvious"),
    _read("SQLite", "always", 64, 10.0, 15.0, peer="obvious"),
    Bar(
        work="recorded read, 16 at once, SQLite: p99",
        peer="its own p50",
        section="reading",
        figure="sides/always/c16/p99",
        over="sides/always/c16/p50",
        bar=3.0,
        goal=2.0,
        at_most=True,
    ),
    *_batch("warm", 1000.0, 1.0),
    *_batch("cold", 100.0, 20.0),
    *(
        _decision(peer, side, kind)
        for peer, side in (
            ("casbin, a call for each form", "casbin"),
            ("Cerbos over HTTP", "cerbos"),
            ("Cerbos over HTTP, explained", "cerbos_explained"),
        )
        for kind in ("warm", "cold")
    ),
    Bar(
        work="the engine's cross-check of a file, the role with the most policies",
        peer="none",
        section="policy",
        figure="probe/us_largest_role",
        bar=200.0,
        at_most=True,
        unit="us",
    ),
    Bar(
        work="policies loaded, validated, compiled and tested at start-up",
        peer="none",
        section="policy",
        figure="startup_seconds",
        bar=1.0,
        at_most=True,
        unit="s",
    ),
    _append(16, 8.0, 10.0),
    _append(64, 15.0, 20.0),
    Bar(
        work="sealed delivery, 64 at once",
        peer="a plain aiohttp POST of the same bytes",
        section="delivery",
        figure="posting/ratio_to_aiohttp",
        ours="posting/us_of_processor/ours",
        theirs="posting/us_of_processor/peer",
        bar=0.4,
        goal=0.6,
    ),
    Bar(
        work="sealed delivery, 64 at once",
        peer="one shared httpx client",
        section="delivery",
        figure="posting/ratio_to_shared_httpx",
        ours="posting/us_of_processor/ours",
        theirs="posting/us_of_processor/shared",
        bar=4.0,
        goal=10.0,
    ),
    _fan_out("sqlite"),
    _fan_out("postgresql"),
    _page("first", "SQLite", 2.0, 1.0),
    _page("keyset", "SQLite", 2.0, 1.0),
    _page("first", "PostgreSQL", 8.0, 5.0),
    _page("keyset", "PostgreSQL", 8.0, 5.0),
    Bar(
        work="verifying a log of a million entries",
        peer="hashing the same leaves alone",
        section="access_log",
        figure="verify/published/ratio",
        bar=3.0,
        goal=1.5,
        at_most=True,
        size="verify/entries",
        demanded_size=1_000_000,
    ),
)
