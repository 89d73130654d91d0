import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.at_rest import blind_index, seal, unseal, unwrap, wrap
from app.crypto.errors import DecryptionFailed, UnsafeKey

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
NONCE = bytes(12)
keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)


def test_the_ciphertext_follows_the_published_vector() -> None:
    """The Galois/Counter Mode of Operation, McGrew and Viega, test case 16."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plaintext = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    associated_data = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    blob = seal(key, plaintext, associated_data, nonce=nonce)
    assert blob == nonce + bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )


@given(keys, st.binary(max_size=300), st.binary(max_size=50), nonces)
def test_a_sealed_value_opens_again(
    key: bytes, plaintext: bytes, associated_data: bytes, nonce: bytes
) -> None:
    blob = seal(key, plaintext, associated_data, nonce=nonce)
    assert unseal(key, blob, associated_data) == plaintext
    assert len(blob) == 12 + len(plaintext) + 16


@given(st.integers(0, 12 + 5 + 16 - 1), st.integers(1, 255))
def test_a_value_altered_in_any_byte_does_not_open(place: int, change: int) -> None:
    blob = bytearray(seal(KEY, b"value", b"person-1", nonce=NONCE))
    blob[place] ^= change
    with pytest.raises(DecryptionFailed):
        unseal(KEY, bytes(blob), b"person-1")


def test_a_value_opens_only_where_it_belongs() -> None:
    blob = seal(KEY, b"value", b"person-1", nonce=NONCE)
    with pytest.raises(DecryptionFailed):
        unseal(KEY, blob, b"person-2")
    with pytest.raises(DecryptionFailed):
        unseal(OTHER_KEY, blob, b"person-1")


@pytest.mark.parametrize("length", [0, 12, 27])
def test_a_value_that_is_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(DecryptionFailed, match="cut short"):
        unseal(KEY, bytes(length), b"")


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_of_any_other_length_is_refused(length: int) -> None:
    key = bytes(length)
    with pytest.raises(UnsafeKey):
        seal(key, b"", b"", nonce=NONCE)
    with pytest.raises(UnsafeKey):
        unseal(key, bytes(40), b"")
    with pytest.raises(UnsafeKey):
        wrap(KEY, key, b"", nonce=NONCE)
    with pytest.raises(UnsafeKey):
        blind_index(key, "a")


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_a_nonce_of_any_other_length_is_a_mistake_of_the_caller(length: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        seal(KEY, b"", b"", nonce=bytes(length))


def test_a_wrapped_data_key_comes_back() -> None:
    blob = wrap(KEY, OTHER_KEY, b"person-1", nonce=NONCE)
    assert unwrap(KEY, blob, b"person-1") == OTHER_KEY
    with pytest.raises(DecryptionFailed):
        unwrap(KEY, blob, b"person-2")


def test_a_wrapped_key_and_a_sealed_value_never_pass_for_one_another() -> None:
    with pytest.raises(DecryptionFailed):
        unseal(KEY, wrap(KEY, OTHER_KEY, b"person-1", nonce=NONCE), b"person-1")
    with pytest.raises(DecryptionFailed):
        unwrap(KEY, seal(KEY, OTHER_KEY, b"person-1", nonce=NONCE), b"person-1")


def test_a_blind_index_is_the_same_for_the_same_value_under_the_same_key() -> None:
    assert blind_index(KEY, "national-id", "1") == blind_index(KEY, "national-id", "1")
    assert blind_index(KEY, "national-id", "1") != blind_index(OTHER_KEY, "national-id", "1")
    assert len(blind_index(KEY, "national-id", "1")) == 43


def test_a_blind_index_is_hmac_sha_256_over_parts_with_their_lengths() -> None:
    """HMAC-SHA-256 under bytes 0 to 31 over 1 as 8 bytes, then "a"."""
    assert blind_index(KEY, "a") == "6k1WBYb2sxxYGnwtVFr80piWQLCzIX-Rk3cx0CGbLnE"


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_parts_of_a_blind_index_never_run_into_one_another(
    first: list[str], second: list[str]
) -> None:
    same = blind_index(KEY, *first) == blind_index(KEY, *second)
    assert same == (first == second)
