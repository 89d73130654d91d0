"""How a section and its fields are declared. What is declared stands in `sections.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from app.files.forms import Form
from app.files.kinds import Kind
from app.files.transformers import Value
from app.files.vocabulary import DataClass, Nature, OwnerRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the inmate file: what it is, whose it is, and how it may travel."""

    name: str
    label: str
    description: str
    data_class: DataClass
    kind: Kind
    nature: Nature = Nature.FACT
    source: str = ""
    section: str = ""
    owner_role: str = ""

    @property
    def path(self) -> str:
        """The name in policies, answers and the access log: `section.name`."""
        return f"{self.section}.{self.name}"

    @property
    def natures(self) -> tuple[Nature, ...]:
        """What a sender may call a value: an opinion or a person's word is never a fact."""
        return tuple(Nature) if self.nature is Nature.FACT else (self.nature,)

    @property
    def distinct_forms(self) -> tuple[Form, ...]:
        """The forms that differ from the one below them, lowest first."""
        return self.kind.distinct_forms

    def transform(self, form: Form, envelope: Mapping[str, Any]) -> Value:
        """What a stored envelope says in a form: a JSON value.

        Raises:
            ValueError: the form is `none`, in which nothing is said.
        """
        return self.kind.transform(form, envelope["value"], summary=envelope.get("summary"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Fields with one owner, who alone writes them."""

    name: str
    label: str
    owner_role: str
    fields: Mapping[str, Field]


def field(
    name: str,
    label: str,
    kind: Kind,
    data_class: DataClass,
    description: str,
    *,
    nature: Nature = Nature.FACT,
    source: str = "",
) -> Field:
    """A field that `section` will place. `source` is the public standard it answers to."""
    return Field(
        name=name,
        label=label,
        kind=kind,
        data_class=data_class,
        description=description,
        nature=nature,
        source=source,
    )


def section(name: str, label: str, owner: OwnerRole, *fields: Field) -> Section:
    """A section with its fields in this order; ValueError for a name that stands twice."""
    placed = {f.name: replace(f, section=name, owner_role=owner.value) for f in fields}
    if len(placed) != len(fields):
        raise ValueError(f"{name}: a field stands twice")
    return Section(name=name, label=label, owner_role=owner.value, fields=MappingProxyType(placed))
