"""The deciding facts that have no table of their own: stated, confirmed, ended, found again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, exists, select, update

from app.cases import steps
from app.cases.fact import Fact, Kind, Status, code_of, require_genuine
from app.cases.steps import STEP
from app.cases.tables import DecidingFact
from app.crypto.at_rest import NONCE_BYTES, blind_index
from app.crypto.key_ring import KeyRing, RandomBytes
from app.files.tables import InmateFile
from app.problems import Conflict, NotFound
from app.rows import insert_new, table_of

FACT = table_of(DecidingFact)
FILE = table_of(InmateFile)
STANDING = (Status.PROPOSED, Status.IN_FORCE)
# Also one that was ended: it opened something.
UNREVIEWED = (
    FACT.c.kind == Kind.EMERGENCY_ACCESS.value,
    ~exists().where(STEP.c.fact_id == FACT.c.fact_id, STEP.c.status == steps.REVIEWED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFact:
    """A fact as it is stated, with its evidence and the words that go with it."""

    fact: Fact
    evidence_sha256: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFact:
    """A fact as it is kept, with what nobody decides by."""

    fact: Fact
    details: Mapping[str, Any]
    asserted_at: datetime


def state(
    connection: Connection, new: NewFact, *, ring: KeyRing, at: datetime, random: RandomBytes
) -> Fact:
    """Store a fact and return it, or return the standing one that says the same."""
    index = _content_index(ring, new)
    known = _standing(connection, index, ring=ring)
    if known is not None and known.expires_at is not None and known.expires_at <= at:
        # Its time is over, though nobody ended it: it must not stand in the way of a new one.
        move(
            connection,
            known,
            ring=ring,
            after=Status.ENDED,
            agency=new.fact.by_agency,
            officer=new.fact.by_officer,
            at=at,
        )
        known = None
    if known is not None:
        return known
    if not _insert(connection, new, index, ring=ring, at=at, random=random):
        # A transaction beside this one was faster: its fact is the one that stands.
        known = _standing(connection, index, ring=ring)
        if known is None:
            raise Conflict("the same fact was stated and ended at the same time")
        return known
    fact = new.fact
    steps.append(connection, fact, agency=fact.by_agency, officer=fact.by_officer, at=at)
    return fact


def get(connection: Connection, fact_id: str, kind: Kind, *, ring: KeyRing) -> Fact:
    """The fact of this id and kind; NotFound where there is none."""
    row = connection.execute(
        select(FACT).where(FACT.c.fact_id == fact_id, FACT.c.kind == kind.value)
    ).one_or_none()
    if row is None:
        raise NotFound("no such fact")
    return fact_of(row, ring=ring)


def move(
    connection: Connection,
    fact: Fact,
    *,
    ring: KeyRing,
    after: Status,
    agency: str,
    officer: str,
    at: datetime,
) -> Fact:
    """Take a fact to another status, if it still stands where it was read. Conflict."""
    moved = replace(fact, status=after.value)
    changed = connection.execute(
        update(FACT)
        .where(
            FACT.c.fact_id == fact.fact_id,
            FACT.c.status == fact.status,
            FACT.c.status.in_([one.value for one in STANDING]),
        )
        .values(status=moved.status, authentication_code=code_of(ring, moved))
    )
    if changed.rowcount != 1:
        raise Conflict(f"the fact is {fact.status}")
    steps.append(connection, moved, agency=agency, officer=officer, at=at)
    return moved


def of_kind(connection: Connection, kind: Kind, *, ring: KeyRing) -> list[Fact]:
    """Every fact of a kind, oldest first."""
    rows = connection.execute(
        select(FACT).where(FACT.c.kind == kind.value).order_by(FACT.c.asserted_at, FACT.c.fact_id)
    )
    return [fact_of(row, ring=ring) for row in rows]


def unreviewed(
    connection: Connection,
    *,
    custodian: str | None = None,
    person_id: str | None = None,
    ring: KeyRing,
) -> list[KeptFact]:
    """Emergencies that nobody has reviewed, the oldest first: all, or those about a person.

    With `custodian` those about persons in its keeping.
    """
    query = select(FACT).where(*UNREVIEWED).order_by(FACT.c.asserted_at, FACT.c.fact_id)
    if person_id is not None:
        query = query.where(FACT.c.person_id == person_id)
    if custodian is not None:
        query = query.join(FILE, FILE.c.person_id == FACT.c.person_id).where(
            FILE.c.custodian == custodian
        )
    return [_kept(row, ring) for row in connection.execute(query)]


def kept(connection: Connection, fact_id: str, *, ring: KeyRing) -> KeptFact:
    """The fact of this id as it is kept; NotFound where there is none."""
    row = connection.execute(select(FACT).where(FACT.c.fact_id == fact_id)).one_or_none()
    if row is None:
        raise NotFound("no such fact")
    return _kept(row, ring)


def owes_review(connection: Connection, *, by_agency: str, stated_by: datetime) -> bool:
    """Whether nobody reviewed an emergency that this agency stated up to this moment."""
    query = select(FACT.c.fact_id).where(
        *UNREVIEWED, FACT.c.asserted_by_agency == by_agency, FACT.c.asserted_at <= stated_by
    )
    return connection.execute(query.limit(1)).first() is not None


def fact_of(row: Row[Any], *, ring: KeyRing) -> Fact:
    """What a row says, if it bears its code out."""
    fact = Fact(
        fact_id=row.fact_id,
        kind=row.kind,
        person_id=row.person_id,
        agency_id=row.agency_id,
        status=row.status,
        purpose=row.purpose,
        parts=tuple(row.parts),
        element=row.element,
        expires_at=row.expires_at,
        by_agency=row.asserted_by_agency,
        by_officer=row.asserted_by_officer,
    )
    return require_genuine(ring, fact, row.authentication_code)


def _kept(row: Row[Any], ring: KeyRing) -> KeptFact:
    return KeptFact(
        fact=fact_of(row, ring=ring), details=_open(ring, row), asserted_at=row.asserted_at
    )


def _standing(connection: Connection, index: str, *, ring: KeyRing) -> Fact | None:
    row = connection.execute(
        select(FACT).where(
            FACT.c.content_index == index,
            FACT.c.status.in_([one.value for one in STANDING]),
        )
    ).one_or_none()
    return None if row is None else fact_of(row, ring=ring)


def _insert(
    connection: Connection,
    new: NewFact,
    index: str,
    *,
    ring: KeyRing,
    at: datetime,
    random: RandomBytes,
) -> bool:
    fact = new.fact
    return insert_new(
        connection,
        DecidingFact,
        fact_id=fact.fact_id,
        kind=fact.kind,
        person_id=fact.person_id,
        agency_id=fact.agency_id,
        status=fact.status,
        purpose=fact.purpose,
        parts=list(fact.parts),
        element=fact.element,
        expires_at=fact.expires_at,
        evidence_sha256=new.evidence_sha256,
        details_sealed=None
        if new.details is None
        else ring.key_encryption.seal(
            orjson.dumps(new.details), details_context(fact.fact_id), nonce=random(NONCE_BYTES)
        ),
        key_encryption_key_id=None if new.details is None else ring.key_encryption.active_id,
        asserted_by_agency=fact.by_agency,
        asserted_by_officer=fact.by_officer,
        asserted_at=at,
        content_index=index,
        authentication_code=code_of(ring, fact),
    )


def _content_index(ring: KeyRing, new: NewFact) -> str:
    """Of what a fact says, but for its id, its status and the officer who states it.

    An emergency ends by the clock, not by a day that was stated: its end is no part of it.
    """
    fact = new.fact
    ends = fact.expires_at is None or fact.kind == Kind.EMERGENCY_ACCESS
    return blind_index(
        ring.blind_index,
        "fact",
        fact.kind,
        fact.person_id or "",
        fact.agency_id,
        fact.purpose or "",
        fact.element or "",
        fact.by_agency,
        new.evidence_sha256 or "",
        "" if ends else str(fact.expires_at),
        orjson.dumps(new.details, option=orjson.OPT_SORT_KEYS).decode(),
        *fact.parts,
    )


def _open(ring: KeyRing, row: Row[Any]) -> dict[str, Any]:
    if row.details_sealed is None:
        return {}
    content = ring.key_encryption.unseal(
        row.key_encryption_key_id, row.details_sealed, details_context(row.fact_id)
    )
    opened: dict[str, Any] = orjson.loads(content)
    return opened


def details_context(fact_id: str) -> bytes:
    """What the sealed words of a fact belong to: beside another fact they do not open."""
    return f"fact-details\0{fact_id}".encode()
