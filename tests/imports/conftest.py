"""A small mapping of each format, and a way to convert lines of text."""

from collections.abc import Callable

import pytest

from app.imports.mapping import Mapping
from app.imports.outcomes import Converted, RowError
from app.imports.rows import convert

Answers = list[Converted | RowError]
Convert = Callable[[bytes], Answers]

FIELDS = """
reference = "number"

[fields."release.planned_release_date"]
column = "release"
conversion = "date"
format = "%m/%d/%Y"
required = true

[fields."needs.accommodation_need"]
column = "home"
conversion = "code"
required = false
table = { "has a home" = "secured", "homeless" = "none" }

[constants]
"release.release_date_confidence" = "projected"

[ignored]
"note" = "nobody needs it"
"""


@pytest.fixture
def csv_mapping() -> Mapping:
    return Mapping.from_toml('format = "csv"' + FIELDS)


@pytest.fixture
def ndjson_mapping() -> Mapping:
    return Mapping.from_toml('format = "ndjson"' + FIELDS)


@pytest.fixture
def convert_csv(csv_mapping: Mapping) -> Convert:
    return lambda data: list(convert(data.splitlines(keepends=True), csv_mapping))


@pytest.fixture
def convert_ndjson(ndjson_mapping: Mapping) -> Convert:
    return lambda data: list(convert(data.splitlines(keepends=True), ndjson_mapping))
