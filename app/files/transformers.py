"""What a lower form leaves of a value. Pure functions from JSON value to JSON value.

Each one keeps by an allow-list; nothing is cut out of a text. A generalised form is
computed from the summary form, never from the full value, so that no form can say more
than the one above it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from app.files.code_lists import CodeList

# A validated JSON value: text, number, boolean, list or object, as its kind says.
Value: TypeAlias = Any
Transformer: TypeAlias = Callable[[Value], Value]

NO_SUMMARY = "no summary"
# Counts as the generalised form of a list gives them: from this number on, this text.
COUNT_BANDS = ((5, "5 or more"), (2, "2-4"), (1, "1"), (0, "0"))


def recorded(_value: Value) -> Value:
    """The existence form. "Recorded" never says recorded as what."""
    return {"recorded": True}


def unchanged(value: Value) -> Value:
    """A form that says what the full form says."""
    return value


def keep(*members: str) -> Transformer:
    """An object with these members alone, as far as it has them."""

    def kept(value: Value) -> Value:
        return {name: value[name] for name in members if name in value}

    return kept


def member(name: str) -> Transformer:
    """The value of one member, which every value of the kind has."""
    return lambda value: value[name]


def each(transformer: Transformer) -> Transformer:
    """A list whose items are transformed one by one, in their order."""
    return lambda value: [transformer(item) for item in value]


def distinct(*members: str) -> Transformer:
    """What these members say across a list: sorted, each once, so that no item is countable."""

    def told(value: Value) -> Value:
        seen = {tuple(item.get(name, "") for name in members) for item in value}
        return [
            {name: said for name, said in zip(members, items, strict=True) if said}
            for items in sorted(seen)
        ]

    return told


def count_band(value: Value) -> Value:
    """How many items a list has: `0`, `1`, `2-4` or `5 or more`."""
    return next(text for least, text in COUNT_BANDS if len(value) >= least)


def fold(folded: Mapping[str, str]) -> Transformer:
    """A code, or what stands for it where its value must not travel."""
    return lambda value: folded.get(value, value)


def group(codes: CodeList) -> Transformer:
    """The group of a code."""
    return codes.group_of


def region(value: Value) -> Value:
    """The area around an area: its code without the last part."""
    return value.rpartition("-")[0]


def initial_and_family_name(value: Value) -> Value:
    """The first letter of the first given name, if any, and the family name."""
    given = value.get("given")
    return {**({"initial": given[0][0]} if given else {}), "family": value["family"]}


def year(value: Value) -> Value:
    """The year of a date, four digits."""
    return value[:4]


def decade(value: Value) -> Value:
    """The ten years around a year, such as `1990-1999`."""
    return f"{value[:3]}0-{value[:3]}9"


def day(value: Value) -> Value:
    """The date of a time, as its own offset writes it."""
    return value[:10]


def iso_week(value: Value) -> Value:
    """The ISO 8601 week of a date, such as `2027-W22`."""
    week = date.fromisoformat(value).isocalendar()
    return f"{week.year:04}-W{week.week:02}"


def start_and_end(transformer: Transformer) -> Transformer:
    """Both ends of an interval transformed alike."""
    return lambda value: {end: transformer(value[end]) for end in ("start", "end")}


@dataclass(frozen=True)
class Bands:
    """Bands of a number by their least values; every coarse limit is also a fine one."""

    fine: tuple[int, ...]
    coarse: tuple[int, ...]

    def __post_init__(self) -> None:
        if not set(self.coarse) <= set(self.fine) or self.fine[0] != self.coarse[0]:
            raise ValueError("coarse bands are made of whole fine bands")

    def band(self, value: Value) -> Value:
        """The fine band of a number, such as `183-365`."""
        return _band(value, self.fine)

    def coarser(self, value: Value) -> Value:
        """The coarse band around a fine one."""
        return _band(int(value.split("-")[0].split(" ")[0]), self.coarse)


def _band(number: int, limits: tuple[int, ...]) -> str:
    position = max(i for i, least in enumerate(limits) if number >= least)
    least = limits[position]
    if position + 1 == len(limits):
        return f"{least} or more"
    greatest = limits[position + 1] - 1
    return str(least) if greatest == least else f"{least}-{greatest}"
