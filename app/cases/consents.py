"""Consents (condition C): which fields, to whom, for what, until when; withdrawn at any time."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.cases import steps
from app.cases.fact import Fact, FactAltered, Kind, Status, code_of, require_genuine
from app.cases.tables import Consent
from app.crypto.key_ring import KeyRing
from app.problems import Conflict, NotFound
from app.rows import table_of

CONSENT = table_of(Consent)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """A consent as an officer asserts it. `fields` are paths, `evidence_sha256` is hex."""

    consent_id: str
    person_id: str
    recipient_agency: str
    purpose: str
    fields: tuple[str, ...]
    text_version: str
    evidence_sha256: str
    expires_on: date
    by_agency: str
    by_officer: str


def record(connection: Connection, new: NewConsent, *, ring: KeyRing, at: datetime) -> None:
    """Store a consent; it holds from now on."""
    fact = Fact(
        fact_id=new.consent_id,
        kind=Kind.CONSENT,
        person_id=new.person_id,
        agency_id=new.recipient_agency,
        status=Status.IN_FORCE,
        purpose=new.purpose,
        parts=tuple(sorted(new.fields)),
        last_day=new.expires_on,
        by_agency=new.by_agency,
        by_officer=new.by_officer,
    )
    connection.execute(
        insert(CONSENT).values(
            consent_id=fact.fact_id,
            person_id=fact.person_id,
            recipient_agency=fact.agency_id,
            purpose=fact.purpose,
            fields=list(fact.parts),
            text_version=new.text_version,
            evidence_sha256=new.evidence_sha256,
            given_at=at,
            expires_on=new.expires_on,
            asserted_by_agency=new.by_agency,
            asserted_by_officer=new.by_officer,
            authentication_code=code_of(ring, fact),
        )
    )
    steps.append(connection, fact, agency=new.by_agency, officer=new.by_officer, at=at)


def get(connection: Connection, consent_id: str, *, ring: KeyRing) -> Fact:
    """The consent of this id; NotFound where there is none."""
    row = connection.execute(
        select(CONSENT).where(CONSENT.c.consent_id == consent_id)
    ).one_or_none()
    if row is None:
        raise NotFound("no such consent")
    return require_genuine(ring, fact_of(row), row.authentication_code)


def same(connection: Connection, new: NewConsent, *, ring: KeyRing) -> str | None:
    """The id of a consent that says exactly this and was not withdrawn."""
    rows = connection.execute(
        select(CONSENT).where(
            CONSENT.c.person_id == new.person_id,
            CONSENT.c.recipient_agency == new.recipient_agency,
            CONSENT.c.purpose == new.purpose,
            CONSENT.c.text_version == new.text_version,
            CONSENT.c.evidence_sha256 == new.evidence_sha256,
            CONSENT.c.expires_on == new.expires_on,
            CONSENT.c.withdrawn_at.is_(None),
        )
    )
    facts = [require_genuine(ring, fact_of(row), row.authentication_code) for row in rows]
    return next((one.fact_id for one in facts if one.parts == tuple(sorted(new.fields))), None)


def still_given(connection: Connection, ended: Fact, *, ring: KeyRing, on: date) -> frozenset[str]:
    """The fields of a consent that has ended which another one still gives, to the same agency.

    A row that does not bear its code out gives nothing.
    """
    rows = connection.execute(
        select(CONSENT).where(
            CONSENT.c.consent_id != ended.fact_id,
            CONSENT.c.person_id == ended.person_id,
            CONSENT.c.recipient_agency == ended.agency_id,
            CONSENT.c.purpose == ended.purpose,
            CONSENT.c.withdrawn_at.is_(None),
            CONSENT.c.expires_on >= on,
        )
    )
    others = (_genuine(ring, row) for row in rows)
    return frozenset(path for one in others if one is not None for path in one.parts)


def withdraw(
    connection: Connection,
    consent: Fact,
    *,
    ring: KeyRing,
    agency: str,
    officer: str,
    at: datetime,
) -> None:
    """End a consent; the next decision no longer sees it."""
    ended = replace(consent, status=Status.ENDED)
    changed = connection.execute(
        update(CONSENT)
        .where(CONSENT.c.consent_id == consent.fact_id, CONSENT.c.withdrawn_at.is_(None))
        .values(
            withdrawn_at=at,
            withdrawn_by_agency=agency,
            withdrawn_by_officer=officer,
            authentication_code=code_of(ring, ended),
        )
    )
    if changed.rowcount != 1:
        raise Conflict("the consent is withdrawn already")
    steps.append(connection, ended, agency=agency, officer=officer, at=at)


def _genuine(ring: KeyRing, row: Row[Any]) -> Fact | None:
    try:
        return require_genuine(ring, fact_of(row), row.authentication_code)
    except FactAltered:
        return None


def fact_of(row: Row[Any]) -> Fact:
    """What a row says, before its code is looked at."""
    return Fact(
        fact_id=row.consent_id,
        kind=Kind.CONSENT,
        person_id=row.person_id,
        agency_id=row.recipient_agency,
        status=Status.IN_FORCE if row.withdrawn_at is None else Status.ENDED,
        purpose=row.purpose,
        parts=tuple(row.fields),
        last_day=row.expires_on,
        by_agency=row.asserted_by_agency,
        by_officer=row.asserted_by_officer,
    )
