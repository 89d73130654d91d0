"""Key-encryption keys: the active one wraps, each that is known opens what it wrapped."""

import pytest

from app.crypto.errors import DecryptionFailed
from app.crypto.key_encryption import ID_DIGITS, KeyEncryptionKeys, id_of

OLD, NEW, DATA = bytes(32), bytes(range(32)), bytes([7] * 32)
NONCE = bytes(12)
BEFORE = KeyEncryptionKeys.of(OLD, NEW)
AFTER = KeyEncryptionKeys.of(NEW, None, OLD)


def test_a_key_that_was_active_opens_what_it_wrapped() -> None:
    wrapped = BEFORE.wrap(DATA, b"place", nonce=NONCE)
    assert AFTER.unwrap(BEFORE.active_id, wrapped, b"place") == DATA
    sealed = BEFORE.seal(b"text", b"place", nonce=NONCE)
    assert AFTER.unseal(BEFORE.active_id, sealed, b"place") == b"text"


def test_who_knows_the_next_key_opens_what_it_wraps_before_the_rotation_is_known() -> None:
    wrapped = AFTER.wrap(DATA, b"place", nonce=NONCE)
    assert BEFORE.unwrap(AFTER.active_id, wrapped, b"place") == DATA


@pytest.mark.parametrize("name", [None, "", "0" * ID_DIGITS, AFTER.active_id])
def test_under_another_name_nothing_opens(name: str | None) -> None:
    wrapped = BEFORE.wrap(DATA, b"place", nonce=NONCE)
    with pytest.raises(DecryptionFailed):
        KeyEncryptionKeys.of(OLD, NEW).unwrap(name, wrapped, b"place")


def test_a_name_tells_nothing_and_no_key_shows_when_it_is_printed() -> None:
    assert len(id_of(OLD)) == ID_DIGITS
    assert id_of(OLD) != id_of(NEW)
    assert repr(BEFORE) == f"KeyEncryptionKeys(active_id='{id_of(OLD)}')"
