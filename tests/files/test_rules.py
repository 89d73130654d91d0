import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from app.files.rules import UNPRINTABLE, Line, Text

NAME = Line(100)
TEXT = Text(200)


@pytest.mark.parametrize("name", ["Arben", "Hadžić", "Ана-Марија", "O'Neil", "محمد", "De la Cruz"])
def test_names_of_all_scripts_fit(name: str) -> None:
    assert NAME.check(name) == name


def test_a_name_is_stored_in_nfc_and_trimmed() -> None:
    assert NAME.check(" Ce\u0301line ") == "Céline"


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\n",
        "\t",
        "\x7f",
        "\u200b",
        "\u200e",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\ud800",
        "\ue000",
    ],
    ids=lambda c: f"U+{ord(c):04X}",
)
def test_what_cannot_be_seen_has_no_place_in_a_name(character: str) -> None:
    for name in (f"Ar{character}ben", f"Arben{character}", f"{character}Arben"):
        with pytest.raises(PydanticCustomError, match="control, bidi"):
            NAME.check(name)


def test_a_text_may_have_paragraphs_and_joiners() -> None:
    assert TEXT.check("One\n\tTwo\u200c\u200dThree") == "One\n\tTwo\u200c\u200dThree"


@pytest.mark.parametrize("character", ["\r", "\x00", "\u202e", "\u2069", "\u2028"])
def test_what_reorders_a_text_is_refused(character: str) -> None:
    with pytest.raises(PydanticCustomError, match="control, bidi"):
        TEXT.check(f"One{character}Two")


@pytest.mark.parametrize("length", [101, 401, 100_000])
def test_a_name_that_is_too_long_is_refused(length: int) -> None:
    with pytest.raises(PydanticCustomError, match="at most 100"):
        NAME.check("a" * length)


@pytest.mark.parametrize("blank", ["", " ", "\u00a0"])
def test_a_blank_is_no_name(blank: str) -> None:
    with pytest.raises(PydanticCustomError, match="some text"):
        NAME.check(blank)


@given(text=st.text(max_size=120))
def test_what_was_accepted_is_printable_normal_and_accepted_again(text: str) -> None:
    try:
        stored = NAME.check(text)
    except PydanticCustomError:
        return
    assert NAME.check(stored) == stored == unicodedata.normalize("NFC", stored)
    assert not {unicodedata.category(c) for c in stored} & UNPRINTABLE
    assert 0 < len(stored) <= 100
