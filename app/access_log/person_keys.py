"""Keys for one person and one year: what is destroyed when the person is erased."""

from sqlalchemy import Connection, bindparam, select

from app.access_log.sealing import LogKeys
from app.access_log.tables import AccessLogPersonKey
from app.crypto import at_rest
from app.crypto.key_ring import RandomBytes
from app.database import insert_new, table_of
from app.problems import Unavailable

PERSON_KEY = table_of(AccessLogPersonKey)

# Every append asks for a key, so the statement is made once: see the ledger.
_FIND = select(PERSON_KEY.c.wrapped_key).where(
    PERSON_KEY.c.subject_index == bindparam("subject"), PERSON_KEY.c.year == bindparam("in_year")
)


def find(connection: Connection, subject_index: str, year: int, *, keys: LogKeys) -> bytes | None:
    """The key, 32 bytes, or None where there is none, or none any more.

    Raises DecryptionFailed when the stored key was altered.
    """
    wrapped = connection.scalar(_FIND, {"subject": subject_index, "in_year": year})
    if wrapped is None:
        return None
    return at_rest.unwrap(keys.log_retention, wrapped, _associated_data(subject_index, year))


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
    wrapped = at_rest.wrap(
        keys.log_retention,
        key,
        _associated_data(subject_index, year),
        nonce=random(at_rest.NONCE_BYTES),
    )
    created = insert_new(
        connection,
        AccessLogPersonKey,
        subject_index=subject_index,
        year=year,
        wrapped_key=wrapped,
    )
    if created:
        return key
    # Another transaction was first: its key is committed now, and holds for both.
    if key := find(connection, subject_index, year, keys=keys):
        return key
    raise Unavailable("the key of this person was taken away at this very moment")


def _associated_data(subject_index: str, year: int) -> bytes:
    return f"access log person key/{subject_index}/{year}".encode()
