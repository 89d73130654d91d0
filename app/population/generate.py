"""Made-up inmate files in the native format, from a seed."""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

from app.population.countries import COUNTRIES
from app.population.person import Person, draw_person
from app.population.sections import SUMMARIES, WRITERS

Record = dict[str, Any]


def generate(count: int, *, seed: int, today: date, country: str = "XK") -> Iterator[Record]:
    """Records `{"reference": ..., "sections": {section: {field: {"value": ...}}}}`.

    The same seed, day and country give the same records, and a longer run begins with those
    of a shorter one. Only sections that the correctional service owns are written.

    Raises:
        KeyError: a country that `countries.py` does not know.
    """
    place = COUNTRIES[country]
    for number in range(1, count + 1):
        reference = f"SYN-{seed}-{number:06}"
        random = Random(f"{country} {reference}")  # noqa: S311 - a play of chance, not a secret
        yield record(random, draw_person(random, reference=reference, country=place, today=today))


def record(random: Random, person: Person) -> Record:
    """The file of one person."""
    sections = {
        writer.__name__: {
            name: _envelope(name, value) for name, value in writer(random, person).items()
        }
        for writer in WRITERS
    }
    return {"reference": person.reference, "sections": sections}


def _envelope(name: str, value: Any) -> Record:  # noqa: ANN401 - fields take values of many types
    if name in SUMMARIES:
        return {"value": value, "summary": SUMMARIES[name]}
    return {"value": value}
