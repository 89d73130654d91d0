"""Canonical JSON (RFC 8785) for the part of JSON that the log uses. Pure.

orjson writes exactly what RFC 8785 asks as long as member names are ASCII (then sorting by
UTF-8 and by UTF-16 is the same) and numbers are integers below 2**53 (then there is one way
to write them). `Json` has no float, so mypy keeps them out.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]
# A value whose canonical writing was made before: it goes in as it stands.
Written: TypeAlias = orjson.Fragment

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode(value: "Json | Written") -> bytes:
    """The one canonical writing of a value. TypeError for integers beyond 2**53 and the like."""
    return orjson.dumps(value, option=_OPTIONS)


def written(value: Json) -> Written:
    """A value that is the same in many entries, written once."""
    return orjson.Fragment(encode(value))
