"""The kinds of values: a type, and what is left of a value in each form.

The defaults by type:

| kind | summary | generalised |
|---|---|---|
| date, time, interval | the dates | the ISO weeks |
| code | the code | its group, where the list has groups |
| list | codes, without dates and notes | how many: 0, 1, 2-4, 5 or more |
| text | what its author wrote for sharing, never a cut of the text | as existence |
| number | a band | a coarser band |
| yes or no | the value | as existence |
| pointer | the contact point | as existence |

A field may say otherwise, with its reason beside it.
"""

from dataclasses import dataclass
from random import Random
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel
from pydantic import Field as Member

from app.files import formats, samples, values
from app.files.code_lists import CodeList
from app.files.forms import DISCLOSED_FORMS, Form
from app.files.rules import StringRule, Text, refuse
from app.files.transformers import (
    NO_SUMMARY,
    Bands,
    Transformer,
    Value,
    count_band,
    day,
    decade,
    fold,
    group,
    initial_and_family_name,
    iso_week,
    keep,
    recorded,
    region,
    start_and_end,
    unchanged,
    year,
)

MAX_ITEMS = 30
# Of the summary that the author of a text writes for sharing, in characters.
MAX_SUMMARY = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What values look like and what lower forms leave of them.

    `generalise` takes what the summary form says, never the full value. With
    `authored_summary` the summary form is a text of its own that the author wrote. `person_of`
    is there where a value, or each item of a list, holds another person: it finds that one.
    """

    name: str
    value_type: Any
    summarise: Transformer = recorded
    generalise: Transformer = recorded
    authored_summary: bool = False
    person_of: Transformer | None = None

    def transform(self, form: Form, value: Value, *, summary: str | None = None) -> Value:
        """A stored value in a form; `summary` is that of its envelope, if it has one.

        Raises:
            ValueError: the form is `none`, in which nothing is said.
        """
        if form is Form.NONE:
            raise ValueError("nothing is said in the form none")
        if form is Form.FULL:
            return value
        if form is Form.EXISTENCE:
            return recorded(value)
        shared = (summary or NO_SUMMARY) if self.authored_summary else self.summarise(value)
        return shared if form is Form.SUMMARY else self.generalise(shared)

    @property
    def distinct_forms(self) -> tuple[Form, ...]:
        """The forms that differ from the one below them, lowest first."""
        says = {
            Form.EXISTENCE: True,
            Form.GENERALISED: self.generalise is not recorded,
            Form.SUMMARY: self.authored_summary or self.summarise is not recorded,
            Form.FULL: self.authored_summary or self.summarise is not unchanged,
        }
        return tuple(form for form in DISCLOSED_FORMS if says[form])

    def sample(self, random: Random) -> Value:
        """A made-up valid value."""
        return samples.sample(self.value_type, random)


def _once(items: list[Any]) -> list[Any]:
    if any(item in items[:i] for i, item in enumerate(items)):
        raise refuse("unique", "Expected each item once")
    return items


def _list_of(item: Any) -> Any:  # noqa: ANN401 - a type and the type of its lists
    limits = Member(max_length=MAX_ITEMS, json_schema_extra={"uniqueItems": True})
    return Annotated[list[item], limits, AfterValidator(_once)]


def _list_of_persons(model: type[BaseModel]) -> Any:  # noqa: ANN401 - a type and the type of its lists
    return Annotated[_list_of(model), AfterValidator(_references_once)]


def _references_once(items: list[Any]) -> list[Any]:
    """Two persons by one reference could not be told apart by whoever decides about one."""
    given = [(getattr(one, "holder", None), one.reference) for one in items if one.reference]
    if len(set(given)) != len(given):
        raise refuse("unique", "Expected each reference once")
    return items


def code(codes: CodeList) -> Kind:
    """One code of a list."""
    return Kind(
        name="code",
        value_type=Annotated[str, codes],
        summarise=unchanged,
        generalise=group(codes) if codes.groups else recorded,
    )


def folded(codes: CodeList, **folds: str) -> Kind:
    """A code of which some values must not travel: the summary says what they fold into."""
    return Kind(name="code", value_type=Annotated[str, codes], summarise=fold(folds))


def code_of(national: StringRule) -> Kind:
    """A code of a national list, checked by its shape."""
    return Kind(name="code", value_type=Annotated[str, national], summarise=unchanged)


def codes(item: StringRule) -> Kind:
    """Several codes, each once."""
    return Kind(
        name="code[]",
        value_type=_list_of(Annotated[str, item]),
        summarise=unchanged,
        generalise=count_band,
    )


def text(max_length: int) -> Kind:
    """A text. Its summary is written by its author, or there is none."""
    return Kind(name="text", value_type=Annotated[str, Text(max_length)], authored_summary=True)


def number(least: int, greatest: int, bands: Bands) -> Kind:
    """A whole number within limits."""
    return Kind(
        name="integer",
        value_type=Annotated[int, Member(ge=least, le=greatest)],
        summarise=bands.band,
        generalise=bands.coarser,
    )


def identifier(form_of_it: StringRule) -> Kind:
    """A number that finds the person elsewhere: all of it or nothing."""
    return Kind(name="identifier", value_type=Annotated[str, form_of_it])


def record(
    model: type[BaseModel], *, summary: Transformer, generalised: Transformer = recorded
) -> Kind:
    """A value with parts."""
    return Kind(name="object", value_type=model, summarise=summary, generalise=generalised)


def records(
    model: type[BaseModel],
    *,
    summary: Transformer,
    generalised: Transformer = count_band,
    person_of: Transformer | None = None,
) -> Kind:
    """A list of values with parts; `person_of` finds the person whom such a value is about."""
    return Kind(
        name="list",
        value_type=_list_of(model),
        summarise=summary,
        generalise=generalised,
        person_of=person_of,
    )


def person(model: type[BaseModel]) -> Kind:
    """Another person, decided on alone. Below full only existence."""
    return Kind(name="person", value_type=model, person_of=unchanged)


def persons(model: type[BaseModel]) -> Kind:
    """Other persons, each decided on alone: below full not even their number is told."""
    return Kind(name="person[]", value_type=_list_of_persons(model), person_of=unchanged)


DATE = Kind(
    name="date",
    value_type=Annotated[str, formats.DATE],
    summarise=unchanged,
    generalise=iso_week,
)
# The decade of birth, not an age band: a band that moves with the years tells the year
# to whoever reads twice.
BIRTH_DATE = Kind(
    name="date",
    value_type=Annotated[str, formats.BIRTH_DATE],
    summarise=year,
    generalise=decade,
)
DATE_TIME = Kind(
    name="datetime",
    value_type=Annotated[str, formats.DATE_TIME],
    summarise=day,
    generalise=iso_week,
)
INTERVAL = Kind(
    name="interval",
    value_type=values.Interval,
    summarise=start_and_end(day),
    generalise=start_and_end(iso_week),
)
YES_OR_NO = Kind(
    name="bool",
    value_type=bool,
    summarise=unchanged,
)
NAME = Kind(
    name="name",
    value_type=values.FullName,
    summarise=keep("given", "family"),
    generalise=initial_and_family_name,
)
AREA = Kind(
    name="area code",
    value_type=Annotated[str, formats.MUNICIPALITY],
    summarise=unchanged,
    generalise=region,
)
POINTER = Kind(
    name="pointer",
    value_type=values.Pointer,
    summarise=keep("holder", "contact_phone"),
)
