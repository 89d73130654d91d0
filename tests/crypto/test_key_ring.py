import json
import os
import secrets
import shutil
import stat
from pathlib import Path

import pytest
from jose import jwk
from jose.backends.cryptography_backend import CryptographyECKey
from jose.backends.ecdsa_backend import ECDSAECKey

from app.crypto.encoding import encode_base64url
from app.crypto.errors import UnsafeBackend, UnsafeKey
from app.crypto.key_ring import KeyRing
from app.crypto.signing import SigningKey

NEXT = "token_signing.next.pem"
RETIRED = "token_signing.retired.json"
FILES = [
    "blind_index.key",
    "data_encryption.key",
    "data_encryption.next.key",
    "log_retention.key",
    "log_signing.pem",
    "notification_signing.pem",
    "token_signing.next.pem",
    "token_signing.pem",
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "etc" / "keys"
    KeyRing.create(directory, random=secrets.token_bytes)
    return directory


def test_a_new_ring_reads_back_as_it_was_made(tmp_path: Path) -> None:
    created = KeyRing.create(tmp_path / "keys", random=secrets.token_bytes)
    loaded = KeyRing.load(tmp_path / "keys")
    for name in ("data_encryption", "log_retention", "blind_index", "key_encryption"):
        assert getattr(loaded, name) == getattr(created, name)
    assert loaded.token_signing.kid == created.token_signing.kid
    assert loaded.notification_signing.kid == created.notification_signing.kid
    assert loaded.log_signing.public_bytes == created.log_signing.public_bytes


def test_every_key_of_a_new_ring_is_another(directory: Path) -> None:
    ring = KeyRing.load(directory)
    assert len({ring.data_encryption, ring.log_retention, ring.blind_index}) == 3
    assert ring.token_signing.kid != ring.notification_signing.kid


def test_only_the_owner_can_read_the_ring(directory: Path) -> None:
    assert sorted(path.name for path in directory.iterdir()) == FILES
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_ring_leaves_nothing_else_behind(directory: Path) -> None:
    assert [path.name for path in directory.parent.iterdir()] == ["keys"]


def test_an_existing_ring_is_never_overwritten(directory: Path) -> None:
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(UnsafeKey, match="cannot put a new key ring here"):
        KeyRing.create(directory, random=secrets.token_bytes)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_an_empty_folder_can_take_a_new_ring(tmp_path: Path) -> None:
    KeyRing.create(tmp_path, random=secrets.token_bytes)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_a_ring_that_could_not_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken(_: int) -> bytes:
        raise OSError("no randomness")

    with pytest.raises(OSError, match="no randomness"):
        KeyRing.create(tmp_path / "keys", random=broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o610, 0o777])
def test_a_file_that_others_may_use_is_refused(directory: Path, mode: int) -> None:
    (directory / "log_retention.key").chmod(mode)
    with pytest.raises(UnsafeKey, match=r"log_retention\.key: must be a file that only its owner"):
        KeyRing.load(directory)


def test_a_file_that_nobody_may_write_is_fine(directory: Path) -> None:
    for path in directory.iterdir():
        path.chmod(0o400)
    KeyRing.load(directory)


@pytest.mark.parametrize("name", [name for name in FILES if ".next." not in name])
def test_a_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(UnsafeKey, match=name):
        KeyRing.load(directory)


def test_an_unexpected_file_is_named(directory: Path) -> None:
    (directory / "token_signing.pem.old").touch()
    with pytest.raises(UnsafeKey, match=r"token_signing\.pem\.old: not a file of a key ring"):
        KeyRing.load(directory)


def test_the_bookkeeping_of_a_mounted_secret_is_left_alone(directory: Path) -> None:
    (directory / "..data").mkdir()
    KeyRing.load(directory)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsafeKey, match="nowhere"):
        KeyRing.load(tmp_path / "nowhere")


def test_a_folder_in_the_place_of_a_file_is_refused(directory: Path) -> None:
    (directory / "blind_index.key").unlink()
    (directory / "blind_index.key").mkdir(mode=0o700)
    with pytest.raises(UnsafeKey, match=r"blind_index\.key"):
        KeyRing.load(directory)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"planted-secret",
        b"\xff\xfe",
        encode_base64url(bytes(31)).encode(),
        encode_base64url(bytes(33)).encode(),
    ],
)
def test_a_file_that_holds_no_such_key_is_named_and_never_shown(
    directory: Path, name: str, content: bytes
) -> None:
    (directory / name).write_bytes(content)
    with pytest.raises(UnsafeKey, match=name) as refusal:
        KeyRing.load(directory)
    assert "planted-secret" not in str(refusal.value)


