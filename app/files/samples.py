"""Made-up values from the types themselves: for the demo population and for tests.

Nothing here names a field: a value is drawn from its type, so that a new field has
samples as soon as it is declared. Names and numbers are invented. Pure: the randomness
is passed in.
"""

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from app.files.rules import StringRule

# Drawn lists stay short, whatever the type allows.
LONGEST_SAMPLE = 4
# A type whose parts depend on each other (an interval) may need a few draws.
ATTEMPTS = 100


def sample(value_type: Any, random: Random) -> Any:  # noqa: ANN401 - a type and a value of it
    """A JSON value of a type that `app.files.values` or a kind declares.

    Raises:
        LookupError: no rule says how to draw from this type.
    """
    for _ in range(ATTEMPTS):
        value = _draw(value_type, (), random)
        if _fits(value_type, value):
            return value
    raise LookupError("no sample of this type could be drawn")


def _fits(value_type: Any, value: Any) -> bool:  # noqa: ANN401 - a type and a value of it
    try:
        _adapter(value_type).validate_python(value)
    except ValidationError:
        return False
    return True


@cache  # one for each type that is declared
def _adapter(value_type: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type
    return TypeAdapter(value_type)


def _draw(declared: Any, metadata: Sequence[Any], random: Random) -> Any:  # noqa: ANN401 - a type
    if isinstance(declared, TypeAliasType):
        return _draw(declared.__value__, metadata, random)
    if get_origin(declared) is Annotated:
        inner, *more = get_args(declared)
        return _draw(inner, [*metadata, *_flat(more)], random)
    if get_origin(declared) is list:
        return _draw_list(get_args(declared)[0], metadata, random)
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return _draw_object(declared, random)
    return _draw_scalar(declared, metadata, random)


def _flat(metadata: Sequence[Any]) -> list[Any]:
    return [one for item in metadata for one in getattr(item, "metadata", [item])]


def _draw_list(item: Any, metadata: Sequence[Any], random: Random) -> list[Any]:  # noqa: ANN401 - a type
    longest = min(
        LONGEST_SAMPLE, next((m.max_length for m in metadata if isinstance(m, MaxLen)), 1)
    )
    # Mostly something: an empty list is rare in a file, and few tests learn from it.
    drawn = [
        _draw(item, (), random) for _ in range(random.choice((0, 1, 1, *range(1, longest + 1))))
    ]
    return [value for i, value in enumerate(drawn) if value not in drawn[:i]]


def _draw_object(model: type[BaseModel], random: Random) -> dict[str, Any]:
    drawn = {}
    for name, member in model.model_fields.items():
        if member.is_required() or random.random() < 0.5:  # noqa: PLR2004 - the toss of a coin
            drawn[name] = _draw_member(member, random)
    return drawn


def _draw_member(member: FieldInfo, random: Random) -> Any:  # noqa: ANN401 - a value of any type
    return _draw(member.annotation, _flat(member.metadata), random)


def _draw_scalar(declared: Any, metadata: Sequence[Any], random: Random) -> Any:  # noqa: ANN401 - a type
    for rule in metadata:
        if isinstance(rule, StringRule):
            return rule.sample(random)
    if declared is bool:
        return random.choice((True, False))
    if declared is int:
        return _draw_number(metadata, random)
    raise LookupError(f"no rule draws a sample of {declared}")


def _draw_number(limits: Sequence[Any], random: Random) -> int:
    least: Any = next(m.ge for m in limits if isinstance(m, Ge))
    greatest: Any = next(m.le for m in limits if isinstance(m, Le))
    # Small numbers are more frequent in files than large ones.
    return int(least + (greatest - least + 1) * random.random() ** 4)
