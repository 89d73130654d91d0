"""How a policy bundle takes effect: approved by two, activated; or narrowed by one in an emergency.

Checks that take their time (loading, proofs, comparison) are done before, in `Candidate`. What
is done here is one transaction: it stands whole, with its entry in the access log, or not at all.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection

from app.access_log.canonical_json import JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.activation import officers, register
from app.activation.evidence import Evidence
from app.activation.register import Standing
from app.activation.statement import ApprovalRefused, Kind, Statement
from app.activation.tables import PolicyActivation
from app.administration.registry import OPERATOR
from app.house import Act, House, record
from app.policy.archive import Archive
from app.problems import Conflict

if TYPE_CHECKING:  # the candidate brings the solver along, which a service does not need
    from app.activation.candidate import Candidate

# An emergency revocation stands at once; within this time a second officer confirms it.
CONFIRMATION = timedelta(days=7)


def put_first_in_force(
    connection: Connection, house: House, archive: Archive, *, at: datetime
) -> None:
    """The first bundle of an installation, on record as such: nobody is there yet to sign."""
    if register.latest(connection) is not None:
        raise Conflict("a policy bundle is in force already")
    register.store(connection, archive, at=at)
    first = PolicyActivation(
        sequence=1,
        digest=archive.digest,
        predecessor=None,
        report=None,
        kind=Kind.INITIAL,
        activated_at=at,
        entry_id="",
    )
    _activate(connection, house, first, payload=None)


def approve(
    connection: Connection,
    house: House,
    candidate: "Candidate",
    officer_id: str,
    token: str,
    *,
    at: datetime,
) -> None:
    """Keep an officer's signed statement about a candidate, and its files.

    Raises:
        ApprovalRefused: it is not that officer's, or says something else.
        Conflict: another bundle took effect meanwhile, or the officer has signed already.
    """
    _require_current(connection, candidate.after)
    _approve(connection, house, candidate, Kind.ACTIVATION, officer_id, token, at=at)


def activate(connection: Connection, house: House, candidate: "Candidate", *, at: datetime) -> int:
    """Put an approved bundle in force; the number of the activation.

    Raises:
        ApprovalRefused: not two different active officers signed this bundle, this report and
            this predecessor.
        Conflict: another bundle took effect meanwhile.
    """
    _require_current(connection, candidate.after)
    _require_signatures(connection, house, candidate, Kind.ACTIVATION, at=at)
    return _follow(connection, house, candidate, Kind.ACTIVATION, at=at)


def revoke(
    connection: Connection,
    house: House,
    candidate: "Candidate",
    officer_id: str,
    token: str,
    *,
    at: datetime,
) -> int:
    """Put a narrower bundle in force on one officer's word; the number of the activation.

    Raises:
        ApprovalRefused: it is not that officer's word, or somebody would receive more.
        Conflict: another bundle took effect meanwhile.
    """
    if candidate.changes.gains:
        raise ApprovalRefused("an emergency revocation may only narrow")
    kind = Kind.EMERGENCY_REVOCATION
    _require_current(connection, candidate.after)
    _approve(connection, house, candidate, kind, officer_id, token, at=at)
    _require_signatures(connection, house, candidate, kind, at=at)
    return _follow(connection, house, candidate, kind, at=at)


def confirm(
    connection: Connection,
    house: House,
    candidate: "Candidate",
    officer_id: str,
    token: str,
    *,
    at: datetime,
) -> None:
    """A second officer's word for the emergency revocation in force.

    Raises:
        Conflict: the bundle in force is not this revocation, or the officer has signed already.
        ApprovalRefused: it is not that officer's word.
    """
    kind = Kind.EMERGENCY_REVOCATION
    expected = Standing(candidate.after.sequence + 1, candidate.archive.digest, kind)
    _require_current(connection, expected)
    _approve(connection, house, candidate, kind, officer_id, token, at=at)


def evidence_of(connection: Connection, house: House) -> Evidence:
    """The access log, to hold the tables of activation against."""
    return Evidence(connection, house.log_keys())


def _require_current(connection: Connection, expected: Standing) -> None:
    if register.latest(connection) != expected:
        raise Conflict("another policy bundle is in force than the one that was compared")


def _approve(
    connection: Connection,
    house: House,
    candidate: "Candidate",
    kind: Kind,
    officer_id: str,
    token: str,
    *,
    at: datetime,
) -> None:
    statement = _statement(connection, house, candidate, kind, officer_id, token, at=at)
    register.store(connection, candidate.archive, at=at)
    fact: JsonObject = {
        "fact": "policy-approval",
        "officer": officer_id,
        "statement": statement.to_json(),
        "signature": token,
    }
    entry_id = _record(connection, house, fact, payload=_payload(candidate), at=at)
    added = register.add_approval(
        connection, officer_id, statement, token, entry_id=entry_id, at=at
    )
    if not added:
        raise Conflict("this policy officer has signed for this bundle already")


def _statement(
    connection: Connection,
    house: House,
    candidate: "Candidate",
    kind: Kind,
    officer_id: str,
    token: str,
    *,
    at: datetime,
) -> Statement:
    """What was signed, once it is the officer's and exactly about the candidate."""
    officer = officers.find(connection, officer_id, evidence_of(connection, house))
    if not officer.active(at):
        raise ApprovalRefused(f"{officer_id} is no policy officer any more")
    said = Statement.verified(token, officer.key)
    meant = candidate.statement(kind, effective_from=None, at=at)
    # Since when, and when it was signed, is for the officer to say.
    if replace(said, effective_from=None, made_at=meant.made_at) != meant:
        raise ApprovalRefused("the signed statement is about another bundle or another report")
    return said


def _require_signatures(
    connection: Connection, house: House, candidate: "Candidate", kind: Kind, *, at: datetime
) -> None:
    evidence = evidence_of(connection, house)
    given = register.approvals(
        connection, candidate.archive.digest, candidate.after.sequence, evidence
    )
    register.require_signatures(
        list(given),
        kind=kind,
        old=candidate.after.digest,
        report=candidate.report_digest,
        country=candidate.archive.country,
        at=at,
    )


def _follow(
    connection: Connection, house: House, candidate: "Candidate", kind: Kind, *, at: datetime
) -> int:
    activation = PolicyActivation(
        sequence=candidate.after.sequence + 1,
        digest=candidate.archive.digest,
        predecessor=candidate.after.digest,
        report=candidate.report_digest,
        kind=kind,
        activated_at=at,
        entry_id="",
    )
    _activate(connection, house, activation, payload=_payload(candidate))
    return activation.sequence


def _activate(
    connection: Connection, house: House, activation: PolicyActivation, payload: JsonObject | None
) -> None:
    at = activation.activated_at
    entry_id = _record(connection, house, register.fact(activation), payload=payload, at=at)
    activation.entry_id = entry_id
    register.add_activation(connection, activation)


def _payload(candidate: "Candidate") -> JsonObject:
    """The report itself: it names roles, fields and policies, and nobody."""
    return {
        "media_type": "application/json",
        "length": len(candidate.report),
        "sha256": candidate.report_digest,
        "report": orjson.loads(candidate.report),
    }


def _record(
    connection: Connection,
    house: House,
    fact: JsonObject,
    *,
    payload: JsonObject | None,
    at: datetime,
) -> str:
    act = Act(
        operation=Operation.POLICY_CHANGE,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields=fact,
        payload=payload,
    )
    return record(connection, house, OPERATOR, act, at=at).id
