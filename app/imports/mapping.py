"""Mapping files: what each column of a file to import means (TOML).

    format = "csv"                     # or "ndjson"; text is UTF-8, without byte order mark
    reference = "cdcno"                # the column of the reference

    [fields."release.planned_release_date"]
    column = "expected release date"
    conversion = "date"                # or text, code (with a table), integer
    format = "%m/%d/%Y"
    required = true                    # a row without it is refused

    [constants]                        # the same value for every row
    "release.release_date_confidence" = "projected"

    [ignored]                          # every other column, each with its reason
    "sentence type" = "the section sentence is the court's"

Nothing is dropped silently: a column that is neither mapped nor ignored is an error. An
NDJSON file whose rows hold whole sections names their member instead of fields:
`sections = "sections"`.
"""

import tomllib
from collections import abc
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from app.imports.conversions import Conversion, Name
from app.imports.outcomes import Unfit
from app.imports.targets import check_value, owner_of
from app.problems import ThroughcareError

Reason = Annotated[str, Field(min_length=1)]


class MappingError(ThroughcareError):
    """A mapping file cannot be used. Says which key and why."""

    title = "The mapping cannot be used"
    slug = "unusable-mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A checked mapping. Field paths are `section.name`; all are of sections of one owner."""

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
        _check_values(self)

    @classmethod
    def from_toml(cls, text: str) -> "Mapping":
        """Read a mapping file.

        Raises:
            MappingError: not TOML; a missing, unknown or wrong key; a field that the
                catalogue does not have; sections of several owners; a constant or a code
                that its field does not take; a column both mapped and ignored.
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
    owners = {_known_owner(path) for path in [*mapping.fields, *mapping.constants]}
    if len(owners) > 1:
        raise ValueError(f"fields: expected sections of one owner, not of {sorted(owners)}")


def _known_owner(path: str) -> str:
    try:
        return owner_of(path)
    except KeyError:
        raise ValueError(f"fields: the catalogue has no field {path}") from None


def _check_values(mapping: Mapping) -> None:
    for path, value in mapping.constants.items():
        _check_value(path, value)
    for path, source in mapping.fields.items():
        for possible in source.possible_values():
            _check_value(path, possible)


def _check_value(path: str, value: Any) -> None:  # noqa: ANN401 - fields take values of many types
    try:
        check_value(path, value)
    except Unfit as error:
        raise ValueError(f"{path}: {value!r} does not fit: {error}") from None


def _described(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join([".".join(map(str, e["loc"])), e["msg"]]) for e in found)


_MAPPING = TypeAdapter(Mapping)
