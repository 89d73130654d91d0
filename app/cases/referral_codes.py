"""One-time codes by which a person who comes to the desk opens their case to an agency.

A code is 80 random bits in Crockford's base 32 with his check symbol, so that a slip of the
pen is noticed before it counts as a guess. Stored is a keyed digest alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from app.cases.fact import FactAltered
from app.cases.tables import RedemptionFailure, ReferralCode
from app.crypto.at_rest import authentication_code, blind_index
from app.crypto.key_ring import KeyRing, RandomBytes
from app.rows import table_of

CODE = table_of(ReferralCode)
FAILURE = table_of(RedemptionFailure)

RANDOM_BYTES = 10
LIFETIME = timedelta(days=14)
# So many codes may a client try in vain within so long: at 80 bits a guess never comes near.
FAILURES = 10
WITHIN = timedelta(hours=1)

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CHECKS = f"{DIGITS}*~$=U"
# How hands and eyes confuse them, and what people put between groups.
CONFUSED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
LENGTH = 16
GROUP = 4


class Mistyped(ValueError):
    """The text is no code: too long, too short, or its check symbol does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCode:
    """Who makes a code about whom, and what for."""

    person_id: str
    purpose: str
    by_agency: str
    by_officer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a code that is still good was made for."""

    person_id: str
    by_agency: str
    by_officer: str


def new_text(random: RandomBytes) -> str:
    """A code as it is printed, such as `0123-4567-89AB-CDEF-G`."""
    number = int.from_bytes(random(RANDOM_BYTES))
    digits = [DIGITS[number >> shift & 31] for shift in range((LENGTH - 1) * 5, -1, -5)]
    text = "".join(digits) + CHECKS[number % len(CHECKS)]
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def canonical(text: str) -> str:
    """The code in a text as somebody typed it. Mistyped."""
    code = text.upper().translate(CONFUSED)
    body, check = code[:LENGTH], code[LENGTH:]
    if len(check) != 1 or any(digit not in DIGITS for digit in body) or check not in CHECKS:
        raise Mistyped("expected 16 letters or digits and a check symbol")
    number = 0
    for digit in body:
        number = number * len(DIGITS) + DIGITS.index(digit)
    if CHECKS[number % len(CHECKS)] != check:
        raise Mistyped("the check symbol does not fit")
    return body


def store(
    connection: Connection, text: str, new: NewCode, *, ring: KeyRing, at: datetime
) -> datetime:
    """Keep a code; until when it is good."""
    index = _index(ring, text)
    expires_at = at + LIFETIME
    connection.execute(
        insert(CODE).values(
            code_index=index,
            person_id=new.person_id,
            purpose=new.purpose,
            made_by_agency=new.by_agency,
            made_by_officer=new.by_officer,
            made_at=at,
            expires_at=expires_at,
            authentication_code=_code_of(
                ring, index, new.person_id, new.purpose, new.by_agency, expires_at
            ),
        )
    )
    return expires_at


def redeem(
    connection: Connection,
    text: str,
    *,
    ring: KeyRing,
    agency: str,
    purpose: str,
    at: datetime,
) -> Made | None:
    """Use a code up; None where there is none that is good for this agency and purpose.

    Unknown, used, expired, made for something else: all of them are none. Of two who redeem
    it at the same time one has it. FactAltered where its row was altered.
    """
    index = _index(ring, text)
    row = connection.execute(select(CODE).where(CODE.c.code_index == index)).one_or_none()
    if row is None:
        return None
    code = _code_of(ring, index, row.person_id, row.purpose, row.made_by_agency, row.expires_at)
    if code != row.authentication_code:
        raise FactAltered("a referral code cannot be relied on; nothing was released")
    if row.purpose != purpose or row.expires_at <= at or row.made_by_agency == agency:
        return None
    used = connection.execute(
        update(CODE)
        .where(CODE.c.code_index == index, CODE.c.redeemed_at.is_(None))
        .values(redeemed_at=at, redeemed_by_agency=agency)
    )
    if used.rowcount != 1:
        return None
    return Made(
        person_id=row.person_id, by_agency=row.made_by_agency, by_officer=row.made_by_officer
    )


def may_try(connection: Connection, client_id: str, *, at: datetime) -> bool:
    """Whether a client has not tried too many codes in vain."""
    connection.execute(
        delete(FAILURE).where(FAILURE.c.client_id == client_id, FAILURE.c.at <= at - WITHIN)
    )
    failed = connection.scalar(
        select(func.count()).select_from(FAILURE).where(FAILURE.c.client_id == client_id)
    )
    return (failed or 0) < FAILURES


def count_failure(connection: Connection, client_id: str, *, failure_id: str, at: datetime) -> None:
    """Remember that a client tried a code in vain."""
    connection.execute(insert(FAILURE).values(failure_id=failure_id, client_id=client_id, at=at))


def _index(ring: KeyRing, text: str) -> str:
    return blind_index(ring.blind_index, "referral-code", canonical(text))


def _code_of(ring: KeyRing, *said: str | datetime) -> str:
    parts = [one.isoformat() if isinstance(one, datetime) else one for one in said]
    return authentication_code(ring.blind_index, "referral-code", *parts)
