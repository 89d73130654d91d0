"""The notices that the service posts, for the `webhooks` of the contract: one for each event type.

Made from the table of events, so that what stands in the contract is what is sent. A notice goes
out sealed (`application/jose`); the schema is that of the claims that its recipient opens.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, create_model
from pydantic import Field as Member
from pydantic.json_schema import models_json_schema

from app.api.models import Model
from app.files.code_lists import listed
from app.files.models import ReleasedSections
from app.files.values import Strict, absent
from app.notifications.envelope import EVENT_PREFIX, MEDIA_TYPE, TOKEN_TYPE, VERIFICATION
from app.releases.event_types import EventType, Kind
from app.releases.events import CONTROLS, EVENTS, REVIEW_OVERDUE
from app.releases.milestones import LADDER

CLAIMS = "SecurityEvent"
CLAIMS_TYPE = f"application/{TOKEN_TYPE}"
POSTED = {name: event for name, event in EVENTS.items() if event.kind is not Kind.INTERNAL}
MilestoneName = Annotated[str, listed("Milestone", " ".join(step.name for step in LADDER))]
PriorityName = Literal["routine", "urgent", "immediate"]
Hours = Annotated[int, Member(ge=1)]
Ids = Annotated[list[str], Member(description="The `jti` of the notices that this one rests on.")]


class SubjectIdentifier(Model):
    """The person, by the recipient's own random reference (RFC 9493, opaque)."""

    format: Literal["opaque"]
    id: str


class SequenceNumbers(Model):
    """Numbers of this subscription, and of this person in it; both without a gap."""

    subscriber: Annotated[int, Member(ge=1)]
    person: Annotated[int, Member(ge=1)]


class SecurityEvent(Model):
    """The claims of a notice (RFC 8417). `txn` is another one for each recipient."""

    iss: str
    aud: str
    iat: int
    jti: str
    txn: str
    sub_id: SubjectIdentifier = absent()
    seq: SequenceNumbers = absent()
    events: Annotated[dict[str, Any], Member(min_length=1, max_length=1)]
    pad: str = absent()


class Verification(Model):
    """The handshake before the first notice: the nonce has to come back signed."""

    subscription_id: str
    nonce: str


class ControlNotice(Model):
    """What to do with notices that were sent. It carries no field of the file."""

    control: Literal[tuple(sorted(CONTROLS))]  # type: ignore[valid-type]  # the table names them
    priority: PriorityName
    acknowledgement_hours: Hours | None
    concerns: Ids
    reads: Annotated[
        list[str],
        Member(description="The `Disclosure-Entry` of each answer to a read that it is about."),
    ]


class EmergencyTold(Model):
    """Who opened which fields in an emergency, and until when. Times are in RFC 3339."""

    id: str
    agency: str
    fields: list[str]
    stated_by: str
    stated_at: str
    ends_at: str | None
    review_due_at: str
    overdue: bool


class OversightNotice(Model):
    """What was done with a file. It carries no field of the file, and no reason."""

    priority: PriorityName
    acknowledgement_hours: Hours | None
    purpose: str
    legal_basis: str
    policy: str = Member(description="SHA-256 of the policy bundle that decided.")
    emergency: EmergencyTold


class Particulars(Model):
    """What an event says beside the file. Nothing in it is a value of the file."""

    sections: list[str] = absent()
    occurred_at: str = absent()
    fact: str = absent()
    agency: str = absent()


class _Notice(Model):
    """The event as its recipient reads it, and what it may do with it."""

    milestones: Annotated[
        list[MilestoneName], Member(description="Steps that fell due together, in their order.")
    ]
    priority: PriorityName
    shortfall_days: Annotated[
        int, Member(ge=0, description="Days missing to the recipient's lead time.")
    ]
    acknowledgement_hours: Hours | None
    purpose: str
    legal_basis: str
    policy: str = Member(description="SHA-256 of the policy bundle that decided.")
    particulars: Particulars = absent()
    concerns: Ids = absent()


def title_of(name: str) -> str:
    """The name of the schema of an event: ReleasePlanned."""
    return "".join(part.capitalize() for part in name.split("_"))


@cache
def notice_model(name: str) -> type[BaseModel]:
    """The model of what an event of this type says to its recipient. KeyError: none is posted."""
    event = POSTED[name]
    if event.kind is Kind.CONTROL:
        return create_model(title_of(name), __base__=ControlNotice, __doc__=f"{event.meaning}.")
    if event.kind is Kind.OVERSIGHT:
        return create_model(title_of(name), __base__=OversightNotice, __doc__=f"{event.meaning}.")
    released = _released_model(event.carries)
    return create_model(
        title_of(name), __base__=_Notice, __doc__=f"{event.meaning}.", released=(released, ...)
    )


def webhooks() -> dict[str, Any]:
    """The `webhooks` of the contract: the handshake, and each event that is posted."""
    described = {
        VERIFICATION: _webhook(
            VERIFICATION,
            "Prove that endpoint and key are yours",
            "Answered by POST /v1/subscriptions/{subscription_id}/verification.",
        )
    }
    for name, event in POSTED.items():
        described[name] = {
            "post": {
                **_webhook(name, event.meaning, _in_words(event))["post"],
                "x-event": facts_of(event),
            }
        }
    return described


