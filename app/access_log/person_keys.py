"""Keys for one person and one year: what is destroyed when the person is erased."""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ARRAY, Connection, Row, Text, any_, bindparam, func, select, tuple_

from app.access_log.sealing import LogKeys
from app.access_log.tables import AccessLogPersonKey
from app.crypto import at_rest
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import RandomBytes
from app.problems import Unavailable
from app.rows import insert_new, table_of
from app.statements import Prepared

PERSON_KEY = table_of(AccessLogPersonKey)

# Every append asks for a key.
_FIND = Prepared(
    select(PERSON_KEY.c.wrapped_key, PERSON_KEY.c.key_encryption_key_id).where(
        PERSON_KEY.c.subject_index == bindparam("subject"),
        PERSON_KEY.c.year == bindparam("in_year"),
    )
)
# Of any number of persons in one text: as JSON on SQLite, as an array on PostgreSQL.
_LISTED = func.json_each(bindparam("subjects", type_=Text)).table_valued("value")
_FIND_LISTED = Prepared(
    select(PERSON_KEY).where(PERSON_KEY.c.subject_index.in_(select(_LISTED.c.value)))
)
_FIND_ANY = Prepared(
    select(PERSON_KEY).where(
        PERSON_KEY.c.subject_index == any_(bindparam("subjects", type_=ARRAY(Text)))
    )
)


def find(connection: Connection, subject_index: str, year: int, *, keys: LogKeys) -> bytes | None:
    """The key, 32 bytes, or None where there is none, or none any more.

    Raises DecryptionFailed when the stored key was altered.
    """
    row = _FIND.one_or_none(connection, subject=subject_index, in_year=year)
    return None if row is None else _unwrap(subject_index, year, row, keys)


def find_all(
    connection: Connection, subjects: Collection[str], *, keys: LogKeys
) -> dict[tuple[str, int], bytes]:
    """The keys of these persons by subject index and year, but for those that do not unwrap."""
    if connection.dialect.name == "sqlite":
        rows = _FIND_LISTED.all(connection, subjects=json.dumps(list(subjects)))
    else:
        rows = _FIND_ANY.all(connection, subjects=list(subjects))
    found: dict[tuple[str, int], bytes] = {}
    for row in rows:
        with suppress(DecryptionFailed):
            found[row.subject_index, row.year] = unwrap(row, keys)
    return found


def find_or_create(
    connection: Connection, subject_index: str, year: int, *, keys: LogKeys, random: RandomBytes
) -> bytes:
    """The key, made at the first entry of the year.

    Two transactions that need a new key at once wait for each other; one that needs several
    asks for them in the order of the subject index, so that none waits in a circle.
    """
    if key := find(connection, subject_index, year, keys=keys):
        return key
    key = random(at_rest.KEY_BYTES)
    wrapped = keys.key_encryption.wrap(
        key, context(subject_index, year), nonce=random(at_rest.NONCE_BYTES)
    )
    created = insert_new(
        connection,
        AccessLogPersonKey,
        subject_index=subject_index,
        year=year,
        wrapped_key=wrapped,
        key_encryption_key_id=keys.key_encryption.active_id,
    )
    if created:
        return key
    # Another transaction was first: its key is committed now, and holds for both.
    if key := find(connection, subject_index, year, keys=keys):
        return key
    raise Unavailable("the key of this person was taken away at this very moment")


def hold(connection: Connection, places: Sequence[tuple[str, int]]) -> bool:
    """Keep these keys (subject index, year) from being erased until the transaction ends.

    False where one of them is gone already. Whoever stores what they have opened asks for them
    first, in their order: an erasure then comes before it, or finds what was stored.
    """
    query = (
        select(PERSON_KEY.c.year)
        .where(tuple_(PERSON_KEY.c.subject_index, PERSON_KEY.c.year).in_(places))
        .order_by(PERSON_KEY.c.subject_index, PERSON_KEY.c.year)
        .with_for_update(read=True)
    )
    return len(connection.execute(query).all()) == len(places)


def unwrap(row: Row[Any], keys: LogKeys) -> bytes:
    """The key of a row. DecryptionFailed."""
    return _unwrap(row.subject_index, row.year, row, keys)


def _unwrap(subject_index: str, year: int, row: Row[Any], keys: LogKeys) -> bytes:
    place = context(subject_index, year)
    if row.key_encryption_key_id is None:
        return at_rest.unwrap(keys.log_retention, row.wrapped_key, place)
    return keys.key_encryption.unwrap(row.key_encryption_key_id, row.wrapped_key, place)


def context(subject_index: str, year: int) -> bytes:
    """What a wrapped key belongs to: for another person or year it does not open."""
    return f"access log person key/{subject_index}/{year}".encode()
