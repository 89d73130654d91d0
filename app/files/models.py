"""Models made from the catalogue: what may be submitted, and what OpenAPI says of it.

Strict JSON types and no unknown members everywhere, so that what the dictionary leaves out
by design cannot be stored. A member may be missing; `null` is
refused, except in changes, where it removes a field.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError, create_model
from pydantic import Field as Member

from app.files.catalogue import SECTIONS, Field, Section
from app.files.consistency import check_consistency
from app.files.envelopes import Envelope, ReleasedField
from app.files.findings import field_errors
from app.files.kinds import MAX_SUMMARY
from app.files.rules import Text
from app.files.values import Strict, absent
from app.problems import InvalidInput

__all__ = [
    "CHANGES_MODELS",
    "SECTION_MODELS",
    "InmateFileSections",
    "InmateFileSubmission",
    "ReleasedSections",
    "changes_model",
    "check_consistency",
    "envelope_model",
    "envelopes",
    "parse_changes",
    "parse_section",
    "parse_submission",
    "released_model",
    "section_model",
    "submitted_sections",
]

M = TypeVar("M", bound=BaseModel)


def _title(*parts: str) -> str:
    """`identity.full_name` becomes `IdentityFullName`."""
    return "".join(word.capitalize() for part in parts for word in part.split("_"))


def envelope_model(field: Field) -> type[Envelope]:
    """The envelope of a field: its value by type, and a summary where the kind has one."""
    described = f"{field.description} ({field.source})" if field.source else field.description
    members: dict[str, Any] = {
        "value": (Annotated[field.kind.value_type, Member(title=field.label)], ...),
        # A default of the field, filled in when the sender says nothing.
        "nature": (Literal[tuple(n.value for n in field.natures)], field.nature.value),
    }
    if field.kind.authored_summary:
        members["summary"] = (Annotated[str, Text(MAX_SUMMARY)], absent())
    name = _title(field.section, field.name, "envelope")
    return create_model(name, __base__=Envelope, __doc__=f"{described}.", **members)


def section_model(section: Section) -> type[Strict]:
    """A section of which each field may be missing."""
    members: dict[str, Any] = {
        name: (Annotated[envelope_model(field), Member(title=field.label)], absent())
        for name, field in section.fields.items()
    }
    described = f"{section.label}. Written by: {section.owner_role}."
    name = _title(section.name, "section")
    return create_model(name, __base__=Strict, __doc__=described, **members)


def changes_model(section: type[Strict]) -> type[Strict]:
    """Changes of a section: a field that is named is set, or removed by `null`."""
    members: dict[str, Any] = {
        name: (member.rebuild_annotation() | None, absent())
        for name, member in section.model_fields.items()
    }
    described = f"{section.__doc__} A field is set by its envelope and removed by null."
    name = section.__name__.removesuffix("Section") + "Changes"
    return create_model(name, __base__=Strict, __doc__=described, **members)


def released_model(section: Section) -> type[Strict]:
    """The released fields of a section; what was withheld is missing."""
    members: dict[str, Any] = {
        name: (Annotated[ReleasedField, Member(title=field.label)], absent())
        for name, field in section.fields.items()
    }
    described = f"{section.label}, as far as the recipient may receive it."
    return create_model(
        _title("released", section.name), __base__=Strict, __doc__=described, **members
    )


def _container(name: str, described: str, models: Mapping[str, type[BaseModel]]) -> type[Strict]:
    members: dict[str, Any] = {section: (model, absent()) for section, model in models.items()}
    return create_model(name, __base__=Strict, __doc__=described, **members)


SECTION_MODELS: Mapping[str, type[Strict]] = {
    name: section_model(section) for name, section in SECTIONS.items()
}
CHANGES_MODELS: Mapping[str, type[Strict]] = {
    name: changes_model(model) for name, model in SECTION_MODELS.items()
}
InmateFileSections = _container(
    "InmateFileSections", "The sections of an inmate file.", SECTION_MODELS
)
ReleasedSections = _container(
    "ReleasedSections",
    "What the recipient may receive, by section and field.",
    {name: released_model(section) for name, section in SECTIONS.items()},
)


class InmateFileSubmission(Strict):
    """An inmate file, or the part of it that one owner writes."""

    sections: InmateFileSections  # type: ignore[valid-type] # made at run time from the catalogue


def envelopes(model: BaseModel) -> dict[str, Any]:
    """The JSON of a validated section, in its order: field name to envelope with its nature.

    Of changes: None for a field that is to be removed.
    """
    fields = {name: getattr(model, name) for name in _sent(model)}
    return {
        # What was not sent is None, and null is no value: so `nature` stays, filled in.
        name: None if envelope is None else envelope.model_dump(exclude_none=True)
        for name, envelope in fields.items()
    }


def submitted_sections(submission: InmateFileSubmission) -> dict[str, dict[str, Any]]:
    """The envelopes of a validated submission: section name, then field name."""
    sections: BaseModel = submission.sections
    return {name: envelopes(getattr(sections, name)) for name in _sent(sections)}


def _sent(model: BaseModel) -> list[str]:
    """The members that were sent, in the order of the catalogue."""
    return [name for name in type(model).model_fields if name in model.model_fields_set]


def parse_section(section: str, content: object) -> dict[str, Any]:
    """Valid envelopes of one section by field name; pointers are relative to the section.

    Raises:
        InvalidInput: the section is unknown or its content does not fit.
    """
    return envelopes(_valid(_known(SECTION_MODELS, section), content))


def parse_changes(section: str, content: object) -> dict[str, Any]:
    """Valid changes of one section: an envelope by field name, or None to remove the field.

    Raises:
        InvalidInput: the section is unknown or its content does not fit.
    """
    return envelopes(_valid(_known(CHANGES_MODELS, section), content))


def parse_submission(content: object) -> dict[str, dict[str, Any]]:
    """Valid envelopes of a submission: section name, then field name.

    Raises:
        InvalidInput: something does not fit; pointers are relative to the submission.
    """
    return submitted_sections(_valid(InmateFileSubmission, content))


def _known(models: Mapping[str, type[Strict]], section: str) -> type[Strict]:
    if section not in models:
        raise InvalidInput("The catalogue has no such section")
    return models[section]


def _valid(model: type[M], content: object) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidInput(
            "The content does not fit the catalogue", errors=field_errors(error)
        ) from None