def test_a_key_of_another_kind_in_a_file_is_refused(directory: Path) -> None:
    for name, pem in (
        ("token_signing.pem", SigningKey.generate("P-384").to_pem()),
        ("notification_signing.pem", (directory / "log_signing.pem").read_bytes()),
        ("log_signing.pem", (directory / "token_signing.pem").read_bytes()),
    ):
        before = (directory / name).read_bytes()
        (directory / name).write_bytes(pem)
        with pytest.raises(UnsafeKey, match=name):
            KeyRing.load(directory)
        (directory / name).write_bytes(before)
    KeyRing.load(directory)


def test_a_symmetric_key_may_end_with_a_line_break(directory: Path) -> None:
    path = directory / "data_encryption.key"
    before = KeyRing.load(directory)
    path.write_bytes(path.read_bytes() + b"\n")
    assert KeyRing.load(directory).data_encryption == before.data_encryption


def test_a_ring_never_shows_its_secrets_when_printed(directory: Path) -> None:
    assert repr(KeyRing.load(directory)) == "KeyRing()"


def test_the_id_of_a_key_is_stable_and_tells_nothing_of_it(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "keys", random=bytes)
    assert ring.data_encryption == bytes(32)
    assert ring.key_encryption.active_id == "9bf8d7c05d37502b"
    other = KeyRing.create(tmp_path / "other", random=os.urandom)
    assert other.key_encryption.active_id != ring.key_encryption.active_id


def kids(ring: KeyRing) -> list[str]:
    """Every key that an access token may be signed with, in the order next, active, retired."""
    return [key.kid for key in ring.token_keys]


def test_a_rotation_moves_each_key_one_place_on(directory: Path) -> None:
    first = KeyRing.load(directory)
    second = KeyRing.rotate_token_keys(directory)
    third = KeyRing.rotate_token_keys(directory)
    assert len(kids(first)) == 2
    # Who signs after a rotation was published before it, and who signed before is still known.
    assert kids(second)[1:] == kids(first)
    assert kids(third)[1:] == kids(second)[:2]
    assert second.token_signing.kid == kids(first)[0]
    assert kids(KeyRing.load(directory)) == kids(third)
    assert first.log_signing.public_bytes == third.log_signing.public_bytes
    assert first.notification_signing.kid == third.notification_signing.kid


def test_of_a_retired_key_only_the_public_part_is_left(directory: Path) -> None:
    first = KeyRing.load(directory)
    KeyRing.rotate_token_keys(directory)
    secret = first.token_signing.to_pem()
    assert secret not in [path.read_bytes() for path in directory.iterdir()]
    assert '"d"' not in (directory / RETIRED).read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_a_ring_without_a_next_key_gets_one_before_anything_signs_with_it(directory: Path) -> None:
    (directory / NEXT).unlink()
    before = KeyRing.load(directory)
    after = KeyRing.rotate_token_keys(directory)
    assert after.token_signing.kid == before.token_signing.kid
    assert kids(after)[1:] == kids(before)
    assert len(kids(after)) == 2


def test_a_rotation_that_was_broken_off_leaves_a_ring_that_works(directory: Path) -> None:
    active = KeyRing.load(directory).token_signing
    # It ended after its first step, and once more after the second.
    retired = directory / RETIRED
    retired.write_text(json.dumps(active.public_jwk()))
    retired.chmod(0o600)
    halfway = KeyRing.load(directory)
    assert (halfway.token_signing.kid, len(kids(halfway))) == (active.kid, 2)
    (directory / NEXT).replace(directory / "token_signing.pem")
    further = KeyRing.load(directory)
    assert kids(further) == [further.token_signing.kid, active.kid]
    assert kids(KeyRing.rotate_token_keys(directory))[1:] == kids(further)


def test_a_retired_key_that_is_private_or_none_is_refused(directory: Path) -> None:
    for content in (b"{}", b"no JSON", json.dumps({"kty": "EC", "d": "AA"}).encode()):
        (directory / RETIRED).write_bytes(content)
        (directory / RETIRED).chmod(0o600)
        with pytest.raises(UnsafeKey, match="retired"):
            KeyRing.load(directory)


def data_keys(ring: KeyRing) -> list[bytes | None]:
    """The key-encryption keys, in the order next, active, retired."""
    return [ring.data_encryption_next, ring.data_encryption, ring.data_encryption_retired]


