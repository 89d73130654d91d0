"""Consents (condition C): which fields, to whom, for what, until when; withdrawn at any time."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.cases.tables import Consent
from app.database import table_of
from app.problems import Conflict, NotFound

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


def record(connection: Connection, new: NewConsent, *, at: datetime) -> None:
    """Store a consent; it holds from now on."""
    connection.execute(
        insert(CONSENT).values(
            consent_id=new.consent_id,
            person_id=new.person_id,
            recipient_agency=new.recipient_agency,
            purpose=new.purpose,
            fields=sorted(new.fields),
            text_version=new.text_version,
            evidence_sha256=new.evidence_sha256,
            given_at=at,
            expires_on=new.expires_on,
            asserted_by_agency=new.by_agency,
            asserted_by_officer=new.by_officer,
        )
    )


def get(connection: Connection, consent_id: str) -> Row[Any]:
    """The consent of this id; NotFound where there is none."""
    row = connection.execute(
        select(CONSENT).where(CONSENT.c.consent_id == consent_id)
    ).one_or_none()
    if row is None:
        raise NotFound("no such consent")
    return row


def withdraw(
    connection: Connection, consent_id: str, *, agency: str, officer: str, at: datetime
) -> None:
    """End a consent; the next decision no longer sees it."""
    changed = connection.execute(
        update(CONSENT)
        .where(CONSENT.c.consent_id == consent_id, CONSENT.c.withdrawn_at.is_(None))
        .values(withdrawn_at=at, withdrawn_by_agency=agency, withdrawn_by_officer=officer)
    )
    if changed.rowcount != 1:
        raise Conflict("the consent is withdrawn already")


def consented_fields(
    connection: Connection, *, person_id: str, agency_id: str, purpose: str, today: date
) -> frozenset[str]:
    """The paths that the person lets this agency have for this purpose today."""
    rows = connection.scalars(
        select(CONSENT.c.fields).where(
            CONSENT.c.person_id == person_id,
            CONSENT.c.recipient_agency == agency_id,
            CONSENT.c.purpose == purpose,
            CONSENT.c.withdrawn_at.is_(None),
            CONSENT.c.expires_on >= today,
        )
    )
    return frozenset(path for fields in rows for path in fields)
