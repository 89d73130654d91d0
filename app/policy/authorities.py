"""Named legal authorities of a country, from its `authorities.toml`: what the law itself opens.

    [authorities.ID]
    title = "What it is called"
    citation = "Law, article"
    role = "police_local"                 # or: agency = "ID OF ONE AGENCY"
    parts = ["supervision", "identity.national_id_number"]
    purposes = ["condition_enforcement"]
    valid_from = 2027-01-01               # both dates are part of the term
    valid_until = 2029-12-31
    review_date = 2028-12-31
    illustrative = false

They come with the bundle, because two policy officers sign its exact digest: nobody else may
assert such an authority. It opens nothing by itself: a permit has to name the condition.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.policy.actions import Vocabulary
from app.policy.agreements import REFUSED
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.request import parts_of
from app.policy.roles import PURPOSES, ROLE_PURPOSES

FILE = "authorities.toml"
_TEXTS = ("title", "citation")
_LISTS = ("parts", "purposes")
_DATES = ("valid_from", "valid_until", "review_date")
_RECIPIENTS = ("role", "agency")
_KEYS = frozenset({*_TEXTS, *_LISTS, *_DATES, *_RECIPIENTS, "illustrative"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalAuthority:
    """A law that opens parts of a file to one agency, or to every agency of a role.

    `parts` are sections, or paths of single fields. Of `role` and `agency` one is None.
    """

    id: str
    title: str
    citation: str
    role: str | None
    agency: str | None
    parts: frozenset[str]
    purposes: frozenset[str]
    valid_from: date
    valid_until: date
    review_date: date
    illustrative: bool = False

    @property
    def recipient(self) -> str:
        """Who it names: a role, or one agency."""
        return self.role or f"agency {self.agency}"

    def concerns(self, *, role: str, agency: str, purpose: str, at: date) -> bool:
        """Whether it opens its parts to this recipient for this purpose on this legal day."""
        named = self.agency == agency if self.role is None else self.role == role
        return named and purpose in self.purposes and self.valid_from <= at <= self.valid_until

    def to_json(self) -> dict[str, Any]:
        """As reports show it."""
        return {
            "id": self.id,
            "title": self.title,
            "citation": self.citation,
            "role": self.role,
            "agency": self.agency,
            "parts": sorted(self.parts),
            "purposes": sorted(self.purposes),
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "review_date": self.review_date.isoformat(),
            "illustrative": self.illustrative,
        }


Authorities = Mapping[str, LegalAuthority]


def read_authorities(
    name: str, text: str, vocabulary: Vocabulary, *, allow_illustrative: bool
) -> Authorities:
    """The authorities of a file, by id.

    Raises:
        PolicyError: with every finding: file, line, id.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(
            [Finding(name, _line_in(str(error)), "", f"not TOML: {error}")]
        ) from error
    tables = document.get("authorities", {})
    if document.keys() - {"authorities"} or not isinstance(tables, dict):
        raise PolicyError([Finding(name, 0, "", "holds tables [authorities.ID] and nothing else")])
    parts = parts_of(frozenset(vocabulary.fields))
    refuse(
        Finding(name, _line(text, id_, key), id_, message)
        for id_, table in tables.items()
        for key, message in _problems(table, parts, allow_illustrative=allow_illustrative)
    )
    return {id_: _authority(id_, table) for id_, table in tables.items()}


def opened(
    authorities: Authorities, *, role: str, agency: str, purpose: str, at: date
) -> frozenset[str]:
    """The parts of a file that a law opens to a recipient on this legal day."""
    concerning = (
        one.parts
        for one in authorities.values()
        if one.concerns(role=role, agency=agency, purpose=purpose, at=at)
    )
    return frozenset[str]().union(*concerning)


def _authority(id_: str, table: Mapping[str, Any]) -> LegalAuthority:
    return LegalAuthority(
        id=id_,
        title=table["title"],
        citation=table["citation"],
        role=table.get("role"),
        agency=table.get("agency"),
        parts=frozenset(table["parts"]),
        purposes=frozenset(table["purposes"]),
        valid_from=table["valid_from"],
        valid_until=table["valid_until"],
        review_date=table["review_date"],
        illustrative=table["illustrative"],
    )


def _problems(
    table: object, parts: Collection[str], *, allow_illustrative: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong with a table: the key that it is about, and the matter."""
    if not isinstance(table, dict):
        yield "", "must be a table"
        return
    for key in sorted(table.keys() - _KEYS):
        yield key, f"the key {key} is unknown"
    misshapen = list(_misshapen(table))
    yield from misshapen or _contradictions(table, parts)
    if table.get("illustrative") is True and not allow_illustrative:
        yield "illustrative", REFUSED


def _misshapen(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _TEXTS:
        if not _is_text(table.get(key)):
            yield key, f"needs a {key}"
    for key in _LISTS:
        values = table.get(key)
        if not isinstance(values, list) or not values or not all(map(_is_text, values)):
            yield key, f"{key} must list at least one text"
    for key in _DATES:
        # A TOML date-time is a date to isinstance: the exact type is meant.
        if type(table.get(key)) is not date:
            yield key, f"{key} must be a date"
    if type(table.get("illustrative")) is not bool:
        yield "illustrative", "illustrative must be true or false"
    recipients = [key for key in _RECIPIENTS if key in table]
    if len(recipients) != 1 or not _is_text(table[recipients[0]]):
        yield "", "names one role or one agency"


def _contradictions(table: Mapping[str, Any], parts: Collection[str]) -> Iterator[tuple[str, str]]:
    role = table.get("role")
    if role is not None and role not in ROLE_PURPOSES:
        yield "role", f"names an unknown role: {role}"
    for part in sorted(set(table["parts"]) - set(parts)):
        yield "parts", f"names an unknown part of the file: {part}"
    purposes = ROLE_PURPOSES.get(role, PURPOSES) if role else PURPOSES
    for purpose in sorted(set(table["purposes"]) - set(purposes)):
        yield "purposes", f"names a purpose that its recipient cannot pursue: {purpose}"
    if table["valid_until"] < table["valid_from"]:
        yield "valid_until", "ends before it begins"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _line(text: str, id_: str, key: str) -> int:
    """The line of a key in the table of an authority, or of the table; 0 if not found."""
    header = re.compile(rf'\s*\[\s*authorities\s*\.\s*["\']?{re.escape(id_)}["\']?\s*\]')
    found = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header.match(line):
            found = number
        elif found and line.lstrip().startswith("["):
            break
        elif found and key and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return found


def _line_in(message: str) -> int:
    """The line that the reader of TOML names in its message; 0 if none."""
    found = re.search(r"line (\d+)", message)
    return int(found.group(1)) if found else 0