def test_a_data_key_moves_one_place_on_and_is_removed_before_another_retires(
    directory: Path,
) -> None:
    first = KeyRing.load(directory)
    second = KeyRing.rotate_data_keys(directory, random=secrets.token_bytes)
    assert data_keys(second)[1:] == data_keys(first)[:2]
    assert data_keys(second)[0] not in data_keys(first)
    with pytest.raises(UnsafeKey, match="a retired key is still here"):
        KeyRing.rotate_data_keys(directory, random=secrets.token_bytes)
    third = KeyRing.remove_retired_data_key(directory)
    assert data_keys(third) == [*data_keys(second)[:2], None]
    fourth = KeyRing.rotate_data_keys(directory, random=secrets.token_bytes)
    assert data_keys(fourth)[1:] == data_keys(third)[:2]
    assert fourth.blind_index == first.blind_index
    assert fourth.log_retention == first.log_retention
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_a_rotation_of_data_keys_that_was_broken_off_is_ended_by_the_next(directory: Path) -> None:
    first = KeyRing.load(directory)
    key, following, retired = (
        directory / f"data_encryption.{name}key" for name in ("", "next.", "retired.")
    )
    # It ended after its first step, and once more after the second.
    shutil.copy(key, retired)
    halfway = KeyRing.load(directory)
    assert not halfway.has_retired_data_key
    assert set(halfway.key_encryption.keys) == set(first.key_encryption.keys)
    following.replace(key)
    further = KeyRing.load(directory)
    assert data_keys(further) == [None, *data_keys(first)[:2]]
    ended = KeyRing.rotate_data_keys(directory, random=secrets.token_bytes)
    assert data_keys(ended)[1:] == data_keys(further)[1:]
    assert ended.data_encryption_next is not None


def test_nothing_computes_with_the_keys_but_the_cryptography_package(directory: Path) -> None:
    jwk.register_key("ES256", ECDSAECKey)
    try:
        with pytest.raises(UnsafeBackend, match="ES256"):
            KeyRing.load(directory)
    finally:
        jwk.register_key("ES256", CryptographyECKey)


def test_the_key_of_the_log_changes_in_two_steps_and_signs_with_both_between(
    directory: Path,
) -> None:
    first = KeyRing.load(directory).log_signing
    both = KeyRing.rotate_log_key(directory, random=secrets.token_bytes).log_signing
    assert both.successor is not None
    assert both.accepted == (first.public_bytes, both.successor.public_bytes)
    # Broken off within the second step: what is retired already still signs.
    public = encode_base64url(first.public_bytes).encode()
    (directory / "log_signing.retired.pub").write_bytes(public)
    (directory / "log_signing.retired.pub").chmod(0o600)
    assert KeyRing.load(directory).log_signing.public_bytes == first.public_bytes
    after = KeyRing.rotate_log_key(directory, random=secrets.token_bytes).log_signing
    assert after.accepted == (both.successor.public_bytes, first.public_bytes)
    assert after.at_work == (after,)


def test_a_lost_key_of_the_log_is_replaced_once_however_often_it_is_tried(directory: Path) -> None:
    lost = KeyRing.rotate_log_key(directory, random=secrets.token_bytes).log_signing
    for present in (True, False):
        if not present:
            (directory / "log_signing.pem").unlink()
        known = lost.public_bytes
        first = KeyRing.replace_log_key(directory, known, random=secrets.token_bytes).log_signing
        again = KeyRing.replace_log_key(directory, known, random=secrets.token_bytes).log_signing
        assert first.accepted == again.accepted
        # The next key may have gone with it.
        assert lost.public_bytes not in first.accepted
        assert first.successor is None


@pytest.mark.parametrize("stolen", [0, 1, 2], ids=["retired", "active", "next"])
def test_whichever_key_of_a_log_is_replaced_none_of_them_is_left(
    directory: Path, stolen: int
) -> None:
    for _ in range(3):
        ring = KeyRing.rotate_log_key(directory, random=secrets.token_bytes)
    key = ring.log_signing
    assert (key.predecessor is None, key.successor is None) == (False, False)
    active, following, retired = key.accepted
    lost = (retired, active, following)[stolen]
    fresh = KeyRing.replace_log_key(directory, lost, random=secrets.token_bytes).log_signing
    assert len(fresh.accepted) == 1
    assert not {active, following, retired} & set(fresh.accepted)
    again = KeyRing.replace_log_key(directory, lost, random=secrets.token_bytes).log_signing
    assert again.accepted == fresh.accepted
