"""A CSV of sentenced persons of the shape of a public data set, with dirt where it is wanted.

The shape is that of "cdcr-prison-pop": American dates, months for sentences, counties as
jurisdictions, free text for facilities. The contents are made up.
"""

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from types import MappingProxyType

COLUMNS = (
    "cdcno",
    "controlling offense",
    "description",
    "offense category",
    "offense begin date",
    "controlling case sentencing county",
    "sentence type",
    "aggregate sentence in months",
    "current location",
    "eprd/mepd month and year",
    "expected release date",
)
COUNTIES = ("Los Angeles", "Riverside", "San Diego", "Kern", "Fresno", "Santa Clara")
# One has a comma and one an apostrophe, as in the real file.
LOCATIONS = (
    "Mule Creek State Prison",
    "California State Prison, Corcoran",
    "Central California Women's Facility",
    "San Quentin State Prison",
)
OFFENCES = (
    ("PC459 2nd", "Burglary 2nd", "Property Crimes"),
    ("VC10851(a)", "Vehicle Theft", "Property Crimes"),
    ("HS11377(a)", "Possession of Controlled Substance", "Drug Crimes"),
    ("PC245(b)", "Assault with Semiautomatic Firearm", "Crimes Against Persons"),
)
AMERICAN = "%m/%d/%Y"
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


class Dirt(StrEnum):
    """What can be wrong with a row."""

    MISSING_DATE = "missing_date"
    IMPOSSIBLE_DATE = "impossible_date"
    UNKNOWN_COUNTY = "unknown_county"
    UNKNOWN_LOCATION = "unknown_location"
    WRONG_CELL_COUNT = "wrong_cell_count"


CLEAN: Mapping[int, Dirt] = MappingProxyType({})
DIRTY_CELLS = MappingProxyType(
    {
        Dirt.MISSING_DATE: ("expected release date", ""),
        Dirt.IMPOSSIBLE_DATE: ("expected release date", "02/30/2031"),
        Dirt.UNKNOWN_COUNTY: ("controlling case sentencing county", "Nowhere"),
        Dirt.UNKNOWN_LOCATION: ("current location", "A Prison Nobody Listed"),
    }
)


def write_sentenced_csv(
    path: Path, count: int, *, seed: int, today: date, dirty: Mapping[int, Dirt] = CLEAN
) -> None:
    """Write `count` rows under a header (UTF-8, line feeds). Deterministic.

    `dirty` says by the line of the file what is wrong there: the header is line 1, the rows
    are lines 2 to `count` + 1.
    """
    random = Random(f"sentenced {seed}")  # noqa: S311 - a play of chance, not a secret
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for line in range(2, count + 2):
            writer.writerow(_soiled(_row(random, line, today), dirty.get(line)))


def _row(random: Random, line: int, today: date) -> dict[str, str]:
    release = today + timedelta(days=random.randint(-1500, 4000))
    months = random.randint(12, 400)
    begun = release - timedelta(days=30 * months)
    cells = (
        f"{random.getrandbits(24):06x}{line:04x}",
        *random.choice(OFFENCES),
        begun.strftime(AMERICAN),
        random.choice(COUNTIES),
        random.choice(("Third Striker", "Second Striker", "DSL")),
        str(months),
        random.choice(LOCATIONS),
        f"{MONTHS[release.month - 1]}{release:%y}",
        release.strftime(AMERICAN),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _soiled(row: dict[str, str], dirt: Dirt | None) -> list[str]:
    if dirt is Dirt.WRONG_CELL_COUNT:
        return list(row.values())[:-1]
    if dirt is not None:
        column, cell = DIRTY_CELLS[dirt]
        row = {**row, column: cell}
    return list(row.values())
