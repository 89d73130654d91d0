"""What holds for every field and form, over generated values.

A form withholds something of a value when the form above it says more. Then another value
must exist that looks the same in the lower form and different in the higher one: so nobody
can compute the higher form back. What cannot be hidden is named in `_empty`: that there is
nothing in a list, that a number is zero, that a person has a single name.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.files.catalogue import FIELDS, Field
from app.files.forms import DISCLOSED_FORMS, Form
from app.files.transformers import NO_SUMMARY, Value
from tests.effort import examples

Envelopes = dict[str, Any]

# Draws of a second value; the crossings of each are tried.
ATTEMPTS = 100
EXAMPLES = examples(3)
RECORDED = {"recorded": True}

# Characters of names and texts: letters of many scripts, no controls, no bidi characters.
LETTERS = st.characters(codec="utf-8", categories=["L", "Nd"])


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - test values, the same in each run


def envelopes_of(field: Field) -> st.SearchStrategy[Envelopes]:
    """Stored envelopes of a field: a valid value, and a summary where its kind has one."""
    values = st.integers(0, 2**32).map(lambda seed: {"value": field.kind.sample(seeded(seed))})
    if not field.kind.authored_summary:
        return values
    summaries = st.text(LETTERS, min_size=1, max_size=40)
    return st.one_of(
        values,
        st.builds(lambda envelope, s: {**envelope, "summary": s}, values, summaries),
    )


def is_valid(field: Field, value: Value) -> bool:
    try:
        TypeAdapter(field.kind.value_type).validate_python(value)
    except ValidationError:
        return False
    return True


def crossings(value: Value, other: Value) -> Iterator[Value]:
    """Values near `value`: parts of it exchanged for parts of another, or left out."""
    yield other
    if isinstance(value, dict) and isinstance(other, dict):
        yield from _crossed_objects(value, other)
    elif isinstance(value, list) and isinstance(other, list):
        yield from _crossed_lists(value, other)
    elif isinstance(value, str) and isinstance(other, str):
        yield from _near_days(value)
        yield from (value[:cut] + other[cut:] for cut in range(1, len(value)))
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 183, value + 730, value * 2, value // 2)


def _crossed_objects(value: Envelopes, other: Envelopes) -> Iterator[Value]:
    for name in value.keys() | other.keys():
        rest = {k: v for k, v in value.items() if k != name}
        yield rest
        if name in other:
            for part in crossings(value.get(name, other[name]), other[name]):
                yield {**rest, name: part}


def _crossed_lists(value: list[Value], other: list[Value]) -> Iterator[Value]:
    for i, (item, part) in enumerate(zip(value, other, strict=False)):
        for crossed in crossings(item, part):
            yield [*value[:i], crossed, *value[i + 1 :]]
    yield [*value, *other]


def _near_days(text: str) -> Iterator[str]:
    """The days before and after, if this is a date or a time: one is in the same week."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return
    for days in (1, -1):
        yield str(day + timedelta(days=days)) + text[10:]


every_field = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)


@every_field
@EXAMPLES
@given(data=st.data())
def test_existence_says_recorded_and_nothing_else(field: Field, data: st.DataObject) -> None:
    envelope = data.draw(envelopes_of(field))
    assert field.transform(Form.EXISTENCE, envelope) == RECORDED


@every_field
@EXAMPLES
@given(data=st.data())
def test_the_full_form_is_the_value(field: Field, data: st.DataObject) -> None:
    envelope = data.draw(envelopes_of(field))
    assert field.transform(Form.FULL, envelope) == envelope["value"]


@every_field
@EXAMPLES
@given(data=st.data())
def test_the_form_none_is_never_said(field: Field, data: st.DataObject) -> None:
    with pytest.raises(ValueError, match="none"):
        field.transform(Form.NONE, data.draw(envelopes_of(field)))


@every_field
@EXAMPLES
@given(data=st.data())
def test_each_form_can_be_computed_from_the_one_above(field: Field, data: st.DataObject) -> None:
    envelope = data.draw(envelopes_of(field))
    summary = json.loads(json.dumps(field.transform(Form.SUMMARY, envelope)))
    assert field.kind.generalise(summary) == field.transform(Form.GENERALISED, envelope)
    if not field.kind.authored_summary:
        full = json.loads(json.dumps(field.transform(Form.FULL, envelope)))
        assert field.kind.summarise(full) == summary


