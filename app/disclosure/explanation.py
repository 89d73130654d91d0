"""Why the caller gets what it gets, and to the keeper of a file why anybody does.

A recipient is told form and reason of each field: no more than its own view shows already. The
custodian is told conditions, policies and citations too, also those of a decision about another
agency. The entry is written before the answer leaves, as at a read.

INVARIANT: whoever may know nothing of a person gets the answer of `disclose`, byte for byte.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app.access_log.ledger import AppendedEntry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies import registry
from app.agencies.tokens import ASSERTED, Caller
from app.cases import references
from app.disclosure.disclose import JSON, NO_SUCH_FILE, Decided, decide_file, refuse
from app.disclosure.situation import situation
from app.files.padding import padded
from app.house import Act, House, Refusal, receipt_of, record
from app.policy.explain import explain
from app.policy.roles import FACT_ROLES
from app.policy.told import form_and_reason, told
from app.problems import Forbidden, NotFound, ThroughcareError

# Each fits in full for every role, so that the length says nothing of the facts of a case.
SMALLEST_ANSWER = 32_768
SMALLEST_FULL_ANSWER = 65_536
# What has no grounds but the victim's own wish: the custodian must not learn of it by asking.
VICTIMS_WISH = FACT_ROLES["victim_registered"]
NOT_THE_CUSTODIANS = "only the custodian of the file may ask about another agency"
NOT_TO_BE_TOLD = "what the policy gives to victim support is not for the custodian"


@dataclass(frozen=True, slots=True)
class About:
    """The recipient that a custodian asks about."""

    agency_id: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Told:
    """Exists only once its entry is written; `body` are the exact bytes that leave."""

    body: bytes
    entry_id: str
    receipt: str


def explain_file(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    *,
    about: About | None = None,
    at: datetime,
) -> Told | Refusal:
    """The explanation for the caller, or for the recipient that a custodian asks about."""
    person_id = references.find(
        connection, ring=house.ring, agency_id=caller.agency_id, reference=reference
    )
    try:
        decided = decide_file(connection, house, caller, person_id, at=at)
        if person_id is None or decided.projection.empty:
            raise NotFound(NO_SUCH_FILE)
        content = _content(connection, house, caller, decided, about, at=at)
    except ThroughcareError as problem:
        return refuse(connection, house, caller, person_id, problem, at=at)
    full = decided.file.custodian == caller.agency_id
    body = padded(
        orjson.dumps({"reference": reference, **content}),
        smallest=SMALLEST_FULL_ANSWER if full else SMALLEST_ANSWER,
    )
    appended = _record(connection, house, caller, (person_id, reference), about, body, at=at)
    digest = hashlib.sha256(body).digest()
    return Told(body, appended.id, receipt_of(house, appended, digest, at=at))


def _content(
    connection: Connection,
    house: House,
    caller: Caller,
    decided: Decided,
    about: About | None,
    *,
    at: datetime,
) -> dict[str, Any]:
    if decided.file.custodian != caller.agency_id:
        if about is not None:
            raise Forbidden(NOT_THE_CUSTODIANS)
        fields = decided.decision.fields.items()
        return {
            "purpose": caller.purpose,
            "policy": decided.decision.digest,
            "fields": [form_and_reason(path, field) for path, field in fields],
        }
    asked = caller if about is None else _recipient(connection, caller, about)
    request = situation(connection, house, asked, decided.file, at=at).request
    person_id = decided.file.person_id
    known = references.of(
        connection, ring=house.ring, agency_id=asked.agency_id, person_id=person_id
    )
    return {
        "agency": asked.agency_id,
        "role": asked.role,
        "purpose": asked.purpose,
        "policy": house.bundle.digest,
        "day": house.legal_date(at).isoformat(),
        # Without a reference of its own it cannot even ask.
        "has_reference": known is not None,
        **told(explain(house.bundle, request, at=house.legal_date(at))),
    }


def _recipient(connection: Connection, caller: Caller, about: About) -> Caller:
    """The agency as it would call now. InvalidInput: it could not call for this purpose."""
    agency = registry.agency(connection, about.agency_id)
    if agency.role in VICTIMS_WISH:
        raise Forbidden(NOT_TO_BE_TOLD)
    return replace(
        caller,
        agency_id=agency.agency_id,
        agency_name=agency.name,
        role=agency.role,
        country=agency.country,
        municipalities=agency.municipalities,
        fallback=agency.fallback,
        client_id=registry.client_for(connection, agency.agency_id, about.purpose),
        assurance=ASSERTED,
        purpose=about.purpose,
    )


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    person: tuple[str, str],
    about: About | None,
    body: bytes,
    *,
    at: datetime,
) -> AppendedEntry:
    """No value of a field has left: the entry says that, and about which recipient it was told."""
    fields: dict[str, Any] = {"released": [], "withheld": [], "reason": "explained"}
    if about is not None:
        fields["about"] = {"agency": about.agency_id, "purpose": about.purpose}
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.RELEASED,
        person_id=person[0],
        reference=person[1],
        fields=fields,
        payload={
            "media_type": JSON,
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        },
    )
    return record(connection, house, caller, act, at=at)
