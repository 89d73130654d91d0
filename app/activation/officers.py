"""Policy officers: registered with a public key of their own; private keys never come here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from app.access_log.canonical_json import JsonObject
from app.activation.evidence import Evidence
from app.activation.tables import PolicyOfficer
from app.crypto.errors import CryptoError
from app.crypto.signing_keys import VerifyingKey
from app.problems import Conflict, FieldError, InvalidInput, NotFound
from app.rows import insert_new, table_of

OFFICER = table_of(PolicyOfficer)
ADDED = "policy-officer"
ENDED = "policy-officer-ended"
ALGORITHM = "ES256"
MAX_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """A policy officer whose registration is on record."""

    officer_id: str
    key: VerifyingKey
    added_at: datetime
    ended_at: datetime | None

    def active(self, at: datetime) -> bool:
        """Whether their word counts at this moment."""
        return self.added_at <= at and (self.ended_at is None or at < self.ended_at)


def public_key(jwk: Mapping[str, Any]) -> VerifyingKey:
    """The key of an officer, or InvalidInput."""
    try:
        key = VerifyingKey.from_jwk(jwk)
    except CryptoError as error:
        raise _bad_key(str(error)) from error
    if key.algorithm != ALGORITHM:
        raise _bad_key(f"expected a key for {ALGORITHM}")
    return key


def fact(officer_id: str, key: VerifyingKey) -> JsonObject:
    """What the entry of an officer's registration says."""
    return {"fact": ADDED, "id": officer_id, "key": key.thumbprint}


def add(
    connection: Connection, officer_id: str, key: VerifyingKey, *, entry_id: str, at: datetime
) -> None:
    """Register an officer; Conflict where id or key are taken."""
    if not 0 < len(officer_id) <= MAX_ID or not officer_id.isprintable() or " " in officer_id:
        raise InvalidInput(f"expected an id of 1 to {MAX_ID} printable characters without spaces")
    # The id of the key names it in what it signs; the thumbprint says which key it is.
    jwk = {**key.public_jwk(), "kid": key.thumbprint}
    added = insert_new(
        connection,
        PolicyOfficer,
        officer_id=officer_id,
        jwk=jwk,
        thumbprint=key.thumbprint,
        added_at=at,
        added_entry=entry_id,
    )
    if not added:
        raise Conflict("a policy officer of this id or with this key is registered already")


def end(connection: Connection, officer_id: str, *, at: datetime) -> None:
    """From now on this officer's word counts no more. NotFound for one who is not active."""
    changed = connection.execute(
        update(OFFICER)
        .where(OFFICER.c.officer_id == officer_id, OFFICER.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    if changed.rowcount != 1:
        raise NotFound("no active policy officer of this id is registered")


def rows(connection: Connection) -> list[Row[Any]]:
    """Every officer, as the table has them."""
    return list(connection.execute(select(OFFICER).order_by(OFFICER.c.officer_id)))


def find(connection: Connection, officer_id: str, evidence: Evidence) -> Officer:
    """An officer whose key the access log bears out.

    Raises:
        NotFound: there is none of this id.
        NotBorneOut: the table says something else than the log.
    """
    row = connection.execute(select(OFFICER).where(OFFICER.c.officer_id == officer_id)).first()
    if row is None:
        raise NotFound("no policy officer of this id is registered")
    key = public_key(row.jwk)
    evidence.require(row.added_entry, fact(officer_id, key), what=f"policy officer {officer_id}")
    return Officer(officer_id=officer_id, key=key, added_at=row.added_at, ended_at=row.ended_at)


def _bad_key(message: str) -> InvalidInput:
    return InvalidInput("the public key cannot be used", errors=(FieldError("jwk", message),))
