"""Names and numbers that belong to nobody."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.files.formats import NATIONAL_ID, PHONE
from app.population import names

RANDOM = st.integers().map(Random)


@given(RANDOM)
def test_every_family_name_has_a_letter_that_the_region_does_not_write(random: Random) -> None:
    assert "w" in names.family_name(random).lower()


@given(RANDOM)
def test_phone_numbers_cannot_be_dialled(random: Random) -> None:
    number = names.phone(random, calling_code="383")
    assert number.startswith("+38300")
    assert PHONE.check(number) == number


@given(RANDOM)
def test_registration_numbers_begin_with_zeros(random: Random) -> None:
    number = names.national_id(random)
    assert number.startswith("00000")
    assert NATIONAL_ID.check(number) == number


@given(RANDOM)
def test_given_names_are_words(random: Random) -> None:
    assert names.given_name(random).isalpha()
