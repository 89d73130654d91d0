"""The caller's cases: the references by which it may ask. It names nobody else's.

A list read makes an entry for each person on it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.cases.fact import FactAltered
from app.crypto.at_rest import NONCE_BYTES, seal, unseal
from app.crypto.errors import DecryptionFailed
from app.disclosure.disclose import decide_file, refuse
from app.house import Act, House, Refusal, record
from app.policy.errors import DecisionFailed
from app.problems import FieldError, InvalidInput


@dataclass(frozen=True, slots=True)
class Caseload:
    """A page of references; `next` is the cursor of the page after it, None at the end."""

    references: tuple[str, ...]
    next: str | None


def caseload(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    after: str | None,
    limit: int,
    at: datetime,
) -> Caseload | Refusal:
    """References of persons about whom the caller may have anything at all now."""
    start = None if after is None else _open_cursor(house, caller, after)
    try:
        listed = references.listing(
            connection, ring=house.ring, agency_id=caller.agency_id, after=start, limit=limit
        )
    except FactAltered as altered:
        return refuse(connection, house, caller, None, altered, at=at)
    known = [one for one in listed if _may_know(connection, house, caller, one.person_id, at=at)]
    # In one order everywhere: two readers that make persons' first entries cannot deadlock.
    for person_id in sorted(one.person_id for one in known):
        _record(connection, house, caller, person_id, at=at)
    cursor = _seal_cursor(house, caller, listed[-1].reference) if len(listed) == limit else None
    return Caseload(tuple(one.reference for one in known), cursor)


def _seal_cursor(house: House, caller: Caller, reference: str) -> str:
    """The last reference that was looked at, sealed: the caller may know nothing of it any more."""
    nonce = house.random(NONCE_BYTES)
    key, place = house.ring.data_encryption, _cursor_of(caller)
    return seal(key, reference.encode(), place, nonce=nonce).hex()


def _open_cursor(house: House, caller: Caller, cursor: str) -> str:
    try:
        sealed = bytes.fromhex(cursor)
        return unseal(house.ring.data_encryption, sealed, _cursor_of(caller)).decode()
    except (ValueError, DecryptionFailed):
        finding = FieldError("/query/after", "expected the `next` of a page before")
        raise InvalidInput("this is no cursor of yours", errors=(finding,)) from None


def _cursor_of(caller: Caller) -> bytes:
    return f"case-cursor\0{caller.agency_id}".encode()


def _record(
    connection: Connection, house: House, caller: Caller, person_id: str, *, at: datetime
) -> None:
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.RELEASED,
        person_id=person_id,
        fields={"released": [], "withheld": [], "reason": "case-listed"},
    )
    record(connection, house, caller, act, at=at)


def _may_know(
    connection: Connection, house: House, caller: Caller, person_id: str, *, at: datetime
) -> bool:
    try:
        decided = decide_file(connection, house, caller, person_id, at=at)
    except DecisionFailed:
        return False
    except FactAltered as altered:
        refuse(connection, house, caller, person_id, altered, at=at)
        return False
    return not decided.projection.empty or bool(decided.decision.contribute)
