"""How a fact that was stated, moved or refused goes on record."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.access_log.canonical_json import JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases.fact import ACCEPTED, Kind
from app.house import Act, House, Refusal, record
from app.problems import ThroughcareError


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A fact that took a step. `evidence_sha256` is that of its document, where there is one."""

    kind: Kind
    fact_id: str
    status: str
    person_id: str | None
    evidence_sha256: str | None = None


def record_fact(
    connection: Connection, house: House, caller: Caller, moved: Moved, *, at: datetime
) -> None:
    """Write the entry of a fact that took a step.

    Where a case begins, what two agencies know of one person is brought together from then on:
    a combination (Directive (EU) 2016/680, Article 25(1)).
    """
    digest = moved.evidence_sha256
    change = {
        "id": moved.fact_id,
        "status": moved.status,
        **({} if digest is None else {"evidence_sha256": digest}),
    }
    joined = moved.kind is Kind.CASE_ASSIGNMENT and moved.status == ACCEPTED
    record_change(
        connection,
        house,
        caller,
        moved.kind,
        change,
        person_id=moved.person_id,
        operation=Operation.COMBINATION if joined else Operation.ALTERATION,
        at=at,
    )


def record_change(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: str,
    change: JsonObject,
    *,
    person_id: str | None,
    operation: Operation = Operation.ALTERATION,
    at: datetime,
) -> None:
    """Write the entry of a change of what decides about a person: `fact` names which."""
    act = Act(
        operation=operation,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        person_id=person_id,
        fields={"fact": str(fact), **change},
    )
    record(connection, house, caller, act, at=at)


def refuse_fact(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: str,
    problem: ThroughcareError,
    *,
    at: datetime,
) -> Refusal:
    """Write the entry of a step that was refused. It names nobody: the caller may know nobody."""
    act = Act(
        operation=Operation.ALTERATION,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.REFUSED,
        fields={"fact": str(fact), "reason": problem.slug},
    )
    record(connection, house, caller, act, at=at)
    return Refusal(problem)
