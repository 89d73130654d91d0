"""The mappings that come with the product, on made-up files of their shapes."""

import json
from datetime import date
from pathlib import Path

import pytest

from app.files.models import parse_submission
from app.imports.mapping import MappingError
from app.imports.outcomes import Converted, RowError
from app.imports.rows import convert
from app.imports.shipped import names, shipped
from app.imports.targets import owner_of
from app.population.generate import generate
from app.population.sentenced_csv import COLUMNS, Dirt, write_sentenced_csv

TODAY = date(2027, 3, 3)
DIRTY = {
    3: Dirt.MISSING_DATE,
    5: Dirt.IMPOSSIBLE_DATE,
    8: Dirt.UNKNOWN_COUNTY,
    9: Dirt.UNKNOWN_LOCATION,
    12: Dirt.WRONG_CELL_COUNT,
}


@pytest.fixture
def answers(tmp_path: Path) -> list[Converted | RowError]:
    path = tmp_path / "sentenced.csv"
    write_sentenced_csv(path, 40, seed=1, today=TODAY, dirty=DIRTY)
    with path.open("rb") as file:
        return list(convert(file, shipped("sentenced-population")))


def test_every_shipped_mapping_can_be_used() -> None:
    assert names() == ("native", "sentenced-population")
    for name in names():
        shipped(name)


def test_a_mapping_that_is_not_shipped_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(MappingError, match="native, sentenced-population"):
        shipped("../native")


def test_the_population_mapping_feeds_sections_of_the_correctional_service_only() -> None:
    mapping = shipped("sentenced-population")
    paths = [*mapping.fields, *mapping.constants]
    assert {owner_of(path) for path in paths} == {"correctional_service"}


def test_the_population_mapping_knows_each_column_of_the_shape() -> None:
    mapping = shipped("sentenced-population")
    assert mapping.mapped | mapping.ignored.keys() == set(COLUMNS)


def test_every_row_gets_an_answer(answers: list[Converted | RowError]) -> None:
    assert [answer.line for answer in answers] == list(range(2, 42))


def test_dirty_rows_are_refused_by_line_and_column(answers: list[Converted | RowError]) -> None:
    refused = {a.line: a.message for a in answers if isinstance(a, RowError)}
    assert refused == {
        3: "Column 'expected release date': Expected a value; found none",
        5: "Column 'expected release date': "
        "Expected a date of the calendar, written like 12/30/2031",
        8: "Column 'controlling case sentencing county': Expected one of the 58 texts of its table",
        9: "Column 'current location': Expected one of the 33 texts of its table",
        12: "Expected 11 cells; found 10",
    }


def test_what_converts_fits_the_catalogue(answers: list[Converted | RowError]) -> None:
    converted = [answer for answer in answers if isinstance(answer, Converted)]
    assert len(converted) == 35
    for answer in converted:
        sections = parse_submission({"sections": answer.record["sections"]})
        assert set(sections) == {"custody", "release", "residence_contact"}
        assert sections["release"]["release_date_confidence"]["value"] == "projected"


def test_the_native_mapping_changes_nothing() -> None:
    records = list(generate(20, seed=4, today=TODAY))
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    answers = list(convert(lines, shipped("native")))
    assert [answer.record for answer in answers if isinstance(answer, Converted)] == records


@pytest.mark.parametrize("line", [b'{"reference": "A1"}', b'{"reference": "A1", "sections": []}'])
def test_the_native_mapping_wants_an_object_of_sections(line: bytes) -> None:
    (answer,) = convert([line], shipped("native"))
    assert answer == RowError(1, "Column 'sections': Expected an object of sections")
