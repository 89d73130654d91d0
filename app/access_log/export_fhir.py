"""Entries of an export as FHIR: a line of JSON for each, an AuditEvent of R4B (4.3.0). Pure.

Whom it is about is named by the exchange's own id, which means nothing outside. Leaf and proof
stand in extensions of our own, and so does what an entry does not show.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.access_log.export_rows import ExportedEntry
from app.access_log.instants import format_instant
from app.access_log.vocabulary import Operation, Outcome

Json = dict[str, Any]

OWN = "urn:throughcare"
# Event types of R4B: ISO TS 21089, events in the life of a record.
LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
PERSON, OBJECT = "1", "2"
UNKNOWN = {"system": f"{OWN}:operation", "code": "unknown"}

# Operation, as lifecycle event and as audit-event-action: create, read, update, delete, execute.
TYPES: Mapping[str, tuple[str, str]] = {
    Operation.COLLECTION: ("originate", "C"),
    Operation.ALTERATION: ("amend", "U"),
    Operation.CONSULTATION: ("access", "R"),
    Operation.DISCLOSURE: ("disclose", "R"),
    Operation.COMBINATION: ("link", "U"),
    Operation.ERASURE: ("destroy", "D"),
    Operation.LOG_READ: ("access", "R"),
    Operation.POLICY_CHANGE: ("amend", "U"),
    Operation.KEY_EVENT: ("amend", "U"),
    Operation.DELIVERY: ("transmit", "E"),
    Operation.ALERT: ("report", "E"),
}
# audit-event-outcome: 0 success, 4 minor failure, 8 serious failure.
OUTCOMES: Mapping[str, str] = {
    Outcome.RELEASED: "0",
    Outcome.RECORDED: "0",
    Outcome.DELIVERED: "0",
    Outcome.ATTEMPTED: "0",
    Outcome.ACKNOWLEDGED: "0",
    Outcome.REFUSED: "4",
    Outcome.CANCELLED: "4",
    Outcome.FAILED: "8",
}


def fhir_rows(exported: Iterable[ExportedEntry], *, origin: str) -> bytes:
    """A line for each entry; `origin` is the name of the log."""
    lines = (orjson.dumps(audit_event(one, origin=origin)) for one in exported)
    return b"".join(line + b"\n" for line in lines)


def audit_event(exported: ExportedEntry, *, origin: str) -> Json:
    """The AuditEvent of an entry. What does not open of it is absent, and named as missing."""
    entry, sections = exported.entry, exported.entry.sections
    done = sections.get("circumstances", {})
    operation, outcome = str(done.get("operation")), str(done.get("outcome"))
    lifecycle, action = TYPES.get(operation, (None, None))
    return _present(
        {
            "resourceType": "AuditEvent",
            "id": entry.id,
            "extension": _extensions(exported),
            # Of an entry that does not open nothing is known but its place.
            "type": _coding(LIFECYCLE, lifecycle) if lifecycle else UNKNOWN,
            "subtype": [
                _coding(f"{OWN}:{name}", str(done[name]))
                for name in ("operation", "channel")
                if name in done
            ],
            "action": action,
            "recorded": format_instant(exported.recorded_at),
            "outcome": OUTCOMES.get(outcome),
            "outcomeDesc": done.get("outcome"),
            "purposeOfEvent": _grounds(sections.get("grounds", {})),
            "agent": _agents(sections.get("actor", {})),
            "source": {"observer": _named("log", origin)},
            "entity": _entities(sections),
        }
    )


def _extensions(exported: ExportedEntry) -> list[Json]:
    entry = exported.entry
    return [
        *(
            {"url": f"{OWN}:{name}", "valueBase64Binary": b64encode(content).decode()}
            for name, content in (("leaf", entry.leaf), ("proof", exported.proof.encode()))
            if content
        ),
        *(
            {"url": f"{OWN}:missing", "valueString": f"{name}: {reason}"}
            for name, reason in entry.missing.items()
        ),
    ]


def _agents(actor: Mapping[str, Any]) -> list[Json]:
    """The officer who asked for it, the client and the agency; the service where nobody did."""
    if not actor.get("officer"):
        return [{"who": _named("agency", str(actor.get("agency", "service"))), "requestor": True}]
    officer = _present(
        {
            "role": [{"text": actor["function"]}] if actor.get("function") else [],
            "who": _named("officer", actor["officer"]),
            "altId": actor.get("assurance"),
            "name": actor.get("name"),
            "requestor": True,
        }
    )
    others = [
        {"who": _named(name, actor[name]), "requestor": False}
        for name in ("client", "agency")
        if actor.get(name)
    ]
    return [officer, *others]


def _grounds(grounds: Mapping[str, Any]) -> list[Json]:
    # A code of FHIR has single spaces, and none around it; the lines of JSON have what was stated.
    stated = ((name, " ".join(str(value).split())) for name, value in grounds.items())
    return [{"coding": [_coding(f"{OWN}:{name}", code)]} for name, code in stated if code]


def _entities(sections: Mapping[str, Mapping[str, Any]]) -> list[Json]:
    """The person, and what was released, withheld or said of the bytes that left."""
    found: list[Json] = []
    if "subject" in sections:
        what = _named("person", str(sections["subject"]["person"]))
        found.append({"what": what, "type": _coding(ENTITY, PERSON)})
    details = [
        {"type": f"{part}.{name}", "valueString": _text(value)}
        for part in ("fields", "payload")
        for name, value in sections.get(part, {}).items()
    ]
    if details:
        found.append({"type": _coding(ENTITY, OBJECT), "detail": details})
    return found


def _text(value: object) -> str:
    """As JSON, but for a text, which stands for itself; a string of FHIR is never empty."""
    return (value if isinstance(value, str) else orjson.dumps(value).decode()) or '""'


def _named(kind: str, value: str) -> Json:
    return {"identifier": {"system": f"{OWN}:{kind}", "value": value}}


def _coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def _present(members: Json) -> Json:
    """Without what is not there: FHIR has no empty members."""
    return {name: value for name, value in members.items() if value not in (None, [], "")}
