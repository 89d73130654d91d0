"""The catalogue: every section and field of the inmate file, by name.

Models, OpenAPI schemas, the Cedar schema and labels are made from it. To add a field,
declare it in `sections.py`; nothing else has to know.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.files.declarations import Field, Section
from app.files.sections import DECLARED

__all__ = ["FIELDS", "SECTIONS", "Field", "Section"]

SECTIONS: Mapping[str, Section] = MappingProxyType({section.name: section for section in DECLARED})
FIELDS: Mapping[str, Field] = MappingProxyType(
    {field.path: field for section in DECLARED for field in section.fields.values()}
)
