"""Bundles, approvals and activations: what was stored, and which of it can be believed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from app.access_log.canonical_json import JsonObject
from app.access_log.instants import format_instant
from app.activation import officers
from app.activation.evidence import Evidence, NotBorneOut
from app.activation.officers import Officer
from app.activation.statement import SIGNATURES, ApprovalRefused, Kind, Statement
from app.activation.tables import PolicyActivation, PolicyApproval, PolicyBundle
from app.policy.archive import Archive
from app.policy.errors import PolicyError
from app.problems import NotFound
from app.rows import insert_new, table_of
from app.statements import Prepared

BUNDLE = table_of(PolicyBundle)
APPROVAL = table_of(PolicyApproval)
ACTIVATION = table_of(PolicyActivation)
FACT = "policy-activation"

# Asked before every decision: made once.
_LATEST = Prepared(
    select(ACTIVATION.c.sequence, ACTIVATION.c.digest, ACTIVATION.c.kind)
    .order_by(ACTIVATION.c.sequence.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Which activation is the last, as the table has it. Cheap, and not yet checked."""

    sequence: int
    digest: str
    kind: str


@dataclass(frozen=True, slots=True)
class Approval:
    """An officer's signed statement whose signature holds."""

    officer: Officer
    statement: Statement


@dataclass(frozen=True, slots=True)
class Verified:
    """The bundle in force, once files, signatures and access log agree on it."""

    archive: Archive
    sequence: int
    kind: str


def latest(connection: Connection) -> Standing | None:
    """The last activation; None before the first."""
    row = _LATEST.one_or_none(connection)
    return None if row is None else Standing(*row)


def history(connection: Connection) -> Sequence[Row[Any]]:
    """Every activation in order."""
    return connection.execute(select(ACTIVATION).order_by(ACTIVATION.c.sequence)).all()


def store(connection: Connection, archive: Archive, *, at: datetime) -> None:
    """Keep the files of a bundle; those that are there already stay."""
    insert_new(
        connection,
        PolicyBundle,
        digest=archive.digest,
        country=archive.country,
        files=archive.to_bytes(),
        stored_at=at,
    )


def stored(connection: Connection, digest: str) -> Archive:
    """The files of a bundle, whose digest was computed anew.

    Raises:
        NotFound: nothing is stored under this digest.
        NotBorneOut: what is stored has another digest.
    """
    row = connection.execute(select(BUNDLE).where(BUNDLE.c.digest == digest)).first()
    if row is None:
        raise NotFound("no bundle of this digest is stored")
    # SQLite keeps text in a column of bytes, if somebody puts it there.
    content = row.files.encode() if isinstance(row.files, str) else bytes(row.files)
    try:
        archive = Archive.from_bytes(content, row.country)
    except PolicyError as error:
        raise NotBorneOut(f"bundle {digest}: the stored files cannot be read: {error}") from error
    if archive.digest != digest:
        raise NotBorneOut(f"bundle {digest}: the stored files have the digest {archive.digest}")
    return archive


def add_approval(
    connection: Connection,
    officer_id: str,
    statement: Statement,
    token: str,
    *,
    entry_id: str,
    at: datetime,
) -> bool:
    """Keep a signed statement; False where the officer has signed for this already."""
    return insert_new(
        connection,
        PolicyApproval,
        digest=statement.new,
        after=statement.after,
        officer_id=officer_id,
        statement=token,
        approved_at=at,
        entry_id=entry_id,
    )


def approvals(
    connection: Connection, digest: str, after: int, evidence: Evidence
) -> Iterator[Approval]:
    """The approvals of a bundle after an activation, with signatures verified anew.

    Raises:
        NotBorneOut: the officer's key is not on record.
        ApprovalRefused: the statement was not signed by that officer, or is about another bundle.
    """
    query = select(APPROVAL).where(APPROVAL.c.digest == digest, APPROVAL.c.after == after)
    for row in connection.execute(query.order_by(APPROVAL.c.approved_at, APPROVAL.c.officer_id)):
        officer = officers.find(connection, row.officer_id, evidence)
        statement = Statement.verified(row.statement, officer.key)
        if (statement.new, statement.after) != (digest, after):
            raise ApprovalRefused(f"{row.officer_id} has signed for another bundle")
        yield Approval(officer, statement)


