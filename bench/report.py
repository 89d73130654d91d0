"""What was measured, as pages: `docs/performance.md`, and the figures in `docs/capacity.md`.

    python -m bench.report

Made of `bench/results.json` and the table of bars alone. It measures nothing, and the same results
give the same pages: a test holds those in `docs/` to it.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from bench.bars import BARS, NOT_MEASURED, Bar, Document, figures
from bench.plots import PLOTS
from bench.results import DOCS, RESULTS

PAGE, CAPACITY = DOCS / "performance.md", DOCS / "capacity.md"
# A figure in a page that people write: what stands between is put there.
FIGURE = re.compile(r"<!--=([a-z_0-9/]+) (\w+)-->(.*?)<!--/-->")
UNITS = {"bytes": 1.0, "kB": 1e3, "us": 1.0, "ms": 1.0, "s": 1.0, "x": 1.0, "n": 1.0}
SIGNS = {"x": "x", "n": ""}
PARTS = ("file", "case", "agency", "subscription", "delivery", "entry")
HEAD = """\
# Performance

Made by `python -m bench.report` of `bench/results.json`, which `make bench` writes. Ratios are
those of one run, work and peer in turns on the same machine. `us` is the processor time of one, in
microseconds. Rates depend on the machine and are promised nowhere. The top of each module in
`bench/` says what it compares with what. A bench that was not run says NOT MEASURED.
"""


def page(document: Document) -> str:
    """All of `docs/performance.md`."""
    parts = [HEAD, *_bars(document), *_flat(document), *_growth(document), *_runs(document)]
    return "\n".join(parts)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _bars(document: Document) -> Iterator[str]:
    yield "## What was aimed at\n"
    head = ("work", "peer or ceiling", "measured", "us", "us of the peer", "bar", "goal", "")
    yield _table(head, (_row(bar, document) for bar in BARS))


def _row(bar: Bar, document: Document) -> tuple[str, ...]:
    value = bar.measured(document)
    size, verdict = bar.size_of(document), bar.verdict(document)
    measured = "" if value is None else with_unit(value, bar.unit)
    if size is not None:
        measured += f" (of {size:,})"
        verdict += ", at another size"
    section = document.get(bar.section)
    return (
        bar.work,
        bar.peer,
        measured,
        _first(section, bar.ours),
        _first(section, bar.theirs),
        _limit(bar, bar.bar),
        _limit(bar, bar.goal),
        verdict,
    )


def _limit(bar: Bar, limit: float | None) -> str:
    if limit is None:
        return ""
    return f"{'at most' if bar.at_most else 'at least'} {with_unit(limit, bar.unit)}"


def _first(section: Any, path: str) -> str:  # noqa: ANN401 - whatever JSON holds
    found = [*figures(section, path)] if path else []
    return short(found[0]) if found else ""


def _flat(document: Document) -> Iterator[str]:
    yield "## Where cost stays flat\n"
    subscribers = document.get("scaling", {}).get("subscribers", {})
    head = ("subscribers", "database", "us to publish one", "us to claim one", "ratio to bare")
    rows = (
        (
            f"{int(count):,}",
            kind,
            short(one["us_of_processor_publish"]),
            short(one["us_of_processor_claim"]),
            with_unit(one["ratio_to_bare"], "x"),
        )
        for kind, counts in subscribers.items()
        for count, one in sorted(counts.items(), key=lambda item: int(item[0]))
    )
    yield _table(head, rows)
    yield from _of_policies(document)
    yield from (f"![{p.caption}](plots/{p.name}.svg)\n" for p in PLOTS if p.series(document))


def _of_policies(document: Document) -> Iterator[str]:
    roles = document.get("scaling", {}).get("policies", {})
    head = ("role", "policies", "us for a file, warm", "us for a file, cold")
    by_size = sorted(roles.items(), key=lambda item: (item[1]["policies"], item[0]))
    rows = (
        (f"`{role}`", str(one["policies"]), short(one["us_warm"]), short(one["us_cold"]))
        for role, one in by_size
    )
    yield _table(head, rows)


def _growth(document: Document) -> Iterator[str]:
    yield "## What each part adds to the database\n"
    grown = document.get("growth", {})
    kinds = [kind for kind in ("sqlite", "postgresql") if kind in grown]
    rows = (
        (part, *(short(grown[kind][part]["bytes"]) for kind in kinds))
        for part in PARTS
        if all(part in grown[kind] for kind in kinds)
    )
    yield "Bytes for one, with all indices; `bench/growth.py` says what each is.\n"
    yield _table(("part", *kinds), rows)


def _runs(document: Document) -> Iterator[str]:
    yield "## On what it was measured\n"
    yield (
        "Load is that of the machine before and after, where it was noted: above 1, others were at"
        " work on it.\n"
    )
    head = ("bench", "machine", "versions", "load", "not run")
    yield _table(head, (_run(name, document[name]) for name in sorted(document)))


def _run(name: str, section: Mapping[str, Any]) -> tuple[str, ...]:
    machine = section["machine"]
    versions = {**section["versions"], **section.get("peer_versions", {})}
    load = section.get("load_before_and_after", [])
    not_run = section.get("not_run", {})
    return (
        f"`bench.{name}`",
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}",
        ", ".join(f"{package} {number}" for package, number in sorted(versions.items())),
        ", ".join(f"{one:.1f}" for one in load),
        "; ".join(f"NOT RUN: {peer} ({reason})" for peer, reason in sorted(not_run.items())),
    )


def short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 100:  # noqa: PLR2004 - no decimals of large ones
        return f"{value:,.0f}"
    return f"{value:.3g}"


def with_unit(value: float, unit: str) -> str:
    """A figure as it is read; `x` is a ratio, `n` a bare number."""
    return f"{short(value)}{SIGNS.get(unit, f' {unit}')}"


def filled(text: str, document: Document) -> str:
    """A page with every figure that it names put in its place.

    A figure is `<!--=section/path unit-->...<!--/-->`; that of a section which was never measured
    says so. LookupError: its section has none of this path.
    """
    return FIGURE.sub(lambda match: _figure(match, document), text)


def _figure(match: re.Match[str], document: Document) -> str:
    path, unit = match[1], match[2]
    if path.partition("/")[0] in document:
        value = next(figures(document, path), None)
        if value is None:
            raise LookupError(f"no figure is measured at {path}")
        shown = with_unit(value / UNITS[unit], unit)
    else:
        shown = NOT_MEASURED
    return f"<!--={path} {unit}-->{shown}<!--/-->"


def main() -> int:
    """Write the pages and say what falls short."""
    document = orjson.loads(RESULTS.read_bytes())
    PAGE.write_text(page(document), encoding="utf-8")
    CAPACITY.write_text(filled(CAPACITY.read_text(encoding="utf-8"), document), encoding="utf-8")
    for bar in BARS:
        print(f"{bar.verdict(document):18} {bar.work}; {bar.peer}")  # noqa: T201 - the result
    return 0


if __name__ == "__main__":
    sys.exit(main())
