import re

import orjson
import pytest
from sqlalchemy import UniqueConstraint

from app.tables import METADATA
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
    assert report.page({}).count("| NOT MEASURED |") == len(BARS)


def test_a_bar_for_a_larger_log_is_not_said_to_be_reached_by_a_smaller_one() -> None:
    logs = ("access_log", "access_log_postgresql")
    small = {**DOCUMENT, **{name: {**DOCUMENT[name], "entries": 1_000} for name in logs}}
    told = [line for line in report.page(small).splitlines() if "five million" in line]
    assert all(line.endswith(("at another size |", "NOT MEASURED |")) for line in told)
    assert any("(of 1,000)" in line for line in told)


def test_the_pages_hold_the_figures_that_were_measured() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(DOCUMENT)
    capacity = report.CAPACITY.read_text(encoding="utf-8")
    assert report.filled(capacity, DOCUMENT) == capacity
    assert len(report.FIGURE.findall(capacity)) > 10


def test_a_path_that_leads_nowhere_in_what_was_measured_is_refused() -> None:
    named = "<!--=growth/nothing us-->1<!--/-->"
    with pytest.raises(LookupError):
        report.filled(named, DOCUMENT)
    assert report.filled(named, {}) == "<!--=growth/nothing us-->NOT MEASURED<!--/-->"


def test_the_tables_that_can_be_kept_apart_by_person_are_those_that_the_page_lists() -> None:
    text = report.CAPACITY.read_text(encoding="utf-8")
    [listed] = re.findall(r"^\| the person, in the primary key \| (.*?) \|", text, re.MULTILINE)
    unique = {
        table.name: [{*table.primary_key.columns.keys()}]
        + [{*index.columns.keys()} for index in table.indexes if index.unique]
        + [{*one.columns.keys()} for one in table.constraints if isinstance(one, UniqueConstraint)]
        for table in METADATA.sorted_tables
    }
    by_person = {name for name, keys in unique.items() if all("person_id" in key for key in keys)}
    assert {*re.findall(r"`(\w+)`", listed)} == by_person


def test_every_table_has_its_place_in_the_plan() -> None:
    text = report.CAPACITY.read_text(encoding="utf-8")
    plan = text[text.index("| key |") :].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", plan)
    assert sorted(named) == sorted(METADATA.tables)


def test_every_plot_of_which_something_was_measured_is_drawn_and_tells_no_day() -> None:
    for plot in PLOTS:
        if plot.series(DOCUMENT):
            picture = (DOCS / "plots" / f"{plot.name}.svg").read_text(encoding="utf-8")
            assert plot.caption.split()[0] in picture
            assert not re.search(r"<script|20\d\d-\d\d-\d\d", picture)
