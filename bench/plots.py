"""Figures of `bench/results.json` as pictures: `docs/plots/*.svg`, the same for the same figures.

    python -m bench.plots

Needs pygal, which is installed for the benches alone; without it, it says NOT RUN.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, log10

import orjson

from bench.bars import Document, figures
from bench.results import DOCS, RESULTS

FOLDER = DOCS / "plots"
WIDTH, HEIGHT = 720, 380
MOST_FLAT = 6  # labels that fit beside one another
# The library writes the day and a script into each picture.
UNWANTED = re.compile(r"<!--.*?-->|<script.*?</script>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over named places: `lines` lead to the figure of each, with `{}` for the place."""

    name: str
    caption: str
    across: str
    up: str
    places: tuple[str, ...]
    lines: Mapping[str, str]

    def series(self, document: Document) -> dict[str, list[float | None]]:
        """What is drawn: the lines that have any figure, None where one has none."""
        found = {
            title: [next(figures(document, path.format(place)), None) for place in self.places]
            for title, path in self.lines.items()
        }
        return {title: values for title, values in found.items() if any(values)}


AT_ONCE = ("c16", "c64")
PLOTS = (
    Plot(
        "throughput",
        "Recorded reads in a second",
        "requests at once",
        "answers in a second",
        AT_ONCE,
        {
            title: f"reading/sides/{side}/{{}}/per_second"
            for title, side in (
                ("bare route", "bare"),
                ("SQLite", "always"),
                ("fresh proofs", "proven"),
                ("PostgreSQL", "postgresql"),
                ("obvious build", "obvious"),
            )
        },
    ),
    Plot(
        "processor",
        "Processor time of a recorded read",
        "requests at once",
        "us for one",
        AT_ONCE,
        {
            title: f"reading/sides/{side}/{{}}/cpu_us"
            for title, side in (
                ("bare route", "bare"),
                ("SQLite", "always"),
                ("fresh proofs", "proven"),
                ("PostgreSQL", "postgresql"),
            )
        },
    ),
    Plot(
        "latency",
        "How long a recorded read takes, with the collector tuned and not",
        "requests at once",
        "ms",
        AT_ONCE,
        {
            f"{share}, {title}": f"reading/sides/{side}/{{}}/{share}"
            for title, side in (("tuned", "always"), ("not tuned", "untuned"))
            for share in ("p50", "p99")
        },
    ),
    Plot(
        "files",
        "Processor time of a recorded read as files grow",
        "files",
        "us for one",
        ("1000", "100000"),
        {"SQLite": "reading/cpu_us_by_files/{}"},
    ),
    Plot(
        "entries",
        "Blocks of the server for an entry of a page, PostgreSQL",
        "",
        "blocks",
        (
            "none",
            "agency",
            "officer",
            "person",
            "since",
            "operation",
            "operation, rare",
            "purpose",
            "purpose, rare",
        ),
        {
            "the whole log": "access_log_postgresql/plans/{}/blocks_an_entry",
            "a tenth of it": "access_log_postgresql/plans/{}/blocks_an_entry_of_a_tenth",
        },
    ),
    Plot(
        "subscribers",
        "Processor time of a delivery as subscribers grow",
        "subscribers of one event",
        "us for one delivery",
        ("1000", "10000"),
        {
            f"{work}, {kind}": f"scaling/subscribers/{kind}/{{}}/us_of_processor_{work}"
            for kind in ("sqlite", "postgresql")
            for work in ("publish", "claim")
        },
    ),
    Plot(
        "peers",
        "Processor time of a whole file's decision, the same policies",
        "",
        "us, logarithmic",
        ("ours_warm", "ours_cold", "cerbos", "cerbos_explained", "cedarpy", "casbin"),
        {"us of the processor": "peers/sides/{}/us_of_processor"},
    ),
)


def drawn(plot: Plot, series: Mapping[str, Sequence[float | None]]) -> str:
    """The picture as text."""
    import pygal  # noqa: PLC0415 - installed for this alone

    highest = max(value for values in series.values() for value in values if value)
    look = {
        "js": (),
        "title": plot.caption,
        "x_title": plot.across,
        "y_title": plot.up,
        "legend_at_bottom": True,
        "truncate_label": -1,
        "x_label_rotation": 20 if len(plot.places) > MOST_FLAT else 0,
        "width": WIDTH,
        "height": HEIGHT,
    }
    if "logarithmic" in plot.up:
        powers = [10**power for power in range(ceil(log10(highest)) + 1)]
        chart = pygal.Bar(logarithmic=True, zero=1, y_labels=powers, **look)
    else:
        chart = pygal.Line(range=(0, highest), **look)
    chart.uuid = plot.name
    chart.x_labels = plot.places
    for title, values in series.items():
        chart.add(title, values)
    return UNWANTED.sub("", chart.render(is_unicode=True)) + "\n"


def draw(document: Document) -> None:
    """Write every picture of which anything was measured."""
    FOLDER.mkdir(exist_ok=True)
    for plot in PLOTS:
        if series := plot.series(document):
            (FOLDER / f"{plot.name}.svg").write_text(drawn(plot, series), encoding="utf-8")


def main() -> int:
    """Draw them all, or say that it cannot be done."""
    if find_spec("pygal") is None:
        print("NOT RUN: plots (pygal was not installed)")  # noqa: T201 - the result
    else:
        draw(orjson.loads(RESULTS.read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
