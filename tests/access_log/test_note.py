"""The published example of the signed note's format, and what must not pass."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.note import MAX_SIGNATURES, NoteRefused, Verifier, open_note, sign_note
from app.crypto.log_signing import LogSigningKey

VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
# The published signing key: "PRIVATE+KEY+PeterNeumann+c74f20a3+" and base64 of type and seed.
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
    "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
PETER = Verifier.from_vkey(VKEY)
KEY = LogSigningKey.from_seed(SEED)
OTHER = LogSigningKey.from_seed(bytes(range(32)))
OTHER_LINE = sign_note(TEXT, name="Other", key=OTHER).removeprefix(TEXT + "\n")


def test_the_published_note_opens() -> None:
    opened = open_note(NOTE, [PETER])
    assert opened.text == TEXT
    assert opened.signers == ("PeterNeumann",)


def test_signing_makes_the_published_note() -> None:
    assert sign_note(TEXT, name="PeterNeumann", key=KEY) == NOTE


def test_a_verifier_key_is_written_as_published() -> None:
    assert Verifier.of("PeterNeumann", KEY).to_vkey() == VKEY


def test_no_part_of_a_verifier_key_can_change_or_be_missing() -> None:
    for at in range(len(VKEY)):
        changed = VKEY[:at] + chr(ord(VKEY[at]) + 1) + VKEY[at + 1 :]
        for wrong in (changed, VKEY[:at], VKEY[at + 1 :]):
            with pytest.raises(NoteRefused):
                Verifier.from_vkey(wrong)


@pytest.mark.parametrize(
    "vkey",
    [
        # a key of a wrong length, and an unknown type; each with the id that belongs to it
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_verifier_key_of_another_kind_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        Verifier.from_vkey(vkey)


@given(at=st.integers(0, len(NOTE.encode()) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_refused(at: int, flip: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= flip
    with pytest.raises((NoteRefused, UnicodeDecodeError)):
        open_note(data.decode(), [PETER])


def test_signatures_of_unknown_keys_are_ignored() -> None:
    assert open_note(NOTE + OTHER_LINE, [PETER]).signers == ("PeterNeumann",)
    both = open_note(NOTE + OTHER_LINE, [PETER, Verifier.of("Other", OTHER)])
    assert both.signers == ("PeterNeumann", "Other")


def test_a_known_name_with_another_key_id_is_an_unknown_key() -> None:
    impostor = sign_note(TEXT, name="PeterNeumann", key=OTHER)
    with pytest.raises(NoteRefused, match="no known key"):
        open_note(impostor, [PETER])


def test_one_wrong_signature_of_a_known_key_refuses_the_note() -> None:
    wrong = sign_note("other\n", name="Other", key=OTHER).removeprefix("other\n\n")
    with pytest.raises(NoteRefused, match="wrong"):
        open_note(NOTE + wrong, [PETER, Verifier.of("Other", OTHER)])


def test_a_note_that_nobody_known_has_signed_is_refused() -> None:
    with pytest.raises(NoteRefused, match="no known key"):
        open_note(NOTE, [])


def test_the_text_may_hold_blank_lines() -> None:
    text = "one\n\ntwo\n"
    assert open_note(sign_note(text, name="PeterNeumann", key=KEY), [PETER]).text == text


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("—", "-"),
        NOTE.replace("PeterNeumann", "Peter Neumann"),
        NOTE.replace("PeterNeumann", "Peter+Neumann"),
        NOTE.replace(" PeterNeumann", " "),
        NOTE.replace("problem,", "problem,\r"),
        NOTE.replace("JnAM=", "JnAN="),  # the same bytes, another writing
        NOTE.replace("JnAM=", "JnAM"),
        TEXT + "\n— PeterNeumann x08gow==\n",  # a key id without a signature
        TEXT + "\n— PeterNeumann x08go/ZJkuA=\n",  # a short signature
        NOTE + NOTE.removeprefix(TEXT + "\n"),  # one key twice
        TEXT + "\n" + OTHER_LINE * (MAX_SIGNATURES + 1),
        "x" * 1_000_001,
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        open_note(note, [PETER])


@pytest.mark.parametrize("text", ["no newline", "tab\t\n"])
def test_a_text_that_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteRefused):
        sign_note(text, name="PeterNeumann", key=KEY)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_a_key_has_a_name_that_a_signature_line_can_hold(name: str) -> None:
    with pytest.raises(ValueError, match="key name"):
        Verifier.of(name, KEY)