@every_field
@EXAMPLES
@given(data=st.data())
def test_a_form_depends_on_nothing_but_the_value_and_its_summary(
    field: Field, data: st.DataObject
) -> None:
    envelope = data.draw(envelopes_of(field))
    noisy = {**envelope, "source_agency": "a", "recorded_at": "b", "legal_basis": "c"}
    for form in DISCLOSED_FORMS:
        assert field.transform(form, noisy) == field.transform(form, envelope)


@every_field
@EXAMPLES
@given(data=st.data())
def test_transforming_leaves_the_stored_value_alone(field: Field, data: st.DataObject) -> None:
    envelope = data.draw(envelopes_of(field))
    before = json.dumps(envelope)
    for form in DISCLOSED_FORMS:
        field.transform(form, envelope)
    assert json.dumps(envelope) == before


@every_field
@pytest.mark.parametrize(
    ("lower", "higher"), list(pairwise(DISCLOSED_FORMS)), ids=lambda form: form.code
)
@EXAMPLES
@given(data=st.data())
def test_a_higher_form_cannot_be_got_back_from_the_lower_one(
    field: Field, lower: Form, higher: Form, data: st.DataObject
) -> None:
    envelope = data.draw(envelopes_of(field))
    if _withholds(field, envelope, lower, higher):
        assert _double(field, envelope, lower, higher) is not None


@every_field
def test_the_forms_that_are_said_to_differ_do(field: Field) -> None:
    drawn = [{"value": field.kind.sample(seeded(seed))} for seed in range(60)]
    for lower, higher in pairwise(DISCLOSED_FORMS):
        differ = any(field.transform(lower, e) != field.transform(higher, e) for e in drawn)
        assert differ == (higher in field.distinct_forms)


def _withholds(field: Field, envelope: Envelopes, lower: Form, higher: Form) -> bool:
    """Whether the lower form hides something of this value that is not its emptiness."""
    says_less = field.transform(lower, envelope) != field.transform(higher, envelope)
    return says_less and not _empty(field, envelope["value"], lower)


def _empty(field: Field, value: Value, lower: Form) -> bool:
    """A band or a count of nothing says nothing is there; existence does not say even that."""
    single_name = isinstance(value, dict) and value.get("given") == []
    return (
        (single_name or value in ([], 0))
        and lower is not Form.EXISTENCE
        and lower in field.distinct_forms
    )


def _double(field: Field, envelope: Envelopes, lower: Form, higher: Form) -> Envelopes | None:
    """Another valid envelope, the same in the lower form and not in the higher one."""
    looks, tells = field.transform(lower, envelope), field.transform(higher, envelope)
    for seed in range(ATTEMPTS):
        for other in _others(field, envelope, seeded(seed)):
            same = field.transform(lower, other) == looks
            if same and field.transform(higher, other) != tells:
                return other
    return None


def _others(field: Field, envelope: Envelopes, random: Random) -> list[Envelopes]:
    sample = field.kind.sample(random)
    values = [v for v in crossings(envelope["value"], sample) if is_valid(field, v)]
    kept: dict[str, Any] = {k: v for k, v in envelope.items() if k == "summary"}
    others = [{**kept, "value": value} for value in values]
    if field.kind.authored_summary:
        others.append({**envelope, "summary": f"Another summary {random.random()}"})
    return others


TEXTS = [field for field in FIELDS.values() if field.kind.authored_summary]


@pytest.mark.parametrize("field", TEXTS, ids=lambda field: field.path)
@EXAMPLES
@given(body=st.text(min_size=1, max_size=500), summary=st.text(min_size=1, max_size=100))
def test_no_lower_form_of_a_text_depends_on_the_text(field: Field, body: str, summary: str) -> None:
    for form in (Form.EXISTENCE, Form.GENERALISED, Form.SUMMARY):
        said = field.transform(form, {"value": body, "summary": summary})
        assert said == field.transform(form, {"value": "another text", "summary": summary})


@pytest.mark.parametrize("field", TEXTS, ids=lambda field: field.path)
@EXAMPLES
@given(body=st.text(min_size=1, max_size=500))
def test_a_text_without_a_written_summary_has_no_summary(field: Field, body: str) -> None:
    assert field.transform(Form.SUMMARY, {"value": body}) == NO_SUMMARY == "no summary"
    assert field.transform(Form.GENERALISED, {"value": body}) == RECORDED


@pytest.mark.parametrize("field", TEXTS, ids=lambda field: field.path)
def test_the_summary_of_a_text_is_what_its_author_wrote(field: Field) -> None:
    envelope = {"value": "the whole text", "summary": "what may be shared"}
    assert field.transform(Form.SUMMARY, envelope) == "what may be shared"


def test_there_are_five_texts() -> None:
    assert len(TEXTS) == 5
