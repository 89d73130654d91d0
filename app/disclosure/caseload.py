"""The caller's cases: the references by which it may ask. It names nobody else's.

A list read makes an entry for each person on it, and for each of whom it could not be decided
whether the caller may know of them: they are left out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.cases.fact import FactAltered
from app.crypto.at_rest import NONCE_BYTES
from app.crypto.errors import DecryptionFailed
from app.crypto.key_encryption import ID_DIGITS
from app.disclosure.disclose import decide_file, refuse
from app.house import Act, House, Refusal, record
from app.policy.errors import DecisionFailed
from app.problems import FieldError, InvalidInput


class Ruling(StrEnum):
    """Whether a person is on the list; the value is the reason that its entry gives."""

    LISTED = "case-listed"
    UNDECIDED = DecisionFailed.slug
    HIDDEN = ""  # no entry: nothing was told, and nothing went wrong


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
    ruled = {
        one.person_id: _ruling(connection, house, caller, one.person_id, at=at) for one in listed
    }
    # In one order everywhere: two readers that make persons' first entries cannot deadlock.
    for person_id in sorted(ruled):
        if ruled[person_id] is not Ruling.HIDDEN:
            _record(connection, house, caller, person_id, ruled[person_id], at=at)
    known = (one for one in listed if ruled[one.person_id] is Ruling.LISTED)
    cursor = _seal_cursor(house, caller, listed[-1].reference) if len(listed) == limit else None
    return Caseload(tuple(one.reference for one in known), cursor)


def _seal_cursor(house: House, caller: Caller, reference: str) -> str:
    """The last reference that was looked at, sealed: the caller may know nothing of it any more."""
    keys, nonce = house.ring.key_encryption, house.random(NONCE_BYTES)
    sealed = keys.seal(reference.encode(), _cursor_of(caller), nonce=nonce)
    return f"{keys.active_id}{sealed.hex()}"


def _open_cursor(house: House, caller: Caller, cursor: str) -> str:
    try:
        key_id, sealed = cursor[:ID_DIGITS], bytes.fromhex(cursor[ID_DIGITS:])
        return house.ring.key_encryption.unseal(key_id, sealed, _cursor_of(caller)).decode()
    except (ValueError, DecryptionFailed):
        finding = FieldError("/query/after", "expected the `next` of a page before")
        raise InvalidInput("this is no cursor of yours", errors=(finding,)) from None


def _cursor_of(caller: Caller) -> bytes:
    return f"case-cursor\0{caller.agency_id}".encode()


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    person_id: str,
    ruling: Ruling,
    *,
    at: datetime,
) -> None:
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.RELEASED if ruling is Ruling.LISTED else Outcome.REFUSED,
        person_id=person_id,
        fields={"released": [], "withheld": [], "reason": ruling.value},
    )
    record(connection, house, caller, act, at=at)


def _ruling(
    connection: Connection, house: House, caller: Caller, person_id: str, *, at: datetime
) -> Ruling:
    try:
        decided = decide_file(connection, house, caller, person_id, at=at)
    except (DecisionFailed, FactAltered):
        return Ruling.UNDECIDED
    if decided.projection.empty and not decided.decision.contribute:
        return Ruling.HIDDEN
    return Ruling.LISTED
