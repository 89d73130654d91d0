import re

import orjson
import pytest

from bench import report
from bench.bars import BARS
from bench.plots import PLOTS
from bench.results import DOCS, RESULTS

DOCUMENT = orjson.loads(RESULTS.read_bytes())


def test_the_page_names_every_row_of_the_table_of_bars() -> None:
    page = report.page(DOCUMENT)
    for bar in BARS:
        assert f"| {bar.work} | {bar.peer} |" in page


def test_the_page_can_be_made_when_nothing_was_measured() -> None:
    assert report.page({}).count("NOT MEASURED") > len(BARS)


def test_the_pages_hold_the_figures_that_were_measured() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(DOCUMENT)
    capacity = report.CAPACITY.read_text(encoding="utf-8")
    assert report.filled(capacity, DOCUMENT) == capacity
    assert len(report.FIGURE.findall(capacity)) > 10


def test_a_figure_that_is_nowhere_is_refused() -> None:
    with pytest.raises(LookupError):
        report.filled("<!--=nothing/here us-->1<!--/-->", DOCUMENT)


def test_every_plot_of_which_something_was_measured_is_drawn_and_tells_no_day() -> None:
    for plot in PLOTS:
        if plot.series(DOCUMENT):
            picture = (DOCS / "plots" / f"{plot.name}.svg").read_text(encoding="utf-8")
            assert plot.caption.split()[0] in picture
            assert not re.search(r"<script|20\d\d-\d\d-\d\d", picture)
