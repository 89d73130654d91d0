"""Formats of strings: dates and times, phone numbers, identifiers, areas.

Dates and times are ISO 8601 as RFC 3339 profiles it, phone numbers E.164, identifiers
UUIDs (RFC 9562). National lists (municipalities, establishments, articles, categories)
are checked by their shape here: a country brings the list itself.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from app.files.rules import Format

# A century before and two after the living: outside, it is a slip of the pen.
FIRST_YEAR, LAST_YEAR = 1900, 2199
DATE_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DATE_TIME_PATTERN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


def parse_date(text: str) -> date:
    """A calendar date `YYYY-MM-DD`; ValueError otherwise, also outside 1900 to 2199."""
    if not DATE_PATTERN.fullmatch(text):
        raise ValueError("not a date")
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError("outside the years that make sense")
    return day


def parse_date_time(text: str) -> datetime:
    """An RFC 3339 time with its offset; ValueError otherwise. The date is as written."""
    if not DATE_TIME_PATTERN.fullmatch(text):
        raise ValueError("not a time with offset")
    parse_date(text[:10])
    return datetime.fromisoformat(text)


def _parse_uuid(text: str) -> UUID:
    parsed = UUID(text)
    if str(parsed) != text:
        raise ValueError("not in the canonical form")
    return parsed


def _draw_date(random: Random) -> str:
    return str(date(2015, 1, 1) + timedelta(days=random.randrange(8000)))


def _draw_birth_date(random: Random) -> str:
    return str(date(1950, 1, 1) + timedelta(days=random.randrange(20000)))


def _draw_date_time(random: Random) -> str:
    hour, minute = random.randrange(8, 17), random.choice((0, 15, 30, 45))
    return f"{_draw_date(random)}T{hour:02}:{minute:02}:00+01:00"


def shape(expected: str, pattern: str, draw: Callable[[Random], str]) -> Format:
    """A format that a regular expression describes in full."""
    compiled = re.compile(pattern)

    def parse(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValueError("not of this shape")

    return Format(expected, parse, draw, (("pattern", f"^{pattern}$"),))


def _one_of(*examples: str) -> Callable[[Random], str]:
    return lambda random: random.choice(examples)


def _digits(prefix: str, count: int) -> Callable[[Random], str]:
    return lambda random: prefix + "".join(random.choice("0123456789") for _ in range(count))


DATE = Format(
    "a date YYYY-MM-DD of the years 1900 to 2199", parse_date, _draw_date, (("format", "date"),)
)
BIRTH_DATE = Format(DATE.expected, parse_date, _draw_birth_date, DATE.schema)
DATE_TIME = Format(
    "an RFC 3339 time with offset, such as 2027-06-01T09:00:00+02:00",
    parse_date_time,
    _draw_date_time,
    (("format", "date-time"),),
)
PERSON_UUID = Format(
    "a UUID in lower case",
    _parse_uuid,
    lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    (("format", "uuid"),),
)
PHONE = shape(
    "a phone number as E.164, + and 7 to 15 digits", r"\+[1-9][0-9]{6,14}", _digits("+3834400", 4)
)
NATIONAL_ID = shape(
    "a civil registration number: 4 to 20 digits, capital letters or hyphens",
    r"[0-9A-Z][0-9A-Z-]{2,18}[0-9A-Z]",
    _digits("0", 9),
)
AGENCY = shape(
    "an id of the agency registry: 2 to 64 letters, digits, dots, hyphens or underscores",
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}",
    _one_of("example-prison-1", "example-welfare-2", "example-court-3", "example-probation-4"),
)
REFERENCE = shape(
    "an opaque reference of its holder: at most 64 characters, no spaces",
    r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}",
    _digits("EX-", 8),
)
# The parts narrow from left to right: country, regions where there are any, municipality.
MUNICIPALITY = shape(
    "a municipality code: country, regions if any, municipality, such as XK-GJILAN",
    r"[A-Z]{2}(-[A-Z0-9]{1,16}){1,4}",
    _one_of("XK-GJILAN", "XK-PEJA", "BA-ZDK-ZENICA", "BA-ZDK-VISOKO", "MK-SKOPJE-CENTAR"),
)
ESTABLISHMENT = shape(
    "a code of the national list of establishments, such as XK-EXAMPLE-1",
    r"[A-Z]{2}(-[A-Z0-9]{1,16}){1,4}",
    _one_of("XK-EXAMPLE-1", "XK-EXAMPLE-2", "BA-EXAMPLE-1"),
)
ARTICLE = shape(
    "an article of the national criminal code, such as XK-CC-313",
    r"[A-Z]{2}-[A-Z0-9]{1,12}-[0-9A-Z][0-9A-Za-z.()-]{0,31}",
    _one_of("XK-CC-313", "XK-CC-315.1", "BA-CC-286", "BA-CC-287.2"),
)
SANCTION = shape(
    "a code of the national list of disciplinary sanctions: small letters and underscores",
    r"[a-z][a-z0-9_]{1,47}",
    _one_of("warning", "loss_of_privilege", "restricted_visits"),
)
SECURITY_CATEGORY = shape(
    "a national custodial category: small letters, digits and underscores",
    r"[a-z0-9][a-z0-9_]{0,31}",
    _one_of("open", "semi_open", "closed"),
)
SKILL = shape(
    "a skill by ISCO-08 or ESCO, such as ISCO-08:7126",
    r"(ISCO-08:[0-9]{1,4}|ESCO:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    _one_of("ISCO-08:7126", "ISCO-08:7512", "ISCO-08:5120", "ISCO-08:7231", "ISCO-08:9313"),
)
DIAGNOSIS = shape(
    "a diagnosis by ICD-10 or ICD-11, such as ICD-10:F43.1",
    r"(ICD-10:[A-Z][0-9]{2}(\.[0-9]{1,4})?|ICD-11:[0-9A-Z]{4}(\.[0-9A-Z]{1,4})?)",
    _one_of("ICD-10:F43.1", "ICD-10:F32.0", "ICD-11:6B40", "ICD-11:6A70.1"),
)
VERSION = shape(
    "a version: at most 16 letters, digits, dots and hyphens",
    r"[0-9A-Za-z][0-9A-Za-z.-]{0,15}",
    _one_of("1", "2.0", "2011"),
)
# Names of legal bases, purposes, consents and rules: what policies call them.
IDENTIFIER = shape(
    "an identifier: at most 100 letters, digits and . : / _ -",
    r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,99}",
    _one_of("example-basis-1", "example-basis-2"),
)
