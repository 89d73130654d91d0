"""The one accepted form of each text inside a token.

base64url without padding (RFC 4648 section 5, RFC 7515 section 2) and I-JSON (RFC 7493).
Both are read strictly: two texts that mean the same are a way round a check on one of them.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from app.crypto.errors import Malformed

MAX_DEPTH = 32
"""Deepest nesting of a JSON text. A release notice needs about ten levels."""

_LARGEST_INTEGER = 2**53 - 1  # RFC 7493 section 2.2: what every reader represents exactly
_LARGEST_INTEGER_DIGITS = len(str(-_LARGEST_INTEGER))


def encode_base64url(data: bytes) -> str:
    """Bytes as base64url text without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Read base64url text without padding.

    Raises:
        Malformed: a character outside the alphabet, padding, or bits that do not belong
            to any byte and are not zero.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise Malformed("not base64url") from None
    # The decoder skips what it does not know, so only the way back proves the form.
    if encode_base64url(data) != text:
        raise Malformed("not canonical base64url")
    return data


def encoded_length(byte_count: int) -> int:
    """How many characters of base64url without padding so many bytes make."""
    return -(-4 * byte_count // 3)


def split_segments(token: str, *, count: int, max_length: int) -> list[str]:
    """Cut a compact serialisation at its dots (RFC 7515 section 3.1, RFC 7516 section 3.1).

    Raises:
        Malformed: longer than `max_length` characters, not ASCII, or not `count` segments.
    """
    if len(token) > max_length:
        raise Malformed(f"longer than {max_length} characters")
    segments = token.split(".")
    if not token.isascii() or len(segments) != count:
        raise Malformed(f"not {count} segments of base64url")
    return segments


# Made once: `json.dumps` makes one for each call that asks for anything but its defaults.
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_json(value: Mapping[str, Any]) -> bytes:
    """A mapping as JSON in UTF-8 without spaces; NaN and infinities are a ValueError."""
    return _COMPACT.encode(value).encode("utf-8")


def read_json_object(data: bytes) -> dict[str, Any]:
    """Read one I-JSON object (RFC 7493).

    Raises:
        Malformed: not JSON in UTF-8, not an object, a member named twice, NaN or an
            infinity, an integer beyond 2**53, a lone surrogate, or nested too deeply.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_float=_finite_number,
            parse_int=_exact_integer,
        )
        _check_values(value, depth=MAX_DEPTH)
    except (ValueError, RecursionError):
        raise Malformed("not I-JSON") from None
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _exact_integer(text: str) -> int:
    # Counting the digits first keeps a number of thousands of digits from being computed.
    if len(text) > _LARGEST_INTEGER_DIGITS or abs(int(text)) > _LARGEST_INTEGER:
        raise ValueError("the integer is too large")
    return int(text)


def _check_values(value: object, *, depth: int) -> None:
    """Refuse deep nesting, and text that is not Unicode (a lone surrogate escape)."""
    if depth < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_values(name, depth=depth)
            _check_values(item, depth=depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check_values(item, depth=depth - 1)
