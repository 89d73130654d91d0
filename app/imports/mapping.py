"""Mapping files: what each column of a file to import means (TOML).

    format = "csv"                     # or "ndjson"; text is UTF-8, without byte order mark
    reference = "cdcno"                # the column of the reference

    [fields."release.planned_release_date"]
    column = "expected release date"
    conversion = "date"                # or text, code (with a table), integer, list
    format = "%m/%d/%Y"
    required = true                    # a row without it is refused

    [fields."identity.full_name.family"]   # a member, where the value is an object
    column = "family name"
    conversion = "text"
    required = false

    [constants]                        # the same value for every row
    "release.release_date_confidence" = "projected"

    [ignored]                          # every other column, each with its reason
    "sentence type" = "the section sentence is the court's"

Nothing is dropped silently: a column that is neither mapped nor ignored is an error. An
NDJSON file whose rows hold whole sections names their member instead of fields:
`sections = "sections"`. docs/imports.md tells it to whoever writes one.
"""

import tomllib
from collections import abc
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from app.files.findings import message
from app.imports.conversions import Conversion, Name
from app.imports.outcomes import Unfit
from app.imports.targets import check_type, check_value, field_of, members_of, owner_of
from app.problems import ThroughcareError

Reason = Annotated[str, Field(min_length=1)]
# What the validator says of keys, in our words.
MESSAGES = {
    "missing": "expected this key, which is missing",
    "unexpected_keyword_argument": "not a key of a mapping",
    "union_tag_not_found": "expected a conversion: text, code, date, integer or list",
    "union_tag_invalid": "expected a conversion: text, code, date, integer or list",
}


class MappingError(ThroughcareError):
    """A mapping file cannot be used. Says which key and why."""

    title = "The mapping cannot be used"
    slug = "unusable-mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A checked mapping. Paths are `section.name` or `section.name.member`, all of one owner."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    format: Literal["csv", "ndjson"]
    reference: Name
    sections: Name | None = None
    fields: abc.Mapping[str, Conversion] = field(default_factory=dict)
    constants: abc.Mapping[str, Any] = field(default_factory=dict)
    ignored: abc.Mapping[str, Reason] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_shape(self)
        _check_targets(self)
        _check_members(self)
        _check_values(self)

    @classmethod
    def from_toml(cls, text: str) -> "Mapping":
        """Read a mapping file.

        Raises:
            MappingError: not TOML; a missing, unknown or wrong key; a field that the
                catalogue does not have; sections of several owners; a constant, a code or a
                conversion that its field does not take; a member that the others need; a column
                both mapped and ignored.
        """
        try:
            return _MAPPING.validate_python(tomllib.loads(text))
        except ValidationError as error:
            raise MappingError(f"the mapping cannot be used: {_described(error)}") from error
        except tomllib.TOMLDecodeError as error:
            raise MappingError(f"the mapping is not TOML: {error}") from error

    @property
    def mapped(self) -> abc.Set[str]:
        """The columns that become something."""
        whole = {self.sections} if self.sections else set()
        return {self.reference, *whole, *(source.column for source in self.fields.values())}

    @property
    def paths(self) -> tuple[str, ...]:
        """What the mapping gives, from columns or as constants."""
        return (*self.fields, *self.constants)


def _check_shape(mapping: Mapping) -> None:
    parts = bool(mapping.fields or mapping.constants)
    if mapping.sections and (parts or mapping.format != "ndjson"):
        raise ValueError("sections: expected only with ndjson, and without fields and constants")
    if not mapping.sections and not mapping.fields:
        raise ValueError("fields: expected at least one")
    both = sorted(mapping.mapped & mapping.ignored.keys())
    if both:
        raise ValueError(f"ignored: these columns are mapped too: {', '.join(both)}")


def _check_targets(mapping: Mapping) -> None:
    twice = sorted(mapping.fields.keys() & mapping.constants.keys())
    if twice:
        raise ValueError(f"constants: these are mapped from columns too: {', '.join(twice)}")
    owners = {_known_owner(path) for path in mapping.paths}
    if len(owners) > 1:
        raise ValueError(f"fields: expected sections of one owner, not of {sorted(owners)}")


def _known_owner(path: str) -> str:
    try:
        return owner_of(path)
    except KeyError:
        raise ValueError(f"fields: the catalogue has no field {path}{_members(path)}") from None


def _members(path: str) -> str:
    """A hint where the value of the field is an object: what a mapping can name of it."""
    whole = field_of(path)
    try:
        names = [f"{whole}.{member}" for member in members_of(whole)]
    except KeyError:
        names = []
    return f"; {whole} is mapped by its members: {', '.join(names)}" if names else ""


def _check_members(mapping: Mapping) -> None:
    for whole in sorted({field_of(path) for path in mapping.paths}):
        named = {path for path in mapping.paths if path.startswith(f"{whole}.")}
        if named and whole in mapping.paths:
            raise ValueError(f"fields: {whole} stands there as a whole and by its members")
        needed = {f"{whole}.{name}" for name, one in members_of(whole).items() if one.is_required()}
        if named and (missing := sorted(needed - named)):
            raise ValueError(f"fields: {whole} cannot do without {', '.join(missing)}")


def _check_values(mapping: Mapping) -> None:
    for path, value in mapping.constants.items():
        _check_value(path, value)
    for path, source in mapping.fields.items():
        for possible in source.possible_values():
            _check_value(path, possible)
        if source.example is not None:
            _check_type(path, source)


def _check_value(path: str, value: Any) -> None:  # noqa: ANN401 - fields take values of many types
    try:
        check_value(path, value)
    except Unfit as error:
        raise ValueError(f"{path}: {value!r} does not fit: {error}{_members(path)}") from None


def _check_type(path: str, source: Conversion) -> None:
    try:
        check_type(path, source.example)
    except Unfit as error:
        said = f"{path}: the conversion {source.conversion} cannot give it: {error}"
        raise ValueError(said + _members(path)) from None


def _described(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join([*_place(one["loc"]), _message(one)]) for one in found)


def _place(location: tuple[int | str, ...]) -> list[str]:
    """The table and the key as the file has them; nothing for a finding on the whole."""
    table, *keys = [*location] or [""]
    if table == "fields" and keys:
        path, *rest = keys
        keys = [f'"{path}"', *rest[1:]]  # what follows the path is the conversion, which is no key
    return [".".join(map(str, [table, *keys]))] if location else []


def _message(error: ErrorDetails) -> str:
    return MESSAGES.get(error["type"]) or message(error)


_MAPPING = TypeAdapter(Mapping)
