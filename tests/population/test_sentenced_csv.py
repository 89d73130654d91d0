"""The CSV of sentenced persons: its shape, and dirt exactly where it is wanted."""

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from app.population.sentenced_csv import COLUMNS, Dirt, write_sentenced_csv

TODAY = date(2027, 3, 3)


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sentenced.csv"


def test_a_clean_file_has_the_shape(path: Path) -> None:
    write_sentenced_csv(path, 50, seed=1, today=TODAY)
    header, *records = rows(path)
    assert tuple(header) == COLUMNS
    assert len(records) == 50
    assert {len(record) for record in records} == {11}
    for record in records:
        datetime.strptime(record[-1], "%m/%d/%Y")  # noqa: DTZ007 - a date has no zone


def test_references_are_unique(path: Path) -> None:
    write_sentenced_csv(path, 500, seed=1, today=TODAY)
    assert len({record[0] for record in rows(path)}) == 501


def test_the_same_seed_writes_the_same_file(path: Path, tmp_path: Path) -> None:
    write_sentenced_csv(path, 20, seed=3, today=TODAY)
    again = tmp_path / "again.csv"
    write_sentenced_csv(again, 20, seed=3, today=TODAY)
    assert path.read_bytes() == again.read_bytes()


def test_dirt_lies_on_the_named_lines_only(path: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean.csv"
    write_sentenced_csv(clean, 20, seed=3, today=TODAY)
    dirty = dict(zip((3, 7, 8, 20, 21), Dirt, strict=True))
    write_sentenced_csv(path, 20, seed=3, today=TODAY, dirty=dirty)
    pairs = zip(rows(clean), rows(path), strict=True)
    assert [line for line, (a, b) in enumerate(pairs, start=1) if a != b] == [3, 7, 8, 20, 21]


@pytest.mark.parametrize(
    ("dirt", "cells", "last"),
    [(Dirt.MISSING_DATE, 11, ""), (Dirt.IMPOSSIBLE_DATE, 11, "02/30/2031")],
)
def test_a_dirty_date_stands_in_the_last_cell(
    path: Path, dirt: Dirt, cells: int, last: str
) -> None:
    write_sentenced_csv(path, 2, seed=1, today=TODAY, dirty={2: dirt})
    assert (len(rows(path)[1]), rows(path)[1][-1]) == (cells, last)


def test_a_row_with_a_wrong_cell_count_is_one_short(path: Path) -> None:
    write_sentenced_csv(path, 2, seed=1, today=TODAY, dirty={3: Dirt.WRONG_CELL_COUNT})
    assert [len(row) for row in rows(path)] == [11, 11, 10]
