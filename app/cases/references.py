"""References: each agency knows a person under a name of its own, and no other.

A custodian brings its own reference; every other agency gets 128 random bits. Nothing
is derived from the person, so two agencies cannot match their references.

A row's seal names agency and person: one that was repointed does not open (FactAltered).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from app.cases.fact import FactAltered
from app.cases.tables import Reference
from app.crypto.at_rest import blind_index
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import KeyRing
from app.problems import Conflict
from app.rows import insert_new, table_of
from app.statements import Prepared

REFERENCE = table_of(Reference)
# Every read asks the first: both are prepared.
_FIND = Prepared(
    select(REFERENCE).where(
        REFERENCE.c.agency_id == bindparam("agency"),
        REFERENCE.c.reference_index == bindparam("index"),
    )
)
_OF = Prepared(
    select(REFERENCE).where(
        REFERENCE.c.agency_id == bindparam("agency"), REFERENCE.c.person_id == bindparam("person")
    )
)
RANDOM_BYTES = 16
NONCE_BYTES = 12
ALTERED = "a reference cannot be relied on; nothing was released"

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Listed:
    """A reference of an agency and the person behind it (`person_id` never leaves)."""

    reference: str
    person_id: str


def find(connection: Connection, *, ring: KeyRing, agency_id: str, reference: str) -> str | None:
    """The person whom this agency knows by this reference, or None."""
    index = _index(ring, agency_id, reference)
    row = _FIND.one_or_none(connection, agency=agency_id, index=index)
    if row is None:
        return None
    if _open(ring, row) != reference:
        raise FactAltered(ALTERED)
    return str(row.person_id)


def name(
    connection: Connection,
    *,
    ring: KeyRing,
    agency_id: str,
    person_id: str,
    reference: str,
    at: datetime,
    random: Random,
) -> None:
    """Give a person this reference in an agency's namespace.

    Conflict: the reference names another person, or the agency has another one for this person.
    """
    added = _insert(
        connection,
        ring=ring,
        agency_id=agency_id,
        person_id=person_id,
        reference=reference,
        at=at,
        random=random,
    )
    if not added:
        raise Conflict("this reference is taken, or the person has another one")


def ensure(
    connection: Connection,
    *,
    ring: KeyRing,
    agency_id: str,
    person_id: str,
    at: datetime,
    random: Random,
) -> str:
    """The agency's reference for this person; a random one is made at first need."""
    known = of(connection, ring=ring, agency_id=agency_id, person_id=person_id)
    if known is not None:
        return known
    made = random(RANDOM_BYTES).hex()
    added = _insert(
        connection,
        ring=ring,
        agency_id=agency_id,
        person_id=person_id,
        reference=made,
        at=at,
        random=random,
    )
    if added:
        return made
    # A transaction beside this one was faster: its reference is the one that stands.
    return of(connection, ring=ring, agency_id=agency_id, person_id=person_id) or made


def of(connection: Connection, *, ring: KeyRing, agency_id: str, person_id: str) -> str | None:
    """The agency's reference for this person, or None where it has none."""
    row = _OF.one_or_none(connection, agency=agency_id, person=person_id)
    return None if row is None else _open(ring, row)


def listing(
    connection: Connection, *, ring: KeyRing, agency_id: str, after: str | None, limit: int
) -> list[Listed]:
    """A page of the agency's references in the order of their keyed index, after a reference."""
    query = select(REFERENCE).where(REFERENCE.c.agency_id == agency_id)
    if after is not None:
        query = query.where(REFERENCE.c.reference_index > _index(ring, agency_id, after))
    rows = connection.execute(query.order_by(REFERENCE.c.reference_index).limit(limit))
    return [Listed(_open(ring, row), row.person_id) for row in rows]


def _insert(
    connection: Connection,
    *,
    ring: KeyRing,
    agency_id: str,
    person_id: str,
    reference: str,
    at: datetime,
    random: Random,
) -> bool:
    return insert_new(
        connection,
        Reference,
        agency_id=agency_id,
        reference_index=_index(ring, agency_id, reference),
        reference_sealed=ring.key_encryption.seal(
            reference.encode(), context(agency_id, person_id), nonce=random(NONCE_BYTES)
        ),
        key_encryption_key_id=ring.key_encryption.active_id,
        person_id=person_id,
        created_at=at,
    )


def _index(ring: KeyRing, agency_id: str, reference: str) -> str:
    return blind_index(ring.blind_index, "reference", agency_id, reference)


def context(agency_id: str, person_id: str) -> bytes:
    """What a sealed reference belongs to: for another agency or person it does not open."""
    return f"reference\0{agency_id}\0{person_id}".encode()


def _open(ring: KeyRing, row: Row[Any]) -> str:
    place = context(row.agency_id, row.person_id)
    try:
        return ring.key_encryption.unseal(
            row.key_encryption_key_id, row.reference_sealed, place
        ).decode()
    except DecryptionFailed:
        raise FactAltered(ALTERED) from None