def schemas() -> dict[str, Any]:
    """The schemas that the webhooks refer to, with an example of each event."""
    models: list[type[BaseModel]] = [SecurityEvent, Verification]
    models += [notice_model(name) for name in POSTED]
    _, found = models_json_schema(
        [(model, "validation") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    described: dict[str, Any] = dict(found["$defs"])
    for name in POSTED:
        described[title_of(name)] = {**described[title_of(name)], "examples": [example(name)]}
    return described


def facts_of(event: EventType) -> dict[str, Any]:
    """The row of the table as JSON: who is told, how fast to answer, what follows if not."""
    faster = event.hastened
    return {
        "kind": event.kind.value,
        "triggers": sorted(event.triggers),
        "recipients": sorted(event.recipients),
        "sections": list(event.sections),
        "if_unheard": list(event.if_unheard),
        "priority": event.priority.value,
        "acknowledgement_hours": event.acknowledgement_hours,
        "hastened": None
        if faster is None
        else {
            "hours": faster.hours,
            "within_days": faster.within_days,
            "if_earlier": faster.if_earlier,
            "if_safety": faster.if_safety,
        },
        "escalation": [
            {"after_hours": step.after_hours, "to": step.to.value} for step in event.escalation
        ],
        "only_those_told": event.only_those_told,
        "closed": dict(event.closed),
    }


def example(name: str) -> dict[str, Any]:
    """A notice of this type, invented."""
    event = POSTED[name]
    common = {
        "priority": event.priority.value,
        "acknowledgement_hours": event.acknowledgement_hours,
    }
    earlier = {"concerns": ["0f1e2d3c4b5a69788796a5b4c3d2e1f0"]} if event.only_those_told else {}
    if event.kind is Kind.CONTROL:
        return {**common, **earlier, "control": event.control or name, "reads": []}
    if event.kind is Kind.OVERSIGHT:
        overdue = event.name == REVIEW_OVERDUE
        return {**common, **_decided("self_monitoring"), "emergency": _example_emergency(overdue)}
    return {
        **common,
        **earlier,
        **_decided("supervision"),
        "milestones": ["T-90"] if name == "release_planned" else [],
        "shortfall_days": 0,
        "released": {} if event.bare else _example_release(event),
    }


def _decided(purpose: str) -> dict[str, Any]:
    return {"purpose": purpose, "legal_basis": "illustrative", "policy": "0" * 64}


def _example_emergency(overdue: bool) -> dict[str, Any]:  # noqa: FBT001 - a value to show
    return {
        "id": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
        "agency": "health-1",
        "fields": ["health.self_harm_alert"],
        "stated_by": "health-1/officer-7",
        "stated_at": "2027-03-02T08:00:00+00:00",
        "ends_at": "2027-03-02T09:00:00+00:00",
        "review_due_at": "2027-03-03T08:00:00+00:00",
        "overdue": overdue,
    }


def example_claims(name: str) -> dict[str, Any]:
    """The claims in which a notice of this type is posted, invented."""
    return {
        "iss": "https://exchange.example",
        "aud": "probation-1",
        "iat": int(datetime(2027, 3, 3, 9, tzinfo=UTC).timestamp()),
        "jti": "00112233445566778899aabbccddeeff",
        "txn": "ffeeddccbbaa99887766554433221100",
        "sub_id": {"format": "opaque", "id": "8c2f5d9b"},
        "seq": {"subscriber": 1, "person": 1},
        "events": {EVENT_PREFIX + name: example(name)},
    }


@cache
def _released_model(sections: tuple[str, ...]) -> type[BaseModel]:
    known = ReleasedSections.model_fields
    members: dict[str, Any] = {one: (known[one].annotation, absent()) for one in sections}
    return create_model(
        f"Carried{'And'.join(title_of(one) for one in sections) or 'Nothing'}",
        __base__=Strict,
        __doc__="What of the sections the recipient may have.",
        **members,
    )


def _example_release(event: EventType) -> dict[str, Any]:
    """One field that the type tells of, without its value: that nothing is recorded is one, too."""
    part = (event.tells or event.sections)[0]
    section, _, field = part.partition(".")
    model = ReleasedSections.model_fields[section].annotation
    assert model is not None  # noqa: S101 - each section has its model
    name = field or next(iter(model.model_fields))
    released = {
        "form": "summary",
        "policies": ["PRB-release"],
        "legal_bases": ["ILLUSTRATIVE"],
        "recorded": False,
    }
    return {section: {name: released}}


def _webhook(name: str, summary: str, described: str) -> dict[str, Any]:
    return {
        "post": {
            "operationId": f"notice_{name}",
            "tags": ["notices"],
            "summary": summary,
            "description": described,
            "requestBody": {
                "required": True,
                "content": {MEDIA_TYPE: {"schema": _sealed(name)}},
            },
            "responses": {
                "2XX": {"description": "Taken. That is no acknowledgement."},
                "410": {"description": "Nobody takes notices here any more."},
            },
        }
    }


def _sealed(name: str) -> dict[str, Any]:
    """A JWE of a JWS of these claims."""
    claim = EVENT_PREFIX + name
    content = {"$ref": f"#/components/schemas/{title_of(name)}"}
    return {
        "type": "string",
        "contentMediaType": CLAIMS_TYPE,
        "contentSchema": {
            "allOf": [
                {"$ref": f"#/components/schemas/{CLAIMS}"},
                {
                    "properties": {
                        "events": {"properties": {claim: content}, "required": [claim]},
                    }
                },
            ]
        },
    }


def _in_words(event: EventType) -> str:
    told = ", ".join(sorted(event.recipients)) or "whoever holds a notice that it takes back"
    hours = event.acknowledgement_hours
    answer = "no answer is expected" if hours is None else f"an answer is due in {hours} hours"
    return f"For {told}; {answer}."
