"""The facts about a person, with their versions: for the custodian, and for an auditor.

Nothing of the file is among them. Whether a victim has opted in is not for the custodian.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.audit.read_log import may_read
from app.cases import references, steps
from app.cases.fact import Fact, Kind
from app.cases.loading import of_person
from app.cases.steps import Step
from app.files.tables import InmateFile
from app.house import Act, House, Refusal, record
from app.problems import NotFound, ThroughcareError
from app.rows import table_of

FILE = table_of(InmateFile)
UNKNOWN_PERSON = "no person is known to you by this reference"


@dataclass(frozen=True, slots=True)
class ReadFact:
    """A fact, whether it counts now, and the steps that it took."""

    fact: Fact
    counts: bool
    versions: tuple[Step, ...]


def facts_about(
    connection: Connection, house: House, caller: Caller, reference: str, *, at: datetime
) -> list[ReadFact] | Refusal:
    """The facts about the person of this reference, ended ones too.

    The custodian asks by its own reference, an auditor by the exchange's own id of the person,
    as entries of the log name it. Each such read is an entry.
    """
    auditor = may_read(house, caller, at=at)
    person_id = None
    try:
        person_id = person_named(connection, house, caller, reference, auditor=auditor)
        found = of_person(connection, ring=house.ring, person_id=person_id)
    except ThroughcareError as problem:
        _record(connection, house, caller, person_id, problem.slug, auditor=auditor, at=at)
        return Refusal(problem)
    _record(connection, house, caller, person_id, None, auditor=auditor, at=at)
    shown = [one for one in found if auditor or one.kind != Kind.VICTIM_REGISTRATION]
    versions = steps.of(connection, [one.fact_id for one in shown])
    today = house.legal_date(at)
    return [
        ReadFact(one, one.counts(at=at, today=today), tuple(versions[one.fact_id])) for one in shown
    ]


def person_named(
    connection: Connection, house: House, caller: Caller, reference: str, *, auditor: bool
) -> str:
    """The person whom a custodian or an auditor asks about; to anybody else NotFound."""
    person_id: str | None = reference
    if not auditor:
        person_id = references.find(
            connection, ring=house.ring, agency_id=caller.agency_id, reference=reference
        )
    custodian = connection.scalar(select(FILE.c.custodian).where(FILE.c.person_id == person_id))
    if person_id is None or custodian is None or not (auditor or custodian == caller.agency_id):
        raise NotFound(UNKNOWN_PERSON)
    return person_id


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    person_id: str | None,
    reason: str | None,
    *,
    auditor: bool,
    at: datetime,
) -> None:
    said = {} if reason is None else {"reason": reason}
    act = Act(
        operation=Operation.LOG_READ if auditor else Operation.CONSULTATION,
        channel=Channel.AUDIT if auditor else Channel.ADMINISTRATION,
        outcome=Outcome.RELEASED if reason is None else Outcome.REFUSED,
        person_id=person_id,
        fields={"facts": "listed", **said},
    )
    record(connection, house, caller, act, at=at)
