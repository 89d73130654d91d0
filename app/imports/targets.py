"""The fields that a column can be mapped to, and which values they take."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.files.catalogue import FIELDS
from app.files.findings import field_errors
from app.imports.outcomes import Unfit


@cache  # one for each mapped field
def _adapter(path: str) -> TypeAdapter[Any]:
    return TypeAdapter(FIELDS[path].kind.value_type)


def check_value(path: str, value: Any) -> None:  # noqa: ANN401 - fields take values of many types
    """Hold a value against the catalogue's type of the field at `path`.

    Raises:
        Unfit: it does not fit.
    """
    try:
        _adapter(path).validate_python(value)
    except ValidationError as error:
        raise Unfit(field_errors(error)[0].message) from None


def owner_of(path: str) -> str:
    """The role that writes the field; KeyError where the catalogue has no such field."""
    return FIELDS[path].owner_role
