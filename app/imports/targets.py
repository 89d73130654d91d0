"""The fields that a column can be mapped to, and which values they take.

A path is `section.name`, or `section.name.member` of a field whose value is an object.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.files.catalogue import FIELDS
from app.files.findings import field_errors
from app.imports.outcomes import Unfit


def field_of(path: str) -> str:
    """The field that the path names, or of which it names a member: `section.name`."""
    return ".".join(path.split(".")[:2])


def members_of(field: str) -> Mapping[str, FieldInfo]:
    """The members of the field's value; none where it is no object. KeyError: no such field."""
    value_type = FIELDS[field].kind.value_type
    if isinstance(value_type, type) and issubclass(value_type, BaseModel):
        return value_type.model_fields
    return {}


@cache  # one for each mapped path
def _adapter(path: str) -> TypeAdapter[Any]:
    field = field_of(path)
    if path == field:
        return TypeAdapter(FIELDS[field].kind.value_type)
    member = path.removeprefix(f"{field}.")
    return TypeAdapter(members_of(field)[member].rebuild_annotation())


def check_value(path: str, value: Any) -> None:  # noqa: ANN401 - fields take values of many types
    """Hold a value against the catalogue's type of what is at `path`.

    Raises:
        Unfit: it does not fit.
    """
    try:
        # The service takes JSON types as they are: "3" is no number there.
        _adapter(path).validate_python(value, strict=True)
    except ValidationError as error:
        found = field_errors(error)[0]
        member = found.pointer.removeprefix("/")
        named = bool(member) and not member.isdigit()  # which item of a list tells nothing
        raise Unfit(f"{member}: {found.message}" if named else found.message) from None


def check_type(path: str, example: Any) -> None:  # noqa: ANN401 - as above
    """Hold the type of an example against that of what is at `path`, whatever else it says.

    Raises:
        Unfit: no value of this type fits.
    """
    try:
        _adapter(path).validate_python(example, strict=True)
    except ValidationError as error:
        for one, found in zip(error.errors(), field_errors(error), strict=False):
            if one["type"].endswith("_type"):
                raise Unfit(found.message) from None


def owner_of(path: str) -> str:
    """The role that writes it; KeyError where the catalogue has no such field or member."""
    field = FIELDS[field_of(path)]
    if path != field.path:
        _ = members_of(field.path)[path.removeprefix(f"{field.path}.")]
    return field.owner_role
