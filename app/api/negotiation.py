"""Which media type and which language a client prefers (RFC 9110, section 12.5). Pure."""

import re
from collections.abc import Sequence

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The offered type of the highest quality; of equals the one that is offered first.

    A client that accepts none of them gets the first: the standard lets a server disregard the
    header, and an answer in another type helps more than none.
    """
    ranges = dict(filter(None, map(_range, (accept or "*/*").split(","))))
    return max(offered, key=lambda one: _quality(one, ranges))


def preferred_language(accept: str | None, offered: Sequence[str]) -> str:
    """The offered language of the highest quality; of equals, and without any, the first.

    `sr-Latn-RS` accepts `sr`: script and country are left aside (RFC 4647, section 3.4).
    """
    qualities: dict[str, float] = {}
    for name, quality in filter(None, map(_range, (accept or "*").split(","))):
        language = name.partition("-")[0]
        qualities[language] = max(quality, qualities.get(language, 0.0))
    return max(offered, key=lambda one: qualities.get(one, qualities.get("*", 0.0)))


def _quality(offered: str, ranges: dict[str, float]) -> float:
    """That of the most specific range which holds the type; 0 without one."""
    for pattern in (offered, f"{offered.partition('/')[0]}/*", "*/*"):
        if pattern in ranges:
            return ranges[pattern]
    return 0.0


def _range(text: str) -> tuple[str, float] | None:
    """A media range with its quality; None for what cannot be read."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            return (name, float(value)) if _QUALITY.fullmatch(value) else None
    return name, 1.0
