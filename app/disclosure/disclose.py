"""An agency reads: find, decide, project, record. The answer leaves after the commit.

INVARIANT: a person who does not exist and one whom the caller may not know of take the
same path and give byte-identical answers; only the log, which the caller cannot read,
tells them apart.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.cases.fact import FactAltered
from app.disclosure.entity_tags import etag_from, names
from app.disclosure.project import Projection, project, recorded_fields
from app.disclosure.situation import situation
from app.files import store
from app.files.padding import padded
from app.files.store import StoredFile
from app.house import Act, House, Refusal, receipt_of, record
from app.policy.decision import Decision
from app.policy.errors import DecisionFailed
from app.policy.recorded_request import RecordedRequest, to_record
from app.problems import NotFound, ThroughcareError
from app.telemetry.measures import deciding

JSON = "application/json"
# The view of an ordinary file fits it, whoever reads.
SMALLEST_BODY = 32_768
NO_SUCH_FILE = "no inmate file is known to you by this reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """Exists only once its entry is written; whoever holds one holds it after the commit.

    `body` are the exact bytes that leave, `etag` names this projection (RFC 9110). `receipt`
    promises that the entry stands in the log, and leaves with them.
    """

    body: bytes
    etag: str
    entry_id: str
    receipt: str
    not_modified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A file as one caller may see it now, before anything is recorded or leaves.

    `emergencies` are id and author of each that is in force for this caller.
    """

    file: StoredFile
    recorded: RecordedRequest
    decision: Decision
    projection: Projection
    emergencies: frozenset[tuple[str, str]] = frozenset()

    @property
    def emergency(self) -> tuple[str, str] | None:
        """The emergencies as the log names them: their ids, and who stated them."""
        if not self.emergencies:
            return None
        ids, authors = zip(*sorted(self.emergencies), strict=True)
        return " ".join(ids), " ".join(dict.fromkeys(authors))


def disclose(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    *,
    if_none_match: str | None = None,
    at: datetime,
) -> Disclosure | Refusal:
    """The caller's view of the person whom it knows by this reference, or a refusal."""
    person_id = None
    try:
        person_id = references.find(
            connection, ring=house.ring, agency_id=caller.agency_id, reference=reference
        )
        decided = decide_file(connection, house, caller, person_id, at=at)
    except (DecisionFailed, FactAltered) as failure:
        return refuse(connection, house, caller, person_id, failure, at=at)
    if person_id is None or decided.projection.empty:
        return refuse(connection, house, caller, person_id, NotFound(NO_SUCH_FILE), at=at)
    body = render(house, caller, reference, decided.projection)
    digest = hashlib.sha256(body).digest()
    etag = etag_from(digest)
    unchanged = if_none_match is not None and names(if_none_match, etag, weak=True)
    appended = record(
        connection,
        house,
        caller,
        Act(
            operation=Operation.DISCLOSURE,
            channel=Channel.READ,
            outcome=Outcome.RELEASED,
            reference=reference,
            **evidence(decided, len(body), digest, media_type=JSON),
        ),
        at=at,
    )
    return Disclosure(
        body=b"" if unchanged else body,
        etag=etag,
        entry_id=appended.id,
        receipt=receipt_of(house, appended, digest, at=at),
        not_modified=unchanged,
    )


def decide_file(
    connection: Connection,
    house: House,
    caller: Caller,
    person_id: str | None,
    *,
    at: datetime,
    file: StoredFile | None = None,
) -> Decided:
    """Load (unless `file` is given), decide and project; for nobody, the same on an empty file.

    Raises:
        DecisionFailed: the policy gave no clean answer.
        FactAltered: a fact that the decision rests on was altered.
    """
    if file is None:
        file = (
            StoredFile(person_id="", custodian="")
            if person_id is None
            else store.load(connection, person_id, ring=house.ring)
        )
    today = house.legal_date(at)
    found = situation(connection, house, caller, file, at=at)
    with deciding():
        decision = house.bundle.decide(found.request, at=today)
    return Decided(
        file=file,
        recorded=RecordedRequest(found.request, today),
        decision=decision,
        projection=project(decision, file, found.admission, today=today),
        emergencies=found.admission.known.emergencies,
    )


def render(house: House, caller: Caller, reference: str, projection: Projection) -> bytes:
    """The body of a read. It holds no time and no id, so that its digest names its content.

    It is padded: whoever watches the network must not see how much is recorded of a person.
    """
    content = {
        "reference": reference,
        "purpose": caller.purpose,
        "legal_basis": caller.legal_basis,
        "policy": house.bundle.digest,
        "released": projection.released,
        "withheld": projection.withheld,
    }
    return padded(orjson.dumps(content), smallest=SMALLEST_BODY)


def evidence(decided: Decided, length: int, digest: bytes, *, media_type: str) -> dict[str, Any]:
    """What the log keeps of a disclosure: paths, forms, digests, and the inputs it never shows.

    `length` and `digest` (SHA-256) are those of the bytes that leave.
    """
    return {
        "person_id": decided.file.person_id,
        "fields": decided.projection.on_record or recorded_fields(decided.projection),
        "payload": {
            "media_type": media_type,
            "length": length,
            "sha256": digest.hex(),
            "file_version": decided.file.version,
        },
        "inputs": to_record(decided.recorded),
        "emergency": decided.emergency,
    }


def refuse(
    connection: Connection,
    house: House,
    caller: Caller,
    person_id: str | None,
    problem: ThroughcareError,
    *,
    at: datetime,
) -> Refusal:
    """Record that nothing was given, and why."""
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.REFUSED,
        person_id=person_id,
        fields={"released": [], "withheld": [], "reason": problem.slug},
    )
    record(connection, house, caller, act, at=at)
    return Refusal(problem)
