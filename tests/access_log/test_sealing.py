import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.access_log.canonical_json import JsonObject, written
from app.access_log.sealing import PERSONAL, RETAINED, LogKeys, SealedEntry, open_group
from app.crypto.errors import DecryptionFailed

Seal = Callable[..., SealedEntry]
PERSON_KEY = bytes(32)


def test_a_leaf_shows_neither_who_nor_whom_nor_what(seal: Seal, origin: str) -> None:
    sealed = seal()
    leaf = json.loads(sealed.leaf)
    assert leaf.keys() == {"version", "origin", "id", "policy", "commitments"}
    assert (leaf["version"], leaf["origin"], leaf["id"]) == (1, origin, sealed.id)
    for secret in (b"agency-1", b"officer", b"person-1", b"release_preparation", b"disclosure"):
        assert secret not in sealed.leaf + sealed.retained + (sealed.personal or b"")


def test_a_leaf_is_canonical(seal: Seal) -> None:
    leaf = seal().leaf
    assert json.dumps(json.loads(leaf), sort_keys=True, separators=(",", ":")).encode() == leaf


def test_each_section_is_committed_to_under_a_salt_of_its_own(seal: Seal) -> None:
    sealed = seal()
    commitments = json.loads(sealed.leaf)["commitments"]
    assert commitments.keys() == sealed.openings.keys()
    for name, opening in sealed.openings.items():
        expected = hmac.new(opening.salt, opening.content, hashlib.sha256).digest()
        assert b64decode(commitments[name]) == expected
    assert len({opening.salt for opening in sealed.openings.values()}) == len(sealed.openings)


def test_two_seals_of_one_entry_have_nothing_in_common(seal: Seal) -> None:
    first, second = (json.loads(seal().leaf) for _ in range(2))
    assert first["id"] != second["id"]
    assert not set(first["commitments"].values()) & set(second["commitments"].values())


def test_what_outlives_an_erasure_is_sealed_apart(seal: Seal, log_keys: LogKeys) -> None:
    sealed = seal()
    assert sealed.personal is not None
    retained = open_group(sealed.id, RETAINED, sealed.retained, log_keys.log_retention)
    personal = open_group(sealed.id, PERSONAL, sealed.personal, PERSON_KEY)
    assert retained.keys() == {"circumstances", "actor", "grounds"}
    assert personal.keys() == {"subject", "reference", "fields", "payload"}
    assert retained | personal == sealed.openings


def test_what_is_the_same_in_many_entries_opens_as_it_was_and_takes_little_room(
    seal: Seal, log_keys: LogKeys
) -> None:
    said: JsonObject = {"withheld": [{"field": f"a.b{n}", "reason": "n"} for n in range(80)]}
    plain, small = (seal(person=None, fields=fields) for fields in (said, written(said)))
    for sealed in (plain, small):
        opened = open_group(sealed.id, RETAINED, sealed.retained, log_keys.log_retention)
        assert opened == sealed.openings
        assert json.loads(opened["fields"].content) == said
    assert len(small.retained) < len(plain.retained) / 2


def test_an_entry_about_nobody_is_kept_whole(seal: Seal, log_keys: LogKeys) -> None:
    sealed = seal(person=None)
    assert sealed.personal is None
    retained = open_group(sealed.id, RETAINED, sealed.retained, log_keys.log_retention)
    assert retained == sealed.openings


@pytest.mark.parametrize("group", [RETAINED, PERSONAL])
def test_a_ciphertext_opens_only_in_its_own_place(
    seal: Seal, log_keys: LogKeys, group: str
) -> None:
    sealed, other = seal(), seal()
    key = log_keys.log_retention if group == RETAINED else PERSON_KEY
    blob = getattr(sealed, group)
    elsewhere = PERSONAL if group == RETAINED else RETAINED
    for entry_id, place, with_key in (
        (other.id, group, key),
        (sealed.id, elsewhere, key),
        (sealed.id, group, bytes([9]) * 32),
    ):
        with pytest.raises(DecryptionFailed):
            open_group(entry_id, place, blob, with_key)


def test_the_subject_index_is_keyed_and_tells_persons_apart(log_keys: LogKeys) -> None:
    other = replace(log_keys, blind_index=bytes(32))
    indices = {
        log_keys.subject_index("person-1"),
        log_keys.subject_index("person-2"),
        other.subject_index("person-1"),
    }
    assert len(indices) == 3
    assert not any("person" in index for index in indices)


def test_keys_and_openings_do_not_show_in_messages(seal: Seal, log_keys: LogKeys) -> None:
    assert repr(log_keys) == "LogKeys()"
    assert "agency-1" not in repr(seal())
