"""Where the made-up population lives: municipalities, establishments and languages by country.

The codes follow the pattern of the catalogue; a country brings its own lists. The
establishments are not real ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """What records of one country have in common. `utc_offset` is that of the winter."""

    code: str
    municipalities: tuple[str, ...]
    establishments: tuple[str, ...]
    languages: tuple[tuple[str, str], ...]
    calling_code: str
    utc_offset: str = "+01:00"


KOSOVO = Country(
    code="XK",
    municipalities=(
        "XK-GJILAN",
        "XK-PRISHTINA",
        "XK-PRIZREN",
        "XK-PEJA",
        "XK-FERIZAJ",
        "XK-GJAKOVA",
        "XK-MITROVICA",
        "XK-PODUJEVA",
    ),
    establishments=("XK-EXAMPLE-1", "XK-EXAMPLE-2", "XK-EXAMPLE-3"),
    languages=(("sq", "Latn"), ("sq", "Latn"), ("sr", "Cyrl"), ("tr", "Latn"), ("rom", "Latn")),
    calling_code="383",
)
BOSNIA_AND_HERZEGOVINA = Country(
    code="BA",
    municipalities=(
        "BA-ZDK-ZENICA",
        "BA-ZDK-VISOKO",
        "BA-ZDK-KAKANJ",
        "BA-TK-TUZLA",
        "BA-SBK-TRAVNIK",
        "BA-RS-BANJALUKA",
        "BA-BD-BRCKO",
    ),
    establishments=("BA-EXAMPLE-1", "BA-EXAMPLE-2"),
    languages=(("bs", "Latn"), ("hr", "Latn"), ("sr", "Cyrl"), ("rom", "Latn")),
    calling_code="387",
)
COUNTRIES: Mapping[str, Country] = MappingProxyType(
    {country.code: country for country in (KOSOVO, BOSNIA_AND_HERZEGOVINA)}
)
