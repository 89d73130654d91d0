"""Canonical JSON (RFC 8785) for the part of JSON that the log uses. Pure.

orjson writes exactly what RFC 8785 asks as long as member names are ASCII (then sorting by
UTF-8 and by UTF-16 is the same) and numbers are integers below 2**53 (then there is one way
to write them). `Json` has no float, so mypy keeps them out.
"""

import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import orjson

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


@dataclass(frozen=True, slots=True)
class Written:
    """A value that is the same in many entries, written once.

    `content` is its canonical writing, `deflated` the same in little room: zlib (RFC 1950), base64.
    """

    content: bytes
    deflated: str


def encode(value: "Json | Written") -> bytes:
    """The one canonical writing of a value. TypeError for integers beyond 2**53 and the like."""
    return value.content if isinstance(value, Written) else orjson.dumps(value, option=_OPTIONS)


def written(value: Json) -> Written:
    """Write a value for all entries that it will stand in."""
    content = encode(value)
    return Written(content, b64encode(zlib.compress(content, level=9)).decode())
