"""What a decision was made from, as the access log keeps it sealed, and back. Pure.

    {"version": 1, "day": "2027-03-03", "facts": {"role": ..., "purpose": ..., ...}}

The legal day stands there beside the facts: agreements come into force and end with it, and the
instant of an entry tells it only together with a time zone. Every fact of a request is kept,
whatever facts there are; one that is absent, false or empty is left out, so what an older record
does not have counts as absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.policy.request import Request
from app.policy.request_json import request_from_json, request_to_json
from app.problems import InvalidInput

VERSION = 1


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A question that was put to the policy, and the legal day on which it was."""

    request: Request
    day: date


def to_record(recorded: RecordedRequest) -> dict[str, Any]:
    """The JSON object that the log keeps."""
    return {
        "version": VERSION,
        "day": recorded.day.isoformat(),
        "facts": request_to_json(recorded.request),
    }


def from_record(content: Mapping[str, Any]) -> RecordedRequest:
    """The question of a record.

    Raises:
        InvalidInput: another version, or a fact that is not known here. The text repeats nothing.
    """
    try:
        if content["version"] != VERSION:
            raise InvalidInput("the record is of another version")
        day, facts = date.fromisoformat(content["day"]), dict(content["facts"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("the record is not one of a decision") from error
    return RecordedRequest(request_from_json(facts), day)
