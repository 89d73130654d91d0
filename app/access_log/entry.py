"""An entry of the access log as its writer states it: who, whom, why, what. Pure.

An entry has up to eight sections. What the look-up columns need is typed; the rest is JSON:

    circumstances  time, operation, channel, outcome
    actor          who acted, and for which agency
    subject        whom it is about
    reference      the same person by the name that the actor's agency has: a receipt may open it
    grounds        purpose and basis in law
    fields         {"released": [{"field", "form", "policies"}],
                    "withheld": [{"field", "reason"}]}; no values, ever
    payload        {"media_type", "length", "sha256", "file_version"} of the body
    inputs         what the decision was made from (app/policy/recorded_request.py)
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from app.access_log.canonical_json import JsonObject, Written
from app.access_log.instants import format_instant
from app.access_log.vocabulary import Channel, Operation, Outcome

# Erased with the person. The others are kept for as long as the log, so that erasing a person
# never hides an officer's misuse.
PERSONAL_SECTIONS = ("subject", "reference", "fields", "payload", "inputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acted. `name` and `function` are those at that time; all is None for the service."""

    agency: str | None = None
    client: str | None = None
    officer: str | None = None
    name: str | None = None
    function: str | None = None
    assurance: str | None = None
    key_thumbprint: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom it is about: the exchange's own id of the person, and the reference of the caller.

    The id joins what agencies know of one person, so it stands in a section of its own, which
    no receipt opens.
    """

    person: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why: purpose and basis in law, and what else justified it."""

    purpose: str | None = None
    legal_basis: str | None = None
    justification: str | None = None
    case: str | None = None
    agreement: str | None = None
    emergency_override: str | None = None
    emergency_approver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded. A part that does not apply stays None and is not committed to."""

    operation: Operation
    channel: Channel
    outcome: Outcome
    actor: Actor
    grounds: Grounds
    subject: Subject | None = None
    fields: JsonObject | Written | None = None
    payload: JsonObject | None = None
    inputs: JsonObject | None = None

    def sections(self, *, at: datetime) -> dict[str, JsonObject | Written]:
        """The sections by name, with `at` as the time of the event."""
        circumstances = {
            "time": format_instant(at),
            "operation": self.operation.value,
            "channel": self.channel.value,
            "outcome": self.outcome.value,
        }
        sections: dict[str, JsonObject | Written | None] = {
            "circumstances": circumstances,
            "actor": _present(self.actor),
            "subject": None if self.subject is None else {"person": self.subject.person},
            "reference": self._reference,
            "grounds": _present(self.grounds),
            "fields": self.fields,
            "payload": self.payload,
            "inputs": self.inputs,
        }
        return {name: content for name, content in sections.items() if content is not None}

    @property
    def _reference(self) -> JsonObject | None:
        if self.subject is None or self.subject.reference is None:
            return None
        return {"reference": self.subject.reference}


def _present(part: Actor | Grounds) -> JsonObject:
    """The members that are stated."""
    return {
        name: value for name in _MEMBERS[type(part)] if (value := getattr(part, name)) is not None
    }


# Asked of the types once: every entry needs both.
_MEMBERS: Mapping[type, tuple[str, ...]] = {
    part: tuple(field.name for field in fields(part)) for part in (Actor, Grounds)
}
