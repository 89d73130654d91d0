"""What comes in: sections about one reference, and the conditions under which they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.access_log.vocabulary import Channel

Sections = Mapping[str, Mapping[str, Mapping[str, Any] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """The conditions of RFC 9110 on a change. `required` for a change of what exists."""

    if_match: str | None = None
    if_none_match: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Sections {section: {field: envelope, or None to remove it}} about one reference.

    `complete`: fields and sections that are not named go, as far as the caller owns them.
    `reviewed`: somebody has looked at the whole that this is a part of, implausible as it is.
    """

    reference: str
    sections: Sections
    complete: bool
    precondition: Precondition
    channel: Channel
    reviewed: bool = False