def signed_by_two(connection: Connection, after: int) -> list[str]:
    """Digests of bundles that two officers have signed for. Not yet checked."""
    query = (
        select(APPROVAL.c.digest)
        .where(APPROVAL.c.after == after)
        .group_by(APPROVAL.c.digest)
        .having(func.count() > 1)
    )
    return list(connection.scalars(query))


def fact(activation: Row[Any] | PolicyActivation) -> JsonObject:
    """What the entry of an activation says."""
    return {
        "fact": FACT,
        "sequence": activation.sequence,
        "digest": activation.digest,
        "predecessor": activation.predecessor,
        "report": activation.report,
        "kind": activation.kind,
        "at": format_instant(activation.activated_at),
    }


def add_activation(connection: Connection, activation: PolicyActivation) -> None:
    """Put a bundle in force. The primary key lets only one follow another."""
    connection.execute(insert(PolicyActivation).values(**activation.model_dump()))


def require_signatures(
    given: Sequence[Approval],
    *,
    kind: Kind,
    old: str,
    report: str,
    country: str,
    at: datetime,
) -> None:
    """As many different officers as the kind needs, active at that time, signed exactly this.

    Raises:
        ApprovalRefused: naming what is missing.
    """
    wanted = {"kind": kind.value, "old": old, "report": report, "country": country}
    counted: dict[str, str] = {}
    reasons: list[str] = []
    for one in given:
        said = one.statement.to_json()
        wrong = [name for name, value in wanted.items() if said[name] != value]
        early = one.statement.effective_from
        if wrong:
            reasons.append(f"{one.officer.officer_id} has signed for another {wrong[0]}")
        elif not one.officer.active(at):
            reasons.append(f"{one.officer.officer_id} is no policy officer any more")
        elif early is not None and at.date().isoformat() < early:
            reasons.append(f"{one.officer.officer_id} has signed for {early} or later")
        else:
            counted[one.officer.key.thumbprint] = one.officer.officer_id
    if len(set(counted.values())) < SIGNATURES[kind]:
        needed = f"{SIGNATURES[kind]} different policy officers must sign"
        have = f"{len(counted)} did"
        raise ApprovalRefused("; ".join([f"{needed}, {have}", *reasons]))


def verify(connection: Connection, evidence: Evidence) -> Verified:
    """The bundle in force, and that it is rightly so: every activation from the first on.

    Raises:
        NotFound: nothing was ever activated.
        NotBorneOut, ApprovalRefused: naming the activation and what does not hold.
    """
    chain = history(connection)
    if not chain:
        raise NotFound("no policy bundle is in force: run `throughcare init`")
    before: Row[Any] | None = None
    for number, row in enumerate(chain, start=1):
        _check_link(row, before, number)
        evidence.require(row.entry_id, fact(row), what=f"activation {number}")
        _check_signed(connection, row, evidence)
        before = row
    last = chain[-1]
    return Verified(stored(connection, last.digest), last.sequence, last.kind)


def _check_link(row: Row[Any], before: Row[Any] | None, number: int) -> None:
    """It follows the one before it; only the first is initial."""
    follows = None if before is None else before.digest
    first = row.kind == Kind.INITIAL
    if row.sequence != number or row.predecessor != follows or first is not (before is None):
        raise NotBorneOut(f"activation {number}: does not follow the one before it")


def _check_signed(connection: Connection, row: Row[Any], evidence: Evidence) -> None:
    if row.kind == Kind.INITIAL:
        return
    country = connection.scalar(select(BUNDLE.c.country).where(BUNDLE.c.digest == row.digest))
    given = list(approvals(connection, row.digest, row.sequence - 1, evidence))
    try:
        require_signatures(
            given,
            kind=Kind(row.kind),
            old=row.predecessor,
            report=row.report,
            country=country or "",
            at=row.activated_at,
        )
    except ApprovalRefused as error:
        raise NotBorneOut(f"activation {row.sequence}: {error}") from error
